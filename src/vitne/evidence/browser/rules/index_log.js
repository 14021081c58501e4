// Rules 2 to 7, 11 and 12: whose keys count, the signed heads, and what the index log says.

import { sameBytes, u64 } from "../core/bytes.js";
import { check } from "../core/fault.js";
import { leafHash } from "../core/hash.js";
import { decodeGapLeaf, parseRecord } from "../core/index_log.js";
import { checkConsistency, multiproofRoot } from "../core/merkle.js";
import { openNote, parseCheckpoint, parseNote } from "../core/note.js";
import { parsePolicy, quorumTime } from "../core/policy.js";

const LATE_US = 300_000_000n;

/** Rule 2. */
export function policies(found, given) {
  const { policy } = found.bundle;
  const bundled = { log: parsePolicy(policy.log), index: parsePolicy(policy.index) };
  found.policies = { log: given.log ?? bundled.log, index: given.index ?? bundled.index };
  found.trust = given.log && given.index ? "given" : "bundled";
}

/** Rule 3. */
export function logCheckpoint(found) {
  const { bundle } = found;
  found.logHead = readHead(bundle.log.checkpoint, bundle.origin, found.policies.log);
}

/** Rule 4. */
export function indexCheckpoint(found) {
  const { bundle } = found;
  const origin = `${bundle.origin}/index`;
  found.indexHead = readHead(bundle.index.checkpoint, origin, found.policies.index);
}

function readHead(note, origin, policy) {
  const head = parseCheckpoint(parseNote(note).text);
  check(head.origin === origin, `expected a checkpoint of ${origin}`, head.origin);
  const logs = policy.logs.filter((key) => key.name === origin);
  check(logs.length > 0, "no trusted key is that of this log", origin);
  const witnesses = [...policy.witnesses.values()];
  const { signed } = openNote(note, [...logs, ...witnesses]);
  const own = signed.find(({ by }) => logs.includes(by));
  check(own !== undefined, "the log has not signed the checkpoint", origin);
  const times = new Map();
  for (const { by, seconds } of signed) {
    const before = times.get(by);
    const counts = witnesses.includes(by) && (before === undefined || seconds < before);
    if (counts) times.set(by, seconds);
  }
  const cosigned = [...times].map(([by, seconds]) => ({ name: by.name, seconds }));
  return { ...head, key: own.by.vkey, cosigned, quorumSeconds: quorumTime(policy, times) };
}

/** The reason of rules 3 and 4, once the newest recorded time is known. */
export function limitByQuorum(found, head, recordedUs) {
  const { quorumSeconds } = head;
  if (quorumSeconds === null) return;
  if (BigInt(recordedUs) > quorumSeconds * 1_000_000n + LATE_US) {
    found.limit("after_quorum", head.origin);
  }
}

/** Rule 5. */
export function records(found) {
  const { bundle, indexHead, logHead } = found;
  const leaves = bundle.index.records.map(([at, data]) => [at, leafHash(data)]);
  const root = multiproofRoot(indexHead.size, leaves, bundle.index.path);
  check(sameBytes(root, indexHead.root), "the records are not in the index log");
  for (const [position, data] of bundle.index.records) {
    const record = parseRecord(data);
    check(
      record.origin === bundle.origin && record.end <= logHead.size,
      "a record of another log, or beyond its end", `record ${position}`,
    );
    found.runs.push({ position, ...record });
  }
  if (found.runs.length > 0) {
    const newest = found.runs.reduce((most, run) => Math.max(most, run.recordedMax), 0);
    limitByQuorum(found, indexHead, newest);
  }
}

