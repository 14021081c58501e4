-- Every statement of the store, by name. A head is `-- name --`, the comment lines under it say
-- what the statement does. `(?, …)` groups marked by `/*rows*/` are repeated by the loader, and
-- `/*where*/` stands for a compiled filter.

-- log_no --
SELECT no FROM log WHERE id = ?;

-- create_log --
INSERT INTO log (id, origin, created_us) VALUES (?, ?, ?);

-- log_origins --
-- Logs that stand in the way of a new one: by its id or by its origin.
SELECT id, origin FROM log WHERE id = ? OR origin = ?;

-- logs --
SELECT id, origin, created_us, next_index, last_recorded_us, head_size, sealed_end
FROM log ORDER BY id;

-- log --
SELECT id, origin, created_us, next_index, last_recorded_us, head_size, sealed_end
FROM log WHERE id = ?;

-- unpublished --
-- Read from the partial index, so logs that are at rest cost nothing.
SELECT id, origin, created_us, next_index, last_recorded_us, head_size, sealed_end
FROM log INDEXED BY log_unpublished WHERE next_index > head_size ORDER BY id;

-- tail --
SELECT no, next_index, last_recorded_us FROM log WHERE id = ?;

-- move_tail --
UPDATE log SET next_index = ?, last_recorded_us = ? WHERE no = ?;

-- insert_records --
INSERT INTO record (
  pos, recorded_us, occurred_us, type, actor, outcome, targets, event_id, keyring, entry,
  core, payload, person, core_record, payload_record, person_record
) VALUES /*rows*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- insert_seen --
INSERT INTO seen (log_no, event_id, leaf_index, digest, recorded_us) VALUES /*rows*/(?, ?, ?, ?, ?);

-- seen --
SELECT event_id, leaf_index, digest, recorded_us FROM seen
WHERE log_no = ? AND event_id IN (VALUES /*rows*/(?));

-- forgettable --
-- The oldest ids of version 7. They sort by their own time, so a prefix of 6 bytes (milliseconds)
-- is a bound on it.
SELECT log_no, event_id FROM seen INDEXED BY seen_by_age
WHERE substr(event_id, 7, 1) BETWEEN x'70' AND x'7f' AND recorded_us < ?
  AND event_id < ?
ORDER BY recorded_us LIMIT ?;

-- forget --
-- One at a time: for `(log_no, event_id) IN (SELECT ...)` SQLite reads every id of the log.
DELETE FROM seen WHERE log_no = ? AND event_id = ?;

-- note_forgotten --
INSERT INTO forgotten (one, before_us) VALUES (1, ?)
ON CONFLICT (one) DO UPDATE SET before_us = max(before_us, excluded.before_us);

-- entries --
SELECT entry FROM record WHERE pos >= ? AND pos < ? ORDER BY pos;

-- records --
SELECT
  pos, recorded_us, occurred_us, type, actor, outcome, targets, event_id, keyring, entry,
  core, payload, person, core_record, payload_record, person_record
FROM record WHERE pos >= ? AND pos < ? ORDER BY pos;

-- find_seen --
-- The hot row of an event id that is remembered; the second test holds off a void's index.
SELECT
  pos, recorded_us, occurred_us, type, actor, outcome, targets, event_id, keyring, entry,
  core, payload, person, core_record, payload_record, person_record
FROM record
WHERE pos = (SELECT log_no << 40 | leaf_index FROM seen WHERE log_no = ?1 AND event_id = ?2)
  AND event_id = ?2;

-- find_forgotten --
-- The hot row of an event id, if any are old enough to have been forgotten: else no row is read.
SELECT
  pos, recorded_us, occurred_us, type, actor, outcome, targets, event_id, keyring, entry,
  core, payload, person, core_record, payload_record, person_record
FROM forgotten CROSS JOIN record
WHERE before_us > (
    SELECT recorded_us FROM record WHERE pos >= ?1 AND pos < ?2 ORDER BY pos LIMIT 1
  )
  AND pos >= ?1 AND pos < ?2 AND event_id = ?3
