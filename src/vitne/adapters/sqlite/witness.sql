-- A witness's own database, in a file of its own.

CREATE TABLE IF NOT EXISTS seen (
  origin TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL,
  time_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Heads that one log signed and that were not reconciled: evidence.
CREATE TABLE IF NOT EXISTS fork (
  no INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  at_s INTEGER NOT NULL,
  kept TEXT NOT NULL,
  other TEXT NOT NULL,
  old_size INTEGER NOT NULL,
  proof TEXT NOT NULL, -- hashes in base64, a line each
  certain INTEGER NOT NULL,
  UNIQUE (origin, kept, other)
) STRICT;
