-- Streams that their senders sign.
SELECT 1;
