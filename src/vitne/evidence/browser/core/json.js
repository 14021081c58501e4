// Strict JSON: only the one canonical spelling (JCS, RFC 8785) over the domain of §1 is taken.
//
// A text is parsed, spelled again, and compared. Names that occur twice, floats, "-0", "1e3",
// blanks, needless escapes and names out of order do not come back as the same text.

import { check } from "./fault.js";

/** Levels of objects and arrays of JSON that is hashed, the outermost included. */
export const MAX_DEPTH = 32;

const NAME = /^[\x20-\x7e]*$/;

/**
 * @param {string} text
 * @param {number} [depth] levels that are allowed
 * @returns {any} the value; its objects hold own members only, see `member`
 * @throws {Fault} not JSON, outside of the domain, or another spelling
 */
export function parseCanonical(text, depth = MAX_DEPTH) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    check(false, "the bytes are not JSON");
  }
  check(encode(value, depth) === text, "the bytes are not canonical JSON");
  return value;
}

/**
 * The canonical text of a value.
 *
 * @param {any} value
 * @param {number} [depth]
 * @throws {Fault} it lies outside of the domain
 */
export function encode(value, depth = MAX_DEPTH) {
  switch (typeof value) {
    case "string":
      return encodeText(value);
    case "number":
      check(Number.isSafeInteger(value) && !Object.is(value, -0), "expected an integer");
      return String(value);
    case "boolean":
      return String(value);
    default:
  }
  if (value === null) return "null";
  check(depth > 0, "nested too deep");
  if (Array.isArray(value)) return `[${value.map((one) => encode(one, depth - 1)).join(",")}]`;
  const members = Object.keys(value).sort().map((name) => {
    check(NAME.test(name), "expected names of printable ASCII");
    return `${JSON.stringify(name)}:${encode(value[name], depth - 1)}`;
  });
  return `{${members.join(",")}}`;
}

/** @param {string} text */
function encodeText(text) {
  if (!/^[\x00-\x7f]*$/.test(text)) {
    // A lone surrogate comes back as an escape, which canonical text never holds.
    check(text.isWellFormed === undefined || text.isWellFormed(), "a lone surrogate in a text");
    check(text.normalize("NFC") === text, "expected text in Unicode form NFC");
  }
  return JSON.stringify(text);
}

/** @param {any} value whether it is a JSON object */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member, and nothing that JavaScript adds by itself. @param {any} value @param {string} name */
export function member(value, name) {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The text at a path of members; undefined if there is none. @param {any} value */
export function textAt(value, ...path) {
  const found = path.reduce(member, value);
  return typeof found === "string" ? found : undefined;
}
