-- Erasure, holds and retention.
SELECT 1;
