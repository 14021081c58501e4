-- How much of each counter a `system.stream.stats` event has told, and the one that is under way.

ALTER TABLE tally ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

CREATE TABLE telling (
  log_no INTEGER PRIMARY KEY REFERENCES log (no),
  event BLOB NOT NULL,
  counts TEXT NOT NULL -- JSON: [[source, type, reason, number], …]
) STRICT;
