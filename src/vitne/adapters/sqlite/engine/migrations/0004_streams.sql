-- Streams whose senders sign: who they are, how they ended, and which keys each log names.

ALTER TABLE stream RENAME TO stream_before;

CREATE TABLE stream (
  log_no INTEGER NOT NULL REFERENCES log (no),
  stream_id BLOB NOT NULL,
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  numbers TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  missing TEXT NOT NULL, -- JSON: [[first, last], …]
  closed INTEGER NOT NULL,
  abandoned INTEGER NOT NULL,
  followed INTEGER NOT NULL,
  beat_s INTEGER NOT NULL,
  named_us INTEGER NOT NULL,
  voided INTEGER NOT NULL,
  late INTEGER NOT NULL,
  late_max_us INTEGER NOT NULL,
  sender TEXT, -- JSON; NULL: not signed
  PRIMARY KEY (log_no, stream_id)
) STRICT, WITHOUT ROWID;

INSERT INTO stream
SELECT
  log_no, stream_id, source, name, numbers, last_seq, missing, closed, 0, 0, 0,
  (SELECT last_recorded_us FROM log WHERE no = log_no), 0, 0, 0, NULL
FROM stream_before;

DROP TABLE stream_before;

CREATE INDEX stream_by_silence ON stream (named_us)
WHERE beat_s > 0 AND closed = 0 AND followed = 0;

-- Keys that sources sign with.
CREATE TABLE source_key (
  public_key BLOB PRIMARY KEY,
  source TEXT NOT NULL,
  vkey TEXT NOT NULL,
  added_us INTEGER NOT NULL,
  retired_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which of them the entries of each log name.
CREATE TABLE told_key (
  log_no INTEGER NOT NULL REFERENCES log (no),
  public_key BLOB NOT NULL,
  leaf_index INTEGER NOT NULL,
  retired INTEGER NOT NULL,
  PRIMARY KEY (log_no, public_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX told_key_by_key ON told_key (public_key) WHERE retired = 0;
