// Bytes, and the few encodings of the specification (§1): everything strict, one spelling only.

import { check } from "./fault.js";

const HEX = [...Array(256).keys()].map((byte) => byte.toString(16).padStart(2, "0"));
const B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const B64_VALUE = new Int8Array(128).fill(-1);
for (let at = 0; at < 64; at += 1) B64_VALUE[B64.charCodeAt(at)] = at;

/** The largest integer of every format. */
export const MAX_INT = Number.MAX_SAFE_INTEGER;

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => HEX[byte]).join("");
}

/**
 * @param {string} text hex digits of either case, an even number of them
 * @returns {Uint8Array}
 */
export function fromHex(text) {
  check(/^(?:[0-9a-fA-F]{2})*$/.test(text), "expected hex digits");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {...Uint8Array} parts */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** @param {Uint8Array} bytes */
export function isZero(bytes) {
  return bytes.every((byte) => byte === 0);
}

/** @param {string} text without lone surrogates */
export function utf8(text) {
  check(text.isWellFormed === undefined || text.isWellFormed(), "text holds a lone surrogate");
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} bytes @throws {Fault} they are no UTF-8 */
export function fromUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    check(false, "the bytes are not UTF-8");
    return "";
  }
}

/** `str(s)`: one byte length, then UTF-8. @param {string} text */
export function str(text) {
  const data = utf8(text);
  check(data.length <= 255, "expected at most 255 bytes of text");
  return concat(Uint8Array.of(data.length), data);
}

/** Big-endian bytes of a number. @param {number} value @param {number} size */
export function be(value, size) {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** @param {number} value */
export function u64(value) {
  return be(value, 8);
}

/** Any u64, beyond 2^53 too. @param {Uint8Array} bytes @param {number} at */
export function readBigU64(bytes, at) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at);
}

/** @param {Uint8Array} bytes @param {number} at @throws {Fault} above 2^53-1 */
export function readU64(bytes, at) {
  const value = readBigU64(bytes, at);
  check(value <= BigInt(MAX_INT), "expected a number of at most 2^53-1");
  return Number(value);
}

/** @param {Uint8Array} bytes @param {number} at */
export function readU32(bytes, at) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
}

/** @param {Uint8Array} bytes @param {number} at */
export function readU16(bytes, at) {
  return bytes[at] * 256 + bytes[at + 1];
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [one, two = 0, three = 0] = bytes.subarray(at, at + 3);
    const bits = one * 65536 + two * 256 + three;
    text += B64[bits >> 18] + B64[(bits >> 12) & 63];
    text += at + 1 < bytes.length ? B64[(bits >> 6) & 63] : "=";
    text += at + 2 < bytes.length ? B64[bits & 63] : "=";
  }
  return text;
}

/**
 * Canonical padded base64 (RFC 4648 §4): no junk, no set bits behind the data.
 *
 * @param {string} text
 * @param {number} [size] bytes that are expected
 * @throws {Fault} another spelling or size
 */
export function fromBase64(text, size) {
  check(text.length % 4 === 0, "expected padded base64");
  const pads = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - pads;
  const bytes = new Uint8Array(text.length / 4 * 3 - pads);
  let bits = 0;
  let count = 0;
  let end = 0;
  for (let at = 0; at < digits; at += 1) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? B64_VALUE[code] : -1;
    check(value >= 0, "expected base64");
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[end] = bits >> count;
      end += 1;
    }
  }
  check((bits & ((1 << count) - 1)) === 0, "base64 is not canonical");
  check(size === undefined || bytes.length === size, `expected ${size} bytes of base64`);
  return bytes;
}

/**
 * A decimal of 0 to 2^53-1 without sign, space or leading zero.
 *
 * @param {string} text
 * @throws {Fault} any other spelling
 */
export function readDecimal(text) {
  check(/^(?:0|[1-9][0-9]{0,15})$/.test(text), "expected a decimal number");
  const value = Number(text);
  check(value <= MAX_INT, "expected a number of at most 2^53-1");
  return value;
}
