// Entries: the bytes of the log's leaves (§3.1, 3.2, 3.5).

import { be, concat, fromUtf8, isZero, readU16, readU64, sameBytes, toHex } from "./bytes.js";
import { readTail } from "./control.js";
import { check } from "./fault.js";
import { parseCanonical } from "./json.js";

export const EVENT = 1;
export const BATCH = 2;
const BEAT = 3;
const VOID = 4;
export const STREAM = 5;
export const KEY = 6;
export const ERASE = 7;
export const PRUNE = 10;

const HEADER_BYTES = 50;
const TAGGED_BYTES = 17;
const STORED_KINDS = [1, 2, 3, 5, 6];
const TAIL_BYTES = new Map([[BATCH, 136], [BEAT, 97], [VOID, 105]]);
const MAGIC = Uint8Array.of(0x76, 0x69, 0x74, 0x31); // "vit1"

/**
 * Read an entry, refusing every byte that its type does not allow.
 *
 * @param {Uint8Array} data
 * @returns {object} `type`, `recordedUs`, and what the type has; `unknown` for a later type, of
 *     which only these two are understood
 * @throws {Fault}
 */
export function decodeEntry(data) {
  check(data.length >= HEADER_BYTES && data.length <= 65_535, "an entry of wrong length");
  check(sameBytes(data.subarray(0, 4), MAGIC), "no entry: another magic");
  const type = data[4];
  const recordedUs = readU64(data, 10);
  check(recordedUs > 0, "an entry without a recorded time");
  if (type < EVENT || type > PRUNE) return { type, recordedUs, unknown: true };
  const head = {
    type, recordedUs,
    occurredUs: readU64(data, 18),
    streamId: data.subarray(26, 42),
    seq: readU64(data, 42),
  };
  check(type > STREAM || !isZero(head.streamId), "an entry of a stream names none");
  if (type === EVENT) return decodeEvent(head, data);
  check(isZero(data.subarray(5, 10)), "a control entry with flags, epoch or keys");
  return type <= VOID ? decodeSigned(head, data) : decodeJson(head, data);
}

function decodeEvent(head, data) {
  const [flags, epoch, count] = [data[5], readU16(data, 6), readU16(data, 8)];
  const end = HEADER_BYTES + TAGGED_BYTES * count;
  check(flags < 16, "reserved flags are set");
  check(count >= 1 && count <= 1024 && data.length === end + 32, "an event of wrong length");
  check(head.seq >= 1, "an event's number starts at 1");
  const keys = [];
  for (let at = HEADER_BYTES; at < end; at += TAGGED_BYTES) {
    keys.push(toHex(data.subarray(at, at + TAGGED_BYTES)));
  }
  check(keys.every((key, at) => at === 0 || keys[at - 1] < key), "lookup keys do not ascend");
  const kinds = new Map(STORED_KINDS.map((kind) => [kind, 0]));
  for (let at = HEADER_BYTES; at < end; at += TAGGED_BYTES) {
    check(kinds.has(data[at]), "a lookup key of a kind that is not stored");
    kinds.set(data[at], kinds.get(data[at]) + 1);
  }
  const [actors, targets, pairs, types, actions] = STORED_KINDS.map((kind) => kinds.get(kind));
  check(
    actors <= 1 && actions <= 1 && types === 1 && pairs === actors * targets,
    "the number of lookup keys of a kind is not what an event has",
  );
  return {
    ...head, flags, epoch,
    keys, // as hex; the stream's, which the header implies, stands behind them
    allKeys: [...keys, `04${toHex(head.streamId)}`],
    keyBytes: data.subarray(HEADER_BYTES, end),
    bodyRoot: data.subarray(end),
  };
}

/** Types 2 to 4. */
function decodeSigned(head, data) {
  const tail = data.subarray(HEADER_BYTES);
  check(tail.length === TAIL_BYTES.get(head.type), "a tail of wrong length");
  return head.type === BEAT ? decodeBeat(head, tail) : decodeNumbers(head, tail);
}

function decodeBeat(head, tail) {
  const state = tail[0];
  check(state <= 2, "a beat of unknown state");
  if (state === 2) checkByLog(head, tail.subarray(33));
  return { ...head, state };
}

function decodeNumbers(head, tail) {
  const first = readU64(tail, 0);
  check(first >= 1 && first <= head.seq, "expected numbers first..last from 1 on");
  if (head.type === BATCH) {
    const [prev, root, sig] = [tail.subarray(8, 40), tail.subarray(40, 72), tail.subarray(72)];
    return { ...head, first, prev, root, sig };
  }
  const reason = tail[8];
  if ([128, 129, 130].includes(reason)) checkByLog(head, tail.subarray(41));
  else check(reason >= 1 && reason <= 3, "a void of unknown reason");
  return { ...head, first, reason };
}

function checkByLog(head, sig) {
  check(isZero(sig), "an entry by the log with a signature");
  check(head.occurredUs === head.recordedUs, "an entry by the log with a time of its own");
}

/** Types 5 to 10. */
function decodeJson(head, data) {
  check(
    head.seq === 0 && head.occurredUs === head.recordedUs
      && (head.type === STREAM || isZero(head.streamId)),
    "an entry by the log with a number, stream or time that its type has not",
  );
  const tail = parseCanonical(fromUtf8(data.subarray(HEADER_BYTES)));
  return { ...head, ...readTail(head.type, tail), tail };
}

/**
 * The entry as its sender knew it (§3.6): the leaf of its batch.
 *
 * @param {object} event
 * @param {Uint8Array} senderRoot of the three event leaves
 * @param {"full" | "body"} mode
 */
export function senderView(event, senderRoot, mode) {
  const full = mode === "full";
  return concat(
    MAGIC, Uint8Array.of(EVENT, event.flags & 8),
    be(full ? event.epoch : 0, 2), be(full ? event.keys.length : 0, 2),
    be(0, 8), be(event.occurredUs, 8), event.streamId, be(event.seq, 8),
    full ? event.keyBytes : new Uint8Array(), senderRoot,
  );
}
