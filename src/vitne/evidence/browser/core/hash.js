// SHA-256, and the tree's two ways to use it (§1).

import { be, concat, str, utf8 } from "./bytes.js";
import { check } from "./fault.js";
import { hmac, sha256 } from "../vendor/noble.js";

/** @param {...Uint8Array} parts @returns {Uint8Array} */
export function hash(...parts) {
  return sha256(concat(...parts));
}

/** @param {...Uint8Array} data */
export function leafHash(...data) {
  return hash(Uint8Array.of(0), ...data);
}

/** @param {Uint8Array} left @param {Uint8Array} right */
export function nodeHash(left, right) {
  return hash(Uint8Array.of(1), left, right);
}

/** Root of the tree of nothing. */
export const EMPTY_ROOT = hash();

// ---------------------------------------------------------------- lookup keys (§3.4)

/** The id of a stream. @param {string} origin @param {string} source @param {string} name */
export function streamId(origin, source, name) {
  return hash(utf8("vitstrm1"), str(origin), str(source), str(name)).subarray(0, 16);
}

/** @param {number} kind @param {string[]} parts */
function keyMessage(kind, parts) {
  const coded = parts.flatMap((part) => {
    const data = utf8(part);
    check(data.length <= 0xffff, "a value of a lookup key is longer than 65,535 bytes");
    return [be(data.length, 2), data];
  });
  return concat(utf8("vitsecr1"), Uint8Array.of(kind), ...coded);
}

/** @param {Uint8Array} indexSecret K @param {number} kind @param {string[]} parts */
export function secretOf(indexSecret, kind, parts) {
  return hmac(sha256, indexSecret, keyMessage(kind, parts));
}

/** The public secret of the pseudo-target of a type. @param {string} type */
export function overflowSecret(type) {
  return hash(keyMessage(2, [type, "*"]));
}

/** The 17 bytes of a key. @param {number} kind @param {...Uint8Array} secrets one; two in kind 3 */
export function keyOf(kind, ...secrets) {
  const tag = Uint8Array.of(kind);
  return concat(tag, hash(utf8("vitikey1"), tag, ...secrets).subarray(0, 16));
}

/** What a key entry says of K. @param {Uint8Array} indexSecret */
export function commitOf(indexSecret) {
  return hash(utf8("vitne-index-key/v1\n"), indexSecret);
}