LIMIT 1;

-- lowest --
SELECT pos, recorded_us FROM record WHERE pos >= ? AND pos < ? ORDER BY pos LIMIT 1;

-- drop --
DELETE FROM record WHERE pos >= ? AND pos < ?;

-- scan --
-- The inner query finds the rows in one step, without Python's interpreter lock between them.
SELECT
  pos, recorded_us, occurred_us, type, actor, outcome, targets, event_id, keyring, entry,
  core, payload, person, core_record, payload_record, person_record
FROM record
WHERE pos IN (
  SELECT pos FROM record
  WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND (/*where*/)
  ORDER BY pos DESC LIMIT ?
)
ORDER BY pos DESC;

-- count --
SELECT count(*) FROM (
  SELECT 1 FROM record
  WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND (/*where*/)
  LIMIT ?
);

-- claimed_times --
-- One JSON array, so one step.
SELECT json_group_array(occurred_us) FROM record
WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND (/*where*/);

-- facet_type --
SELECT type, count(*) FROM record
WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND type <> '' AND (/*where*/)
GROUP BY type;

-- facet_actor --
SELECT actor, count(*) FROM record
WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND actor <> '' AND (/*where*/)
GROUP BY actor;

-- facet_outcome --
SELECT outcome, count(*) FROM record
WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND outcome <> '' AND (/*where*/)
GROUP BY outcome;

-- facet_target --
-- A whole list of targets counts as one value here.
SELECT targets, count(*) FROM record
WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND targets <> '' AND (/*where*/)
GROUP BY targets;

-- facet_parts --
-- What the values of all other fields are read from.
SELECT core, person, core_record, event_id FROM record
WHERE pos IN (
  SELECT pos FROM record
  WHERE pos >= ? AND pos < ? AND event_id IS NOT NULL AND (/*where*/)
);

-- streams --
SELECT
  stream_id, source, name, numbers, last_seq, missing, closed, abandoned, followed, beat_s,
  named_us, voided, late, late_max_us, sender
FROM stream WHERE log_no = ? ORDER BY source, name, stream_id;

-- some_streams --
SELECT
  stream_id, source, name, numbers, last_seq, missing, closed, abandoned, followed, beat_s,
  named_us, voided, late, late_max_us, sender
FROM stream WHERE log_no = ? AND stream_id IN (VALUES /*rows*/(?));

-- silent_streams --
SELECT
  stream_id, source, name, numbers, last_seq, missing, closed, abandoned, followed, beat_s,
  named_us, voided, late, late_max_us, sender,
  (SELECT id FROM log WHERE no = log_no)
FROM stream INDEXED BY stream_by_silence
WHERE beat_s > 0 AND closed = 0 AND followed = 0 AND named_us < ?
ORDER BY named_us LIMIT ?;

-- save_streams --
INSERT OR REPLACE INTO stream (
  log_no, stream_id, source, name, numbers, last_seq, missing, closed, abandoned, followed, beat_s,
  named_us, voided, late, late_max_us, sender
) VALUES /*rows*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- announced_keys --
SELECT public_key, leaf_index, retired FROM told_key WHERE log_no = ?;

-- announce_keys --
INSERT OR REPLACE INTO told_key (log_no, public_key, leaf_index, retired)
VALUES /*rows*/(?, ?, ?, ?);

-- logs_announcing --
SELECT id FROM log WHERE no IN (SELECT log_no FROM told_key WHERE public_key = ? AND retired = 0)
ORDER BY id;

-- add_source_key --
INSERT INTO source_key (public_key, source, vkey, added_us, retired_us)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (public_key) DO NOTHING;

-- source_keys --
SELECT source, vkey, public_key, added_us, retired_us FROM source_key
ORDER BY source, added_us, public_key;

