// Rule 1, the form of a bundle: strict JSON in its one spelling, exactly the members.

import { fromBase64, fromUtf8, MAX_INT, utf8 } from "../core/bytes.js";
import { check } from "../core/fault.js";
import { encode, isObject, parseCanonical } from "../core/json.js";
import { GAP_BYTES } from "../core/index_log.js";
import { checkOrigin } from "../core/note.js";

export const FORMAT = "vitne-bundle/v1";
export const MAX_BYTES = 64 * 1024 * 1024;
/** Levels of the whole document; what is deeper is no member that a bundle has. */
const DEPTH = 48;

// ---------------------------------------------------------------- readers: value → what it means

const int = (low = 0, high = MAX_INT) => (value, where) => {
  check(Number.isInteger(value) && value >= low && value <= high, "expected an integer", where);
  return value;
};

const text = (most = Infinity) => (value, where) => {
  check(typeof value === "string", "expected text", where);
  check(value.length <= most || [...value].length <= most, `more than ${most} characters`, where);
  return value;
};

const pattern = (regex) => (value, where) => {
  check(typeof value === "string" && regex.test(value), "expected another text", where);
  return value;
};

const bytes = (size) => (value, where) => {
  check(typeof value === "string", "expected base64", where);
  return fromBase64(value, size);
};

const list = (of, least = 0, most = Infinity) => (value, where) => {
  check(Array.isArray(value), "expected a list", where);
  check(value.length >= least && value.length <= most, "a list of another length", where);
  return value.map((one, at) => of(one, `${where}[${at}]`));
};

const pair = (first, second) => (value, where) => {
  check(Array.isArray(value) && value.length === 2, "expected a pair", where);
  return [first(value[0], where), second(value[1], where)];
};

const object = (needed, optional = {}) => (value, where) => {
  check(isObject(value), "expected an object", where);
  const found = {};
  for (const name of Object.keys(value)) {
    const read = Object.hasOwn(needed, name) ? needed[name]
      : Object.hasOwn(optional, name) ? optional[name] : undefined;
    check(read !== undefined, "a member that has no place", `${where}.${name}`);
    found[name] = read(value[name], `${where}.${name}`);
  }
  for (const name of Object.keys(needed)) {
    check(Object.hasOwn(value, name), "a member is lacking", `${where}.${name}`);
  }
  return found;
};

/** A list whose values ascend, each once. */
const ascending = (read, by = (one) => one) => (value, where) => {
  const found = read(value, where);
  check(
    found.every((one, at) => at === 0 || by(found[at - 1]) < by(one)),
    "expected ascending values, each once", where,
  );
  return found;
};

const spanned = (read) => (value, where) => {
  const found = read(value, where);
  check(found.from_us < found.to_us, "expected from_us < to_us", where);
  return found;
};

// ---------------------------------------------------------------- the members

const HASH = bytes(32);
const HASHES = list(HASH);
const FIRST = ([at]) => at;

/** Either opened, `{json, salt}`, or `{hash}`. */
function part(value, where) {
  if (isObject(value) && Object.hasOwn(value, "hash")) return object({ hash: HASH })(value, where);
  const asObject = (json) => {
    check(isObject(json), "expected an object", where);
    return json;
  };
  const found = object({ json: asObject, salt: bytes(16) })(value, where);
  return { ...found, data: utf8(encode(found.json)) };
}

const SECTION = object({ event: part }, { record: part, erased: int() });
const POSTINGS = object({
  leaf: int(), from: int(), items: ascending(list(int(), 1)), path: HASHES,
});
const GAP = object({
  record: int(),
  leaves: ascending(list(pair(int(), bytes(GAP_BYTES))), FIRST),
  path: HASHES,
  postings: ascending(list(POSTINGS), (one) => one.leaf),
});
const QUESTION_KEY = object(
  { kind: int(1, 6), epoch: int(0, 65_535), parts: list(text()), key: bytes(16) },
  { secrets: list(HASH, 1, 2) },
);
const QUESTION = object({
  text: text(), clock: pattern(/^(?:recorded|occurred)$/), from_us: int(), to_us: int(),
  early_us: int(), late_us: int(), filter: text(), keys: list(QUESTION_KEY),
});
const STREAM = spanned(object({
  stream: bytes(16), source: text(), silent: int(0, 1), abandoned: int(0, 1), missing: int(),
  voided: int(), from_us: int(), to_us: int(),
}));
const COUNTS = object({
  record: int(), registered: int(), open: int(), silent: int(), abandoned: int(), missing: int(),
  voided: int(), streams: ascending(list(STREAM), (one) => String.fromCharCode(...one.stream)),
});
const LIMIT = spanned(object({
  code: pattern(/^[a-z][a-z0-9_]{0,63}$/), source: text(512), from_us: int(), to_us: int(),
  text: text(512),
}));

function coverage(value, where) {
  check(isObject(value), "expected an object", where);
  return Object.keys(value).length === 0 ? null : COUNTS(value, where);
}

function origin(value, where) {
  check(typeof value === "string", "expected text", where);
  checkOrigin(value);
  return value;
}

function range(value, where) {
  const found = pair(int(), int())(value, where);
  check(found[0] <= found[1], "expected [a, b] with a <= b", where);
  return found;
}

const BUNDLE = object(
  {
    format: pattern(/^vitne-bundle\/v1$/),
    origin,
    range,
    policy: object({ log: text(), index: text() }),
    question: QUESTION,
    log: object({
      checkpoint: text(), link: HASHES, path: HASHES,
      entries: ascending(list(pair(int(), bytes())), FIRST),
    }),
    index: object({
      checkpoint: text(), path: HASHES,
      records: ascending(list(pair(int(), bytes())), FIRST),
    }),
    gaps: ascending(list(GAP), (one) => one.record),
    opened: ascending(
      list(object({ index: int(), core: SECTION, payload: SECTION, person: SECTION })),
      (one) => one.index,
    ),
    senders: ascending(
      list(object({ index: int(), batch: int(), path: HASHES })), (one) => one.index,
    ),
    coverage,
    detections: list(object({
      rule: text(), hash: HASH, matches: int(), runs: ascending(list(int())),
    })),
    stamps: list(object({ kind: pattern(/^(?:rfc3161|ots)$/), over: HASH, token: bytes() })),
  },
  { limits: list(LIMIT, 1, 1_000), seal: text() },
);

/**
 * @param {Uint8Array} data the file
 * @returns {{bundle: object, json: object}} its members as they are meant, and as they are spelled
 * @throws {Fault} another form
 */
export function readBundle(data) {
  check(data.length <= MAX_BYTES, "a bundle has at most 64 MiB");
  const json = parseCanonical(fromUtf8(data), DEPTH);
  return { bundle: BUNDLE(json, "bundle"), json };
}

/** The bytes that a seal is over. @param {object} json as `readBundle` gives it */
export function unsealed(json) {
  const { seal, ...others } = json;
  return utf8(encode(others, DEPTH));
}
