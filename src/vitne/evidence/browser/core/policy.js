// Whose keys count, and how many witnesses: C2SP tlog-policy (§2.7).

import { toHex } from "./bytes.js";
import { check, Fault } from "./fault.js";
import { COSIGNATURE, ED25519, MLDSA_COSIGNATURE, parseVerifier } from "./note.js";

const MAX_CHARACTERS = 1 << 20;
const WITNESS_KINDS = [COSIGNATURE, MLDSA_COSIGNATURE];

/**
 * @typedef {{logs: Vkey[], witnesses: Map<string, Vkey>,
 *            groups: Map<string, {threshold: number, members: string[]}>, quorum: string}} Policy
 */

/** @param {string} text @returns {Policy} @throws {Fault} `where` is the line */
export function parsePolicy(text) {
  const short = text.length <= MAX_CHARACTERS || [...text].length <= MAX_CHARACTERS;
  check(short, "a policy has at most a million characters");
  const reader = newReader();
  for (const [at, line] of text.split("\n").entries()) {
    const words = line.replace(/\r$/, "").split(/[ \t]+/).filter((word) => word !== "");
    if (words.length === 0 || words[0].startsWith("#")) continue;
    try {
      readLine(reader, words);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      throw new Fault(fault.message, `line ${at + 1}`);
    }
  }
  const { logs, witnesses, groups, quorum } = reader;
  check(quorum !== "", "a policy has one quorum line");
  return { logs, witnesses, groups, quorum };
}

function newReader() {
  return {
    logs: [], witnesses: new Map(), groups: new Map(), quorum: "",
    keys: new Set(), // one key under two names would count twice
    members: new Set(),
  };
}

function readLine(reader, [what, ...words]) {
  const { witnesses, groups } = reader;
  const isDefined = (name) => witnesses.has(name) || groups.has(name);
  const checkFree = (name) => check(name !== "none" && !isDefined(name), `${name} is taken`);
  switch (what) {
    case "log":
      check([1, 2].includes(words.length), "expected: log <vkey> [url]");
      reader.logs.push(readKey(reader, words[0], [ED25519]));
      break;
    case "witness":
      check([2, 3].includes(words.length), "expected: witness <name> <vkey> [url]");
      checkFree(words[0]);
      witnesses.set(words[0], readKey(reader, words[1], WITNESS_KINDS));
      break;
    case "group":
      check(words.length >= 3, "expected: group <name> any|all|<k> <members>");
      checkFree(words[0]);
      groups.set(words[0], readGroup(reader, words[1], words.slice(2), isDefined));
      break;
    case "quorum":
      check(words.length === 1 && reader.quorum === "", "expected one line: quorum <name>|none");
      check(words[0] === "none" || isDefined(words[0]), `${words[0]} is not defined above`);
      [reader.quorum] = words;
      break;
    default:
      check(false, "expected log, witness, group or quorum");
  }
}

function readKey(reader, text, kinds) {
  const key = parseVerifier(text);
  check(kinds.includes(key.kind), `a key of type ${key.kind} has no place here`);
  const hex = toHex(key.key);
  check(!reader.keys.has(hex), "a public key occurs twice");
  reader.keys.add(hex);
  return key;
}

function readGroup(reader, count, members, isDefined) {
  for (const name of members) {
    check(isDefined(name), `${name} is not defined above`);
    check(!reader.members.has(name), `${name} is a member twice`);
    reader.members.add(name);
  }
  let threshold = 0;
  if (count === "any") threshold = 1;
  else if (count === "all") threshold = members.length;
  else if (/^[1-9][0-9]{0,3}$/.test(count)) threshold = Number(count);
  check(threshold >= 1 && threshold <= members.length, "a group asks for too many, or for none");
  return { threshold, members };
}

/**
 * The smallest time for which the cosignatures up to it suffice.
 *
 * @param {Policy} policy
 * @param {Map<Vkey, bigint>} seconds what each witness states
 * @returns {bigint | null} null: no witness is asked for
 * @throws {Fault} the quorum is not met
 */
export function quorumTime(policy, seconds) {
  if (policy.quorum === "none") return null;
  const met = timeOf(policy, policy.quorum, seconds);
  check(met !== undefined, `the witnesses that cosigned do not make the quorum ${policy.quorum}`);
  return met;
}

function timeOf(policy, name, seconds) {
  const witness = policy.witnesses.get(name);
  if (witness !== undefined) return seconds.get(witness);
  const { threshold, members } = policy.groups.get(name);
  const met = members
    .map((one) => timeOf(policy, one, seconds))
    .filter((time) => time !== undefined)
    .sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  return met[threshold - 1];
}
