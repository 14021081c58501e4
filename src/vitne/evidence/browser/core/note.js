// Signed notes, vkeys, checkpoints and cosignatures (§2.1 to 2.3).

import {
  concat, fromBase64, readBigU64, readDecimal, str, toHex, u64, utf8,
} from "./bytes.js";
import { check } from "./fault.js";
import { hash } from "./hash.js";
import { checkEd25519Key, verifyEd25519, verifyMldsa } from "./signature.js";

export const ED25519 = 0x01;
const ECDSA = 0x02;
export const COSIGNATURE = 0x04;
export const MLDSA_COSIGNATURE = 0x06;

const KEY_SIZE = { [ED25519]: 32, [COSIGNATURE]: 32, [MLDSA_COSIGNATURE]: 1312 };
const MAX_NOTE_BYTES = 1 << 20;
const MAX_SIGNATURES = 100;
const DASH = "\u2014 ";

/** @param {string} name whether a key may have it */
function isName(name) {
  return name !== "" && !/[\x00-\x20+]|\p{White_Space}/u.test(name);
}

/**
 * @typedef {{name: string, kind: number, key: Uint8Array, id: string, vkey: string}} Vkey
 * `id`: the four bytes by which signature lines name the key, as hex.
 */

/** Any vkey; its key is not looked at. @param {string} text @returns {Vkey} */
export function parseVkey(text) {
  const found = /^([^+]*)\+([^+]*)\+([^]*)$/.exec(text);
  check(found !== null && isName(found[1]), "expected a vkey: name+key id+base64");
  const [, name, id, body] = found;
  const data = fromBase64(body);
  check(data.length > 0, "a vkey without type and key");
  const [kind] = data;
  const key = data.subarray(1);
  const named = kind === ECDSA ? [key] : [utf8(name), Uint8Array.of(0x0a, kind), key];
  check(toHex(hash(...named).subarray(0, 4)) === id, "the key id of a vkey is not its key's", name);
  return { name, kind, key, id, vkey: text };
}

/** A vkey that signatures are checked with here. @param {string} text @returns {Vkey} */
export function parseVerifier(text) {
  const found = parseVkey(text);
  check(found.kind in KEY_SIZE, `keys of type ${found.kind} are not verified here`, found.name);
  check(found.key.length === KEY_SIZE[found.kind], "a public key of wrong size", found.name);
  if (found.kind !== MLDSA_COSIGNATURE) checkEd25519Key(found.key);
  return found;
}

/**
 * @param {string} note
 * @returns {{text: string, lines: {name: string, id: string, signed: Uint8Array}[]}}
 * @throws {Fault} it has not the form of a note
 */
export function parseNote(note) {
  check(utf8(note).length <= MAX_NOTE_BYTES, "a note has at most 1 MiB");
  check(!/[\x00-\x09\x0b-\x1f]/.test(note), "a note holds a control character");
  const cut = note.lastIndexOf("\n\n"); // a text may hold empty lines itself
  check(
    cut >= 0 && note.endsWith("\n") && cut + 2 < note.length,
    "a note is a text, an empty line and signature lines",
  );
  const lines = note.slice(cut + 2, -1).split("\n");
  check(lines.length <= MAX_SIGNATURES, "a note has at most 100 signatures");
  return { text: note.slice(0, cut + 1), lines: lines.map(parseLine) };
}

/** @param {string} line */
function parseLine(line) {
  const space = line.indexOf(" ", DASH.length);
  check(line.startsWith(DASH) && space > 0, "no signature line");
  const name = line.slice(DASH.length, space);
  check(isName(name), "no signature line");
  const data = fromBase64(line.slice(space + 1));
  check(data.length > 4, "a signature line without a signature");
  return { name, id: toHex(data.subarray(0, 4)), signed: data.subarray(4) };
}

/**
 * What known keys say of a note. One known signature that fails fails all of it.
 *
 * @param {string} note
 * @param {Vkey[]} known
 * @returns {{text: string, signed: {by: Vkey, seconds: bigint}[]}} the time that each states
 */
export function openNote(note, known) {
  const byLine = new Map();
  for (const key of known) {
    const line = `${key.name} ${key.id}`;
    const other = byLine.get(line);
    check(other === undefined || other === key, "two keys with one name and key id", key.name);
    byLine.set(line, key);
  }
  const { text, lines } = parseNote(note);
  const signed = [];
  for (const line of lines) {
    const by = byLine.get(`${line.name} ${line.id}`);
    if (by !== undefined) signed.push({ by, seconds: verifyLine(by, text, line.signed) });
  }
  check(signed.length > 0, "no signature by a known key");
  return { text, signed };
}

/** @param {Vkey} key @param {string} text @param {Uint8Array} signed @returns {bigint} seconds */
function verifyLine(key, text, signed) {
  if (key.kind === ED25519) {
    verifyEd25519(key.key, utf8(text), signed);
    return 0n;
  }
  check(signed.length > 8, "a cosignature without a time", key.name);
  const seconds = readBigU64(signed, 0);
  const signature = signed.subarray(8);
  if (key.kind === COSIGNATURE) {
    verifyEd25519(key.key, utf8(`cosignature/v1\ntime ${seconds}\n${text}`), signature);
  } else {
    const head = parseCheckpoint(text);
    const message = concat(
      utf8("subtree/v1\n\0"), str(key.name), signed.subarray(0, 8), str(head.origin),
      u64(0), u64(head.size), head.root,
    );
    verifyMldsa(key.key, message, signature);
  }
  return seconds;
}

/**
 * @param {string} text
 * @returns {{origin: string, size: number, root: Uint8Array}}
 * @throws {Fault} not exactly the three lines of a checkpoint
 */
export function parseCheckpoint(text) {
  const lines = text.split("\n");
  check(
    lines.length === 4 && lines[3] === "" && lines[0] !== "",
    "expected the three lines of a checkpoint",
  );
  return { origin: lines[0], size: readDecimal(lines[1]), root: fromBase64(lines[2], 32) };
}

/** An origin of ours. @param {string} origin */
export function checkOrigin(origin) {
  check(/^[a-z0-9./_-]{1,200}$/.test(origin), "no origin", "origin");
}