/** Rule 6: also finds c, below which the index log speaks. */
export function tiling(found) {
  const { runs } = found;
  const [a, b] = found.bundle.range;
  found.covered = a;
  if (runs.length === 0) return;
  runs.sort((one, other) => one.start - other.start);
  check(runs[0].start <= a && a < runs[0].end, "no record holds the first entry", `entry ${a}`);
  for (const [at, run] of runs.slice(1).entries()) {
    const before = runs[at];
    const where = `entry ${before.end}`;
    check(run.start === before.end, "the records leave a hole, or overlap", where);
    check(before.recordedMax <= run.recordedMin, "recorded times go back", where);
  }
  const last = runs.at(-1);
  check(last.start < Math.max(b, a + 1), "a record begins behind the last entry", `${last.start}`);
  found.covered = last.end;
}

/** Rule 7. */
export function link(found) {
  const { logHead, runs } = found;
  const proof = found.bundle.log.link;
  if (runs.length === 0) {
    check(proof.length === 0, "a link without records");
    return;
  }
  const { end, logRoot } = runs.at(-1);
  checkConsistency(end, logHead.size, logRoot, logHead.root, proof);
}

/** Rule 11: exactly one leaf answers for each key that is looked up, and each for some. */
export function gaps(found) {
  const given = new Map(found.bundle.gaps.map((gap) => [gap.record, gap]));
  check(
    given.size === found.runs.length && found.runs.every((run) => given.has(run.position)),
    "gap leaves are not given for exactly the records",
  );
  for (const run of found.runs) checkGap(run, given.get(run.position));
}

function checkGap(run, gap) {
  const where = `record ${run.position}`;
  const root = multiproofRoot(
    run.gapCount, gap.leaves.map(([at, data]) => [at, leafHash(data)]), gap.path,
  );
  check(sameBytes(root, run.runRoot), "the gap leaves are not those of the run", where);
  run.leaves = new Map(gap.leaves.map(([at, data]) => [at, decodeGapLeaf(data)]));
  const leaves = [...run.leaves.values()];
  check(
    leaves.every((leaf, at) => at === 0 || leaves[at - 1].next <= leaf.key),
    "gap leaves overlap", where,
  );
  const keys = [...run.keys].sort();
  let at = 0;
  for (const leaf of leaves) {
    const before = at;
    while (at < keys.length && leaf.key <= keys[at] && keys[at] < leaf.next) at += 1;
    check(at > before, "a gap leaf answers for no key", where);
  }
  check(at === keys.length, "no gap leaf answers for a key", where);
}

/** Rule 12. */
export function postings(found) {
  const runs = new Map(found.runs.map((run) => [run.position, run]));
  for (const gap of found.bundle.gaps) {
    const run = runs.get(gap.record);
    const holds = ([, leaf]) => run.keys.has(leaf.key);
    const held = new Set([...run.leaves].filter(holds).map(([at]) => at));
    check(
      held.size === gap.postings.length && gap.postings.every(({ leaf }) => held.has(leaf)),
      "postings are not given for exactly the keys that the run holds", `record ${gap.record}`,
    );
    for (const one of gap.postings) checkPostings(found, run, one);
  }
}

function checkPostings(found, run, { leaf: position, from, items, path }) {
  const where = `record ${run.position}, leaf ${position}`;
  const leaf = run.leaves.get(position);
  const [a, b] = found.bundle.range;
  const [first, last, to] = [items[0], items.at(-1), from + items.length];
  check(
    leaf.first >= run.start && leaf.last < run.end && first >= run.start && last < run.end,
    "postings outside of their run", where,
  );
  check(to <= leaf.count, "more postings than the leaf counts", where);
  const tree = items.map((item, at) => [from + at, leafHash(u64(item))]);
  const root = multiproofRoot(leaf.count, tree, path);
  check(sameBytes(root, leaf.postingsRoot), "the postings are not those of the leaf", where);
  check(from === 0 ? first === leaf.first : first < a, "earlier postings may be left out", where);
  check(to === leaf.count ? last === leaf.last : last >= b, "later ones may be left out", where);
  for (const item of items) if (item >= a && item < b) found.addCandidate(item, leaf.key);
}
