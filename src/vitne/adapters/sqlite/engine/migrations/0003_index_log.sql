-- The index log of each log, and what a segment has of it.

ALTER TABLE segment ADD COLUMN level INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN record INTEGER NOT NULL DEFAULT -1;
ALTER TABLE segment ADD COLUMN gap_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN run_root BLOB NOT NULL DEFAULT x'';

CREATE TABLE index_record (
  log_no INTEGER NOT NULL REFERENCES log (no),
  position INTEGER NOT NULL,
  record BLOB NOT NULL,
  segment BLOB NOT NULL,
  troubles BLOB NOT NULL,
  PRIMARY KEY (log_no, position)
) STRICT;

CREATE TABLE index_log (
  log_no INTEGER PRIMARY KEY REFERENCES log (no),
  sealed_end INTEGER NOT NULL,
  counter BLOB NOT NULL,
  told INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE index_head (
  log_no INTEGER PRIMARY KEY REFERENCES log (no),
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL
) STRICT;
