// Rules 16, 17, 19 and 20: hits, senders, gaps and silences, and what hangs on the bundle.

import { concat, sameBytes, str, toBase64, toHex, u64, utf8 } from "../core/bytes.js";
import { SECTIONS } from "../core/control.js";
import { BATCH, EVENT, KEY, senderView, STREAM } from "../core/entry.js";
import { check } from "../core/fault.js";
import { parseFilter, parseTime, says } from "../core/filter.js";
import { FORMAT, unsealed } from "./form.js";
import { hash, leafHash, nodeHash, streamId } from "../core/hash.js";
import { encode, textAt } from "../core/json.js";
import { multiproofRoot } from "../core/merkle.js";
import { ED25519, openNote, parseNote, parseVerifier } from "../core/note.js";
import { partLeaf } from "./entries.js";
import { verifyEd25519 } from "../core/signature.js";

// ---------------------------------------------------------------- rule 16

/** Rule 16: of every candidate, whether it is a hit, is none, or cannot be told. */
export function hits(found) {
  const meets = parseFilter(found.bundle.question.filter);
  const indices = [...found.candidates.keys()].sort((one, other) => one - other);
  for (const index of indices) {
    const entry = found.entries.get(index);
    if (entry.unknown) continue; // rule 8 has spoken of it
    const why = judge(found, index, entry, meets);
    if (why === HIT) found.hits.push(index);
    else if (why !== NO_HIT) found.limit(why, `entry ${index}`);
  }
}

const HIT = "hit";
const NO_HIT = "no hit";

function judge(found, index, entry, meets) {
  const { clock, from_us: from, to_us: to, keys: [{ kind, parts }] } = found.bundle.question;
  const { core } = found.opened.get(index);
  const says_ = core.event.json;
  const claimed = textAt(says_, "occurred_at");
  if (claimed !== undefined && parseTime(claimed) !== entry.occurredUs) return "other_time";
  const time = clock === "recorded" ? entry.recordedUs : entry.occurredUs;
  if (time < from || time >= to) return NO_HIT;
  if (says_ === undefined) {
    if (core.erased !== undefined) return "core_erased";
    return index < found.pruned ? "core_pruned" : "core_withheld";
  }
  const isOwn = [...found.candidates.get(index)].some((key) => found.valueKeys.has(key));
  if (isOwn && !says(says_, kind, parts)) return "other_value";
  if (!meets(says_)) return NO_HIT;
  return isOwn ? HIT : "overflow";
}

// ---------------------------------------------------------------- rule 17

/** Rule 17: each event that is said to be signed stands in a batch that its source signed. */
export function senders(found) {
  const sources = readSources(found);
  const batches = new Map();
  for (const { index, batch, path } of found.bundle.senders) {
    if (!batches.has(batch)) batches.set(batch, readBatch(found, sources, batch));
    const { entry, mode } = batches.get(batch);
    checkSigned(found, index, entry, mode, path);
    found.signed.set(index, mode);
  }
}

/** Registrations by stream; and keys with the source that each was announced for. */
function readSources(found) {
  const registered = new Map();
  const sourceKeys = new Set();
  for (const entry of found.entries.values()) {
    if (entry.type === STREAM) {
      const id = toHex(entry.streamId);
      registered.set(id, [...(registered.get(id) ?? []), entry]);
    } else if (entry.type === KEY && entry.role === "source" && entry.state === "add") {
      const { kind, key } = entry.vkey;
      if (kind === ED25519) sourceKeys.add(`${toHex(key)} ${entry.name}`);
    }
  }
  return { registered, sourceKeys };
}

function readBatch(found, { registered, sourceKeys }, index) {
  const where = `entry ${index}`;
  const { origin } = found.bundle;
  const entry = found.entries.get(index);
  check(entry?.type === BATCH, "a batch that is no given batch entry", where);
  const streams = registered.get(toHex(entry.streamId)) ?? [];
  check(streams.length === 1, "expected exactly one registration of the stream", where);
  const [{ source, name, mode, key, sig, tail }] = streams;
  check(sameBytes(streamId(origin, source, name), entry.streamId), "another stream's id", where);
  check(mode !== "none", "a batch of a stream whose sender signs nothing", where);
  const isListed = sourceKeys.has(`${toHex(key)} ${source}`);
  check(isListed, "no key entry lists the stream's key as its source's", where);
  const start = (what) => concat(utf8(`vitne-${what}/v1\n`), str(origin), entry.streamId);
  const { sig: _, ...registration } = tail;
  verifyEd25519(key, concat(start("open"), hash(utf8(encode(registration)))), sig);
  const numbers = concat(u64(entry.first), u64(entry.seq));
  verifyEd25519(key, concat(start("batch"), numbers, entry.prev, entry.root), entry.sig);
  return { entry, mode };
}

