// Ed25519 and ML-DSA-44, such that no two verifiers disagree about a signature (§2.8).

import { concat, fromHex, sameBytes } from "./bytes.js";
import { check } from "./fault.js";
import { ed25519, ml_dsa44, sha512 } from "../vendor/noble.js";

const { Point } = ed25519;
const PRIME = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const SIGN_BIT = 2n ** 255n;

/** @param {Uint8Array} bytes */
function littleEndian(bytes) {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = value * 256n + BigInt(bytes[at]);
  return value;
}

/** y of the points of small order. */
const SMALL = new Set([
  0n,
  1n,
  PRIME - 1n,
  ...[
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ].map((point) => littleEndian(fromHex(point)) % SIGN_BIT),
]);

/** Whether 32 bytes spell a point in the one way, and not one of small order. */
function isSafePoint(bytes) {
  const y = littleEndian(bytes) % SIGN_BIT;
  return y < PRIME && !SMALL.has(y);
}

/** @param {Uint8Array} key @throws {Fault} no key that is safe to verify with */
export function checkEd25519Key(key) {
  check(key.length === 32 && isSafePoint(key), "no safe Ed25519 public key");
}

/**
 * @param {Uint8Array} key 32 bytes
 * @param {Uint8Array} message
 * @param {Uint8Array} signature 64 bytes
 * @throws {Fault} the signature does not hold
 */
export function verifyEd25519(key, message, signature) {
  checkEd25519Key(key);
  check(
    signature.length === 64 && isSafePoint(signature.subarray(0, 32)),
    "the signature has not the form of Ed25519",
  );
  check(ed25519Holds(key, message, signature), "the Ed25519 signature does not hold");
}

/** RFC 8032 §5.1.7 without the factor 8: the encoding of [S]B − [k]A must be that of R. */
function ed25519Holds(key, message, signature) {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= ORDER) return false;
  let point;
  try {
    point = Point.fromBytes(key);
  } catch {
    return false; // no point of the curve
  }
  const k = littleEndian(sha512(concat(r, key, message))) % ORDER;
  const left = s === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(s);
  const expected = left.subtract(k === 0n ? Point.ZERO : point.multiplyUnsafe(k)).toBytes();
  return sameBytes(expected, r);
}

/**
 * ML-DSA-44 (FIPS 204).
 *
 * @param {Uint8Array} key 1,312 bytes
 * @param {Uint8Array} message
 * @param {Uint8Array} signature 2,420 bytes
 * @param {Uint8Array} [context] empty in everything of ours
 * @throws {Fault} the signature does not hold
 */
export function verifyMldsa(key, message, signature, context = new Uint8Array()) {
  let holds = false;
  try {
    holds = ml_dsa44.verify(signature, message, key, { context });
  } catch {
    holds = false; // sizes, or hints that are not in order
  }
  check(holds, "the ML-DSA-44 signature does not hold");
}
