-- What witnesses have seen.
SELECT 1;