-- retire_source_key --
UPDATE source_key SET retired_us = CASE retired_us WHEN 0 THEN ? ELSE retired_us END
WHERE public_key = ?;

-- keep_aside --
INSERT INTO aside (log_no, leaf_index, source, reason, body, at_us, digest)
VALUES /*rows*/(?, ?, ?, ?, ?, ?, ?);

-- kept_aside --
SELECT digest, min(leaf_index) FROM aside
WHERE log_no = ? AND digest IN (VALUES /*rows*/(?)) GROUP BY digest;

-- asides --
SELECT leaf_index, source, reason, body, at_us, digest FROM aside WHERE log_no = ? ORDER BY leaf_index;

-- add_counts --
INSERT INTO tally (log_no, source, type, reason, number) VALUES /*rows*/(?, ?, ?, ?, ?)
ON CONFLICT (log_no, source, type, reason) DO UPDATE SET number = number + excluded.number;

-- counts --
SELECT source, type, reason, number FROM tally WHERE log_no = ?;

-- unreported_counts --
SELECT id, source, type, reason, number - told FROM tally JOIN log ON no = log_no
WHERE number > told ORDER BY id, source, type, reason;

-- begun_reports --
SELECT id, event, counts FROM telling JOIN log ON no = log_no ORDER BY id;

-- begun_report --
SELECT counts FROM telling WHERE log_no = (SELECT no FROM log WHERE id = ?);

-- begin_reports --
INSERT INTO telling (log_no, event, counts) VALUES ((SELECT no FROM log WHERE id = ?), ?, ?)
ON CONFLICT (log_no) DO NOTHING;

-- end_reports --
DELETE FROM telling WHERE log_no = (SELECT no FROM log WHERE id = ?);

-- add_reported --
UPDATE tally SET told = told + ?
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND source = ? AND type = ? AND reason = ?;

-- head --
SELECT size, root, note FROM head WHERE log_no = (SELECT no FROM log WHERE id = ?);

-- first_head --
INSERT INTO head (log_no, size, root, note) VALUES (?, ?, ?, ?)
ON CONFLICT (log_no) DO NOTHING;

-- swap_head --
UPDATE head SET size = ?, root = ?, note = ?
WHERE log_no = ? AND size = ? AND root = ? AND note = ?;

-- set_head_size --
UPDATE log SET head_size = ? WHERE no = ?;

-- segments --
SELECT
  start_index, end_index, key, file_bytes, sha256, events,
  first_recorded_us, last_recorded_us, least_occurred_us, greatest_occurred_us, index_key,
  level, record, gap_count, run_root
FROM segment WHERE log_no = (SELECT no FROM log WHERE id = ?) ORDER BY start_index;

-- segments_between --
SELECT
  start_index, end_index, key, file_bytes, sha256, events,
  first_recorded_us, last_recorded_us, least_occurred_us, greatest_occurred_us, index_key,
  level, record, gap_count, run_root
FROM segment WHERE log_no = ? AND end_index > ? AND start_index < ? ORDER BY start_index;

-- sealed_end --
SELECT no, sealed_end FROM log WHERE id = ?;

