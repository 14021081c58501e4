// What the index log says: records of runs (§5.3), and gap leaves (§5.2).

import {
  fromBase64, fromUtf8, readDecimal, readU32, readU64, sameBytes, toHex, utf8,
} from "./bytes.js";
import { check } from "./fault.js";
import { EMPTY_ROOT } from "./hash.js";
import { checkOrigin } from "./note.js";

const GAP_MAGIC = utf8("vitgapl1");
const FIRST_KEY = "00".repeat(17);
const NUMBERED = ["04", "07"];
export const GAP_BYTES = 114;

/** @param {Uint8Array} data @throws {Fault} not exactly a record */
export function parseRecord(data) {
  const lines = fromUtf8(data).split("\n");
  check(
    lines.length === 9 && lines[8] === "" && lines[0] === "vitne-index/v1",
    "expected the eight lines of an index record",
  );
  checkOrigin(lines[1]);
  const [level, start, end] = numbers(lines[2], 3);
  const [count, root, ...others] = lines[4].split(" ");
  check(root !== undefined && others.length === 0, "expected a number and a root");
  const [recordedMin, recordedMax, occurredMin, occurredMax] = numbers(lines[5], 4);
  const [epochMin, epochMax, overflow] = numbers(lines[6], 3);
  const [registered, open, silent, abandoned, missing, voided] = numbers(lines[7], 6);
  const gapCount = readDecimal(count);
  const ordered = [
    [recordedMin, recordedMax], [occurredMin, occurredMax], [epochMin, epochMax],
    [start + 1, end], [level, 63], [overflow, end - start], [2, gapCount], [gapCount, 2 ** 32 - 1],
    [1, recordedMin], [epochMax, 65_535],
  ];
  check(ordered.every(([low, high]) => low <= high), "numbers that no run has");
  return {
    origin: lines[1], level, start, end, logRoot: fromBase64(lines[3], 32),
    gapCount, runRoot: fromBase64(root, 32),
    recordedMin, recordedMax, epochMin, epochMax, overflow,
    counts: { registered, open, silent, abandoned, missing, voided },
  };
}

function numbers(line, count) {
  const words = line.split(" ");
  check(words.length === count, `expected ${count} numbers`);
  return words.map(readDecimal);
}

/**
 * @param {Uint8Array} data 114 bytes
 * @throws {Fault} another magic, order or numbers that no key has
 */
export function decodeGapLeaf(data) {
  check(data.length === GAP_BYTES && sameBytes(data.subarray(0, 8), GAP_MAGIC), "no gap leaf");
  const leaf = {
    key: toHex(data.subarray(8, 25)),
    next: toHex(data.subarray(25, 42)),
    count: readU32(data, 42),
    first: readU64(data, 46),
    last: readU64(data, 54),
    postingsRoot: data.subarray(82),
  };
  const [seqMin, seqMax, seqDistinct] = [readU64(data, 62), readU64(data, 70), readU32(data, 78)];
  check(leaf.key < leaf.next, "a gap leaf whose next key is not above its own");
  if (leaf.key === FIRST_KEY) {
    const empty = leaf.count === 0 && leaf.first === 0 && leaf.last === 0;
    check(empty && sameBytes(leaf.postingsRoot, EMPTY_ROOT), "the sentinel has postings");
  } else {
    check(leaf.count > 0 && leaf.first + leaf.count - 1 <= leaf.last, "an impossible count");
  }
  if (NUMBERED.includes(leaf.key.slice(0, 2))) {
    check(
      seqMin <= seqMax && seqDistinct >= 1 && seqDistinct <= leaf.count,
      "a gap leaf with impossible numbers",
    );
  } else {
    check(seqMin === 0 && seqMax === 0 && seqDistinct === 0, "numbers that the kind has not");
  }
  return leaf;
}
