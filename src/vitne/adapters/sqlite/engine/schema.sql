-- The store of one Vitne folder. Each migration ends in this picture; a test compares them.
-- Times are microseconds since 1970. A log is named by its small number `no` everywhere but in
-- `log` itself, so that a row key stays one integer.

CREATE TABLE log (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  origin TEXT NOT NULL UNIQUE,
  created_us INTEGER NOT NULL,
  next_index INTEGER NOT NULL DEFAULT 0,
  last_recorded_us INTEGER NOT NULL DEFAULT 0,
  head_size INTEGER NOT NULL DEFAULT 0, -- of `head`, repeated here so that one index finds the logs to publish
  sealed_end INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX log_unpublished ON log (id) WHERE next_index > head_size;

-- Hot rows. pos = log.no << 40 | index, so one b-tree is clustered by log and in log order; there
-- is no other index, since a row is read by its index or in a scan. What a scan looks at comes
-- first in the row. A control entry has event_id and parts NULL; an erased part is NULL too.
CREATE TABLE record (
  pos INTEGER PRIMARY KEY,
  recorded_us INTEGER NOT NULL,
  occurred_us INTEGER NOT NULL,
  type TEXT NOT NULL,
  actor TEXT NOT NULL,
  outcome TEXT NOT NULL,
  targets TEXT NOT NULL,
  event_id BLOB,
  keyring BLOB NOT NULL,
  entry BLOB NOT NULL,
  core TEXT,
  payload TEXT,
  person TEXT,
  core_record TEXT,
  payload_record TEXT,
  person_record TEXT
) STRICT;

-- Event ids inside the dedupe window.
CREATE TABLE seen (
  log_no INTEGER NOT NULL,
  event_id BLOB NOT NULL,
  leaf_index INTEGER NOT NULL,
  digest BLOB NOT NULL,
  recorded_us INTEGER NOT NULL,
  PRIMARY KEY (log_no, event_id)
) STRICT, WITHOUT ROWID;

-- Only ids of version 7 are ever forgotten (ports.RecordStore.forget).
CREATE INDEX seen_by_age ON seen (recorded_us)
WHERE substr(event_id, 7, 1) BETWEEN x'70' AND x'7f';

-- How far `forget` has come: hot rows recorded before then may no longer be in `seen`.
CREATE TABLE forgotten (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  before_us INTEGER NOT NULL
) STRICT;

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

CREATE TABLE aside (
  log_no INTEGER NOT NULL REFERENCES log (no),
  leaf_index INTEGER NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  body BLOB NOT NULL,
  at_us INTEGER NOT NULL,
  digest BLOB NOT NULL,
  PRIMARY KEY (log_no, leaf_index)
) STRICT;

CREATE INDEX aside_by_digest ON aside (log_no, digest);

-- What intake did not take, and how much of it `system.stream.stats` events have told.
CREATE TABLE tally (
  log_no INTEGER NOT NULL REFERENCES log (no),
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  reason TEXT NOT NULL,
  number INTEGER NOT NULL,
  told INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log_no, source, type, reason)
) STRICT, WITHOUT ROWID;

-- The `system.stream.stats` event of a log that is under way, and the counts that it tells.
CREATE TABLE telling (
  log_no INTEGER PRIMARY KEY REFERENCES log (no),
  event BLOB NOT NULL,
  counts TEXT NOT NULL -- JSON: [[source, type, reason, number], …]
) STRICT;

-- The latest signed checkpoint of each log, changed by compare-and-swap only.
CREATE TABLE head (
  log_no INTEGER PRIMARY KEY REFERENCES log (no),
  size INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL
) STRICT;

CREATE TABLE segment (
  log_no INTEGER NOT NULL REFERENCES log (no),
  start_index INTEGER NOT NULL,
  end_index INTEGER NOT NULL,
  key TEXT NOT NULL,
  file_bytes INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  events INTEGER NOT NULL,
  first_recorded_us INTEGER NOT NULL,
  last_recorded_us INTEGER NOT NULL,
  least_occurred_us INTEGER NOT NULL,
  greatest_occurred_us INTEGER NOT NULL,
  index_key TEXT NOT NULL,
  level INTEGER NOT NULL DEFAULT 0,
  record INTEGER NOT NULL DEFAULT -1,
  gap_count INTEGER NOT NULL DEFAULT 0,
  run_root BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY (log_no, start_index)
) STRICT, WITHOUT ROWID;

-- The index log of each log: its records, each with what it was made of.
CREATE TABLE index_record (
  log_no INTEGER NOT NULL REFERENCES log (no),
  position INTEGER NOT NULL,
  record BLOB NOT NULL,
  segment BLOB NOT NULL,
  troubles BLOB NOT NULL,
  PRIMARY KEY (log_no, position)
) STRICT;

-- Where sealing stands, and the streams as counted up to there.
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

-- Which sections of which records an erase entry names, and whether they are deleted by now.
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

CREATE TABLE tenant (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  secret_sha256 BLOB NOT NULL,
  roles TEXT NOT NULL, -- JSON: ["write", …]
  tenants TEXT NOT NULL, -- JSON: ["acme", …]
  source TEXT, -- JSON: the registration of the application that sends with it
  person TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  revoked_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
