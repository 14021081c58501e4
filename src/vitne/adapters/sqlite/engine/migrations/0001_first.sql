-- The first schema.

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
  PRIMARY KEY (log_no, stream_id)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE tally (
  log_no INTEGER NOT NULL REFERENCES log (no),
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  reason TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (log_no, source, type, reason)
) STRICT, WITHOUT ROWID;

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
  PRIMARY KEY (log_no, start_index)
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