-- add_segment --
INSERT INTO segment (
  log_no, start_index, end_index, key, file_bytes, sha256, events,
  first_recorded_us, last_recorded_us, least_occurred_us, greatest_occurred_us, index_key,
  level, record, gap_count, run_root
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- set_sealed_end --
UPDATE log SET sealed_end = ? WHERE no = ?;

-- remove_segments --
DELETE FROM segment WHERE log_no = ? AND start_index >= ? AND end_index <= ?;

-- add_tenant --
INSERT INTO tenant (id, name, created_us) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING;

-- tenants --
SELECT id, name, created_us FROM tenant ORDER BY id;

-- tenant --
SELECT id, name, created_us FROM tenant WHERE id = ?;

-- add_key --
INSERT INTO api_key (
  id, name, secret_sha256, roles, tenants, source, person, created_us, revoked_us
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING;

-- keys --
SELECT id, name, secret_sha256, roles, tenants, source, person, created_us, revoked_us
FROM api_key ORDER BY created_us, id;

-- key --
SELECT id, name, secret_sha256, roles, tenants, source, person, created_us, revoked_us
FROM api_key WHERE id = ?;

-- revoke_key --
UPDATE api_key SET revoked_us = CASE revoked_us WHEN 0 THEN ? ELSE revoked_us END WHERE id = ?;

-- index_size --
SELECT no, (SELECT COUNT(*) FROM index_record WHERE log_no = no) FROM log WHERE id = ?;

-- index_counter --
SELECT sealed_end, counter, told FROM index_log WHERE log_no = ?;

-- add_index_record --
INSERT INTO index_record (log_no, position, record, segment, troubles) VALUES (?, ?, ?, ?, ?);

-- set_index_counter --
INSERT INTO index_log (log_no, sealed_end, counter) VALUES (?, ?, ?)
ON CONFLICT (log_no) DO UPDATE SET sealed_end = excluded.sealed_end, counter = excluded.counter;

-- set_index_told --
UPDATE index_log SET told = ? WHERE log_no = (SELECT no FROM log WHERE id = ?);

-- index_records --
SELECT record FROM index_record
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND position >= ? AND position < ?
ORDER BY position;

-- index_runs --
SELECT segment, record, troubles FROM index_record
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND position >= ? AND position < ?
ORDER BY position;

-- index_head --
SELECT size, root, note FROM index_head WHERE log_no = (SELECT no FROM log WHERE id = ?);

-- first_index_head --
INSERT INTO index_head (log_no, size, root, note) VALUES (?, ?, ?, ?)
ON CONFLICT (log_no) DO NOTHING;

-- swap_index_head --
UPDATE index_head SET size = ?, root = ?, note = ?
WHERE log_no = ? AND size = ? AND root = ? AND note = ?;

-- note_erasure --
INSERT INTO erasure (log_no, leaf_index, section, entry_index, pruned)
VALUES ((SELECT no FROM log WHERE id = ?), ?, ?, ?, ?)
ON CONFLICT (log_no, leaf_index, section) DO NOTHING;

-- pending_erasures --
SELECT leaf_index, section FROM erasure INDEXED BY erasure_pending
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND done = 0 ORDER BY leaf_index, section;

-- settle_erasure --
UPDATE erasure SET done = 1
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND leaf_index = ? AND section = ?;

-- erasures_of --
SELECT section, entry_index FROM erasure
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND leaf_index = ? AND pruned = 0;

-- overwrite_record --
-- All that an erasure changes of a row.
UPDATE record SET
  occurred_us = ?, type = ?, actor = ?, outcome = ?, targets = ?, keyring = ?,
  core = ?, payload = ?, person = ?, core_record = ?, payload_record = ?, person_record = ?
WHERE pos = ?;

-- forget_digest --
-- `ERASED_DIGEST`: whoever knows the text cannot confirm it, and a retry adds nothing.
UPDATE seen SET digest = x'00' WHERE log_no = ? AND event_id = ?;

-- clear_aside --
UPDATE aside SET body = x''
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND leaf_index = ?;

-- holds --
SELECT id, filter, reason, reference, set_us, released_us FROM hold
WHERE log_no = (SELECT no FROM log WHERE id = ?) ORDER BY set_us, id;

-- add_hold --
INSERT INTO hold (log_no, id, filter, reason, reference, set_us)
VALUES ((SELECT no FROM log WHERE id = ?), ?, ?, ?, ?, ?)
ON CONFLICT (log_no, id) DO NOTHING;

-- release_hold --
UPDATE hold SET released_us = CASE released_us WHEN 0 THEN ? ELSE released_us END
WHERE log_no = (SELECT no FROM log WHERE id = ?) AND id = ?;

-- reopen_erasures --
UPDATE erasure SET done = 0 WHERE done = 1;
