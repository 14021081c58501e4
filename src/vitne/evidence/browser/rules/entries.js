// Rules 8, 9 and 13 to 15: the entries, their window, and what they commit to.

import { sameBytes, str } from "../core/bytes.js";
import { SECTIONS } from "../core/control.js";
import { decodeEntry, ERASE, EVENT, PRUNE } from "../core/entry.js";
import { check } from "../core/fault.js";
import { leafHash, nodeHash } from "../core/hash.js";
import { multiproofRoot } from "../core/merkle.js";
import { limitByQuorum } from "./index_log.js";

/** Rule 8. */
export function entries(found) {
  const { bundle, logHead } = found;
  const leaves = bundle.log.entries.map(([at, data]) => [at, leafHash(data)]);
  const root = multiproofRoot(logHead.size, leaves, bundle.log.path);
  check(sameBytes(root, logHead.root), "the entries are not in the log");
  let before = 0;
  for (const [index, data] of bundle.log.entries) {
    const entry = decodeEntry(data);
    check(entry.recordedUs >= before, "recorded times go back", `entry ${index}`);
    before = entry.recordedUs;
    if (entry.unknown) found.limit("unknown_entry_type", `entry ${index} of type ${entry.type}`);
    if (entry.type === PRUNE) found.pruned = Math.max(found.pruned, entry.minIndex);
    found.entries.set(index, entry);
  }
  limitByQuorum(found, logHead, before);
}

/** Rule 9: the entries beside both ends show that the range is the whole window. */
export function window(found) {
  const { question, range: [a, b] } = found.bundle;
  const { size } = found.logHead;
  check(b <= size, "a range beyond the log");
  check(question.from_us < question.to_us, "a period without time");
  const strict = question.clock === "recorded";
  check(
    !strict || (question.early_us === 0 && question.late_us === 0),
    "nothing is early or late by the log's own clock",
  );
  const low = question.from_us - question.early_us;
  const high = question.to_us + question.late_us;
  const recorded = (index) => {
    const entry = found.entries.get(index);
    check(entry !== undefined, "an entry beside an end of the range is lacking", `entry ${index}`);
    return entry.recordedUs;
  };
  for (const [end, time] of [[a, low], [b, high]]) {
    if (end > 0) {
      check(recorded(end - 1) < time, "an entry is recorded too late", `entry ${end - 1}`);
    }
    if (end < size) check(recorded(end) >= time, "an entry is recorded too early", `entry ${end}`);
  }
  found.window = [low, high];
  if (b === size) found.limit("open_end");
}

/** Rule 13. */
export function tail(found) {
  const [, b] = found.bundle.range;
  let count = 0;
  for (const [index, entry] of found.entries) {
    if (index < found.covered || index >= b) continue;
    count += 1;
    if (entry.type !== EVENT) continue;
    for (const key of entry.allKeys) if (found.allKeys.has(key)) found.addCandidate(index, key);
  }
  check(
    count === Math.max(b - found.covered, 0),
    "an entry that no record covers is lacking", `from entry ${found.covered}`,
  );
}

/** Rule 14, both ways. */
export function held(found) {
  for (const [index, keys] of found.candidates) {
    const entry = found.entries.get(index);
    if (entry?.unknown) continue;
    check(
      entry?.type === EVENT && [...keys].every((key) => entry.allKeys.includes(key)),
      "a posting names an entry that does not hold the key", `entry ${index}`,
    );
  }
  const [a, b] = found.bundle.range;
  for (const [index, entry] of found.entries) {
    if (entry.type !== EVENT || index < a || index >= b) continue;
    const looked = keysAt(found, index);
    for (const key of entry.allKeys) {
      check(
        !looked.has(key) || (found.candidates.get(index)?.has(key) ?? false),
        "the index leaves out an entry that holds the key", `entry ${index}`,
      );
    }
  }
}

/** Keys that are looked up at an index of [a, b). */
function keysAt(found, index) {
  if (index >= found.covered) return found.allKeys;
  let [low, high] = [0, found.runs.length]; // the last run that starts at or before the index
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (found.runs[middle].start <= index) low = middle;
    else high = middle;
  }
  return found.runs[low].keys;
}

/** Rule 15. */
export function opened(found) {
  for (const one of found.bundle.opened) found.opened.set(one.index, one);
  for (const index of found.candidates.keys()) {
    check(
      found.opened.has(index) || found.entries.get(index).unknown,
      "the record of a result is lacking", `entry ${index}`,
    );
  }
  for (const [index, record] of found.opened) {
    const entry = found.entries.get(index);
    check(entry?.type === EVENT, "a record of an entry that is no given event", `entry ${index}`);
    checkBody(entry, record, index);
    for (const section of SECTIONS) checkErased(found, record[section], section, index);
  }
}

function checkBody(entry, record, index) {
  const flags = SECTIONS.reduce((sum, name, at) => sum + (record[name].record ? 2 ** at : 0), 0);
  check(flags === entry.flags % 8, "the record parts are not those of the entry", `entry ${index}`);
  const [core, payload, person] = SECTIONS.map((name) => commitment(record[name], name));
  check(
    sameBytes(nodeHash(nodeHash(core, payload), person), entry.bodyRoot),
    "the parts are not those of the entry", `entry ${index}`,
  );
}

function commitment(section, name) {
  const event = partLeaf(section.event, name);
  return section.record ? nodeHash(event, partLeaf(section.record, `${name}.record`)) : event;
}

/** The leaf of a part, opened or not. @param {object} part @param {string} name */
export function partLeaf(part, name) {
  return part.hash ?? leafHash(part.salt, str(name), part.data);
}

function checkErased(found, section, name, index) {
  if (section.erased === undefined) return;
  const where = `entry ${index} ${name}`;
  check(
    section.event.data === undefined && section.record?.data === undefined,
    "a section that is said to be erased is shown", where,
  );
  const entry = found.entries.get(section.erased);
  check(entry?.type === ERASE, "no erase entry is given for a section", where);
  entry.listed ??= new Set(entry.items.map((item) => item.join(" ")));
  check(entry.listed.has(`${index} ${name}`), "the erase entry does not list the section", where);
}