function checkSigned(found, index, batch, mode, path) {
  const where = `entry ${index}`;
  const event = found.entries.get(index);
  const record = found.opened.get(index);
  check(event?.type === EVENT && record !== undefined, "a signed event that is not opened", where);
  check(
    sameBytes(event.streamId, batch.streamId) && event.seq >= batch.first && event.seq <= batch.seq,
    "a batch of another stream, or of other numbers", where,
  );
  const [core, payload, person] = SECTIONS.map((name) => partLeaf(record[name].event, name));
  const view = senderView(event, nodeHash(nodeHash(core, payload), person), mode);
  const leaf = [event.seq - batch.first, leafHash(view)];
  const root = multiproofRoot(batch.seq - batch.first + 1, [leaf], path);
  check(sameBytes(root, batch.root), "the event is not in the batch that was signed", where);
}

// ---------------------------------------------------------------- rule 19

const TROUBLES = [
  ["silent", "silent_source"], ["abandoned", "abandoned_stream"],
  ["missing", "missing_numbers"], ["voided", "voided_numbers"],
];

/** Rule 19: the counts are those of the last record, and the listed streams make them. */
export function coverage(found) {
  const { coverage: stated, limits = [], range: [, b] } = found.bundle;
  const [low, high] = found.window;
  const meets = ({ from_us: from, to_us: to }) => from < high && low < to;
  if (stated === null) found.limit("no_coverage");
  else checkCounts(found, stated, meets);
  if (found.covered < b) found.limit("tail_uncovered");
  for (const limit of limits.filter(meets)) {
    found.limit(`limit:${limit.code}`, limit.source, limit.text);
  }
}

function checkCounts(found, stated, meets) {
  const last = found.runs.at(-1);
  check(last !== undefined, "counts without a record");
  check(
    stated.record === last.position
      && Object.entries(last.counts).every(([name, count]) => stated[name] === count),
    "the counts are not those of the last record", `record ${last.position}`,
  );
  for (const [name] of TROUBLES) {
    const sum = stated.streams.reduce((total, one) => total + BigInt(one[name]), 0n);
    check(sum === BigInt(stated[name]), "the listed streams do not make the counts", name);
  }
  for (const stream of stated.streams.filter(meets)) {
    for (const [name, code] of TROUBLES) {
      if (stream[name] > 0) found.limit(code, `${stream.source} ${toHex(stream.stream)}`);
    }
  }
}

// ---------------------------------------------------------------- rule 20

/** Rule 20. */
export function attached(found) {
  const { bundle } = found;
  const [log, index] = [bundle.log, bundle.index].map(({ checkpoint }) => hash(utf8(checkpoint)));
  found.stamps = bundle.stamps.map(({ kind, over }) => {
    const of = sameBytes(over, log) ? "log" : sameBytes(over, index) ? "index" : "other";
    return { kind, over: of };
  });
  found.detections = bundle.detections.map(({ rule, matches, runs }) => {
    const isRun = (at) => textAt(found.opened.get(at)?.core.event.json, "type")
      === "system.detection.ran";
    return { rule, matches, runs, shown: runs.every(isRun) };
  });
  found.seal = bundle.seal === undefined ? { state: "none" } : readSeal(found, bundle.seal);
}

function readSeal(found, note) {
  const { origin } = found.bundle;
  const name = `${origin}/receipt`;
  const { text, lines } = parseNote(note);
  const digest = toBase64(hash(unsealed(found.json)));
  check(text === `${FORMAT}\n${origin}\n${digest}\n`, "the seal is over another bundle");
  check(lines.length === 1 && lines[0].name === name, `expected one signature by ${name}`);
  const vkeys = new Set();
  for (const { type, role, state, vkey, name: of } of found.entries.values()) {
    const isOurs = type === KEY && role === "receipt" && state === "add" && of === name;
    if (isOurs && vkey.kind === ED25519) vkeys.add(vkey.vkey);
  }
  if (vkeys.size === 0) return { state: "unknown_key" };
  const { signed } = openNote(note, [...vkeys].map(parseVerifier));
  return { state: "held", key: signed[0].by.vkey };
}
