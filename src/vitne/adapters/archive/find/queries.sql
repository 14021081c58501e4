-- Over one or several segment files. `/*where*/` is a condition from `where.compile_filter`,
-- `/*texts*/` an expression from `where.texts`; everything else is bound.

-- newest --
-- Positions in the log of the newest rows that match.
SELECT "index" FROM read_parquet(?)
WHERE "index" >= ? AND "index" < ? AND (/*where*/)
ORDER BY "index" DESC LIMIT ?;

-- count --
SELECT count(*) FROM (
  SELECT 1 FROM read_parquet(?)
  WHERE "index" >= ? AND "index" < ? AND (/*where*/)
  LIMIT ?
);

-- facet --
-- Commonest values of a field that has one text at most.
SELECT value, count(*) AS events FROM (
  SELECT /*texts*/ AS value FROM read_parquet(?)
  WHERE "index" >= ? AND "index" < ? AND (/*where*/)
)
WHERE value IS NOT NULL
GROUP BY value ORDER BY events DESC, value LIMIT ?;

-- facet_of_list --
-- The same for a field of several texts: an event counts once for each.
SELECT value, count(*) AS events FROM (
  SELECT unnest(list_distinct(/*texts*/)) AS value FROM read_parquet(?)
  WHERE "index" >= ? AND "index" < ? AND (/*where*/)
)
GROUP BY value ORDER BY events DESC, value LIMIT ?;

-- even_buckets --
-- Rows per bucket of equal width: number of the bucket, rows.
SELECT (occurred_us - ?) // ? AS bucket, count(*) FROM read_parquet(?)
WHERE "index" >= ? AND "index" < ? AND occurred_us >= ? AND occurred_us < ? AND (/*where*/)
GROUP BY bucket;

-- times --
-- Rows per moment, for buckets of unequal width.
SELECT occurred_us, count(*) FROM read_parquet(?)
WHERE "index" >= ? AND "index" < ? AND occurred_us >= ? AND occurred_us < ? AND (/*where*/)
GROUP BY occurred_us;
