-- The index log of each log.
SELECT 1;
