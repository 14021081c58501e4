-- Erasure and legal holds.

CREATE TABLE erasure (
  log_no INTEGER NOT NULL REFERENCES log (no),
  leaf_index INTEGER NOT NULL,
  section TEXT NOT NULL,
  entry_index INTEGER NOT NULL,
  pruned INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log_no, leaf_index, section)
) STRICT, WITHOUT ROWID;

CREATE INDEX erasure_pending ON erasure (log_no, leaf_index) WHERE done = 0;

CREATE TABLE hold (
  log_no INTEGER NOT NULL REFERENCES log (no),
  id TEXT NOT NULL,
  filter TEXT NOT NULL,
  reason TEXT NOT NULL,
  reference TEXT NOT NULL,
  set_us INTEGER NOT NULL,
  released_us INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log_no, id)
) STRICT, WITHOUT ROWID;
