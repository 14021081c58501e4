// JSON tails of what the log says of itself (§3.2, types 5 to 10): exactly the table's members.

import { fromBase64, isZero, utf8 } from "./bytes.js";
import { check } from "./fault.js";
import { isObject } from "./json.js";
import { parseVkey } from "./note.js";

const MAX_EPOCH = 65_535;
export const SECTIONS = ["core", "payload", "person"];
const ROLES = ["log", "index-log", "receipt", "source", "witness", "auditor"];

/**
 * @param {number} type 5 to 10
 * @param {any} tail
 * @returns {object} what the rules of a bundle need of it
 * @throws {Fault} other members, or values that they cannot have
 */
export function readTail(type, tail) {
  check(isObject(tail), "expected an object", "tail");
  return [readStream, readKey, readErase, readSegment, readConfig, readPrune][type - 5](tail);
}

function readStream(tail) {
  const signs = tail.mode === "full" || tail.mode === "body";
  const follows = Object.hasOwn(tail, "prev") || Object.hasOwn(tail, "prev_last");
  checkMembers(tail, [
    "source", "name", "mode", "numbers", "beat_s",
    ...(signs ? ["key", "sig"] : []), ...(follows ? ["prev", "prev_last"] : []),
  ]);
  checkOneOf(tail.mode, ["full", "body", "none"], "mode");
  checkOneOf(tail.numbers, ["sender", "server"], "numbers");
  checkText(tail.source, "source", 1, 255);
  checkText(tail.name, "name", tail.numbers === "server" ? 0 : 1, 255);
  checkInt(tail.beat_s, "beat_s");
  if (follows) {
    check(!isZero(readBytes(tail.prev, 16, "prev")), "no stream is followed", "prev");
    checkInt(tail.prev_last, "prev_last");
  }
  return {
    source: tail.source, name: tail.name, mode: tail.mode,
    key: signs ? readBytes(tail.key, 32, "key") : null,
    sig: signs ? readBytes(tail.sig, 64, "sig") : null,
  };
}

function readKey(tail) {
  if (tail.role === "index") {
    checkMembers(tail, ["role", "epoch", "kinds", "commit"]);
    const { kinds, epoch } = tail;
    check(Array.isArray(kinds) && kinds.length > 0, "expected a list of kinds", "kinds");
    kinds.forEach((kind) => checkInt(kind, "kinds", 1, 254));
    check(kinds.every((kind, at) => at === 0 || kinds[at - 1] < kind), "kinds do not ascend");
    checkInt(epoch, "epoch", 1, MAX_EPOCH);
    return { role: "index", epoch, kinds, commit: readBytes(tail.commit, 32, "commit") };
  }
  checkMembers(tail, ["role", "name", "vkey", "state"]);
  checkOneOf(tail.role, ROLES, "role");
  checkOneOf(tail.state, ["add", "retire"], "state");
  checkText(tail.name, "name");
  checkText(tail.vkey, "vkey");
  const vkey = parseVkey(tail.vkey);
  check(vkey.name === tail.name, "the key signs under another name", "vkey");
  return { role: tail.role, name: tail.name, state: tail.state, vkey };
}

function readErase(tail) {
  checkMembers(tail, ["items", "basis", "ref"]);
  const { items } = tail;
  check(Array.isArray(items) && items.length > 0, "expected a list of [index, section]", "items");
  for (const item of items) {
    check(Array.isArray(item) && item.length === 2, "expected [index, section]", "items");
    checkInt(item[0], "items");
    checkOneOf(item[1], SECTIONS, "items");
  }
  check(
    items.every((item, at) => at === 0 || isBefore(items[at - 1], item)),
    "expected ascending items", "items",
  );
  checkText(tail.basis, "basis");
  checkText(tail.ref, "ref");
  return { items, basis: tail.basis, ref: tail.ref };
}

function isBefore([index, section], [otherIndex, otherSection]) {
  return index < otherIndex || (index === otherIndex && section < otherSection);
}

function readSegment(tail) {
  checkMembers(tail, ["record", "leaf"]);
  checkInt(tail.record, "record");
  readBytes(tail.leaf, 32, "leaf");
  return {};
}

function readConfig(tail) {
  const hashed = Object.hasOwn(tail, "hash");
  checkMembers(tail, ["what", hashed ? "hash" : "value"]);
  checkText(tail.what, "what");
  if (hashed) readBytes(tail.hash, 32, "hash");
  else check(isObject(tail.value), "expected an object", "value");
  return {};
}

function readPrune(tail) {
  checkMembers(tail, ["min_index", "what", "rule"]);
  checkInt(tail.min_index, "min_index");
  checkOneOf(tail.what, ["records", "entries"], "what");
  checkText(tail.rule, "rule");
  return { minIndex: tail.min_index };
}

// ---------------------------------------------------------------- single members

function checkMembers(tail, names) {
  const found = Object.keys(tail);
  check(
    found.length === names.length && names.every((name) => Object.hasOwn(tail, name)),
    `expected exactly the members ${names.join(", ")}`, "tail",
  );
}

function checkInt(value, where, low = 0, high = Number.MAX_SAFE_INTEGER) {
  check(Number.isInteger(value) && value >= low && value <= high, "expected an integer", where);
}

function checkText(value, where, least = 1, most = 65_535) {
  check(typeof value === "string", "expected text", where);
  const size = utf8(value).length;
  check(size >= least && size <= most, `expected text of ${least} to ${most} bytes`, where);
}

function checkOneOf(value, known, where) {
  check(known.includes(value), `expected one of ${known.join(", ")}`, where);
}

function readBytes(value, size, where) {
  check(typeof value === "string", "expected base64", where);
  return fromBase64(value, size);
}
