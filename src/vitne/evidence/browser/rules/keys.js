// Rules 10 and 18: one value, its lookup keys in every epoch, and on whose word they are its own.

import { sameBytes, toHex } from "../core/bytes.js";
import { EVENT, KEY } from "../core/entry.js";
import { check } from "../core/fault.js";
import { says } from "../core/filter.js";
import { commitOf, keyOf, overflowSecret, secretOf, streamId } from "../core/hash.js";

const ACTOR = 1;
const TARGET = 2;
const PAIR = 3;
const STREAM = 4;
const PARTS = { 1: 2, 2: 2, 3: 4, 4: 2, 5: 1, 6: 1 };
/** From the strongest to the weakest. */
const GRADES = ["key", "sender", "log", "stated"];

const tagged = (asked) => `0${asked.kind}${toHex(asked.key)}`;
const isSameList = (one, other) => one.length === other.length
  && one.every((value, at) => value === other[at]);

/** Rule 10. */
export function keys(found) {
  const asked = found.bundle.question.keys;
  check(asked.length > 0, "expected a key");
  const [{ kind, parts }] = asked;
  check(asked.every((key) => key.kind === kind), "expected keys of one kind");
  const pairs = pairUp(asked, kind);
  checkParts(kind, parts);
  pairs.forEach(({ value }, at) => {
    const where = `epoch ${value.epoch}`;
    check(at === 0 || pairs[at - 1].value.epoch < value.epoch, "epochs do not ascend", where);
    check(isSameList(value.parts, parts), "expected the same value in every epoch", where);
  });
  if (kind === STREAM) checkStream(found, asked);
  else pairs.forEach(checkPair);
  found.pairs = pairs;
  found.valueKeys = new Set(pairs.map(({ value }) => tagged(value)));
  found.allKeys = new Set(asked.map(tagged));
  for (const run of found.runs) run.keys = run.overflow > 0 ? found.allKeys : found.valueKeys;
  if (kind !== STREAM) checkEpochs(found, kind);
}

/** Each epoch's key of the value, and that of its pseudo-target where the kind has one. */
function pairUp(asked, kind) {
  if (kind !== TARGET && kind !== PAIR) return asked.map((value) => ({ value }));
  check(asked.length % 2 === 0, "expected the keys of a value and of its pseudo-target");
  const pairs = [];
  for (let at = 0; at < asked.length; at += 2) {
    const [value, pseudo] = [asked[at], asked[at + 1]];
    check(value.epoch === pseudo.epoch, "a pair of two epochs", `epoch ${value.epoch}`);
    pairs.push({ value, pseudo });
  }
  return pairs;
}

function checkParts(kind, parts) {
  check(parts.length === PARTS[kind], "a value with too many parts, or too few");
  check(
    (kind !== TARGET && kind !== PAIR) || parts.at(-1) !== "*",
    "nobody can ask for the pseudo-target itself",
  );
}

function checkStream(found, asked) {
  const [{ epoch, parts, secrets, key }] = asked;
  check(asked.length === 1 && epoch === 0 && secrets === undefined, "expected one key, epoch 0");
  check(
    sameBytes(key, streamId(found.bundle.origin, ...parts)), "the key is not the stream's id",
  );
}

function checkPair({ value, pseudo }) {
  const where = `epoch ${value.epoch}`;
  check(value.epoch >= 1, "index secrets begin with epoch 1");
  checkSecrets(value, where);
  if (pseudo === undefined) return;
  const expected = [...value.parts.slice(0, -1), "*"];
  check(isSameList(pseudo.parts, expected), "expected the pseudo-target of the value", where);
  checkSecrets(pseudo, where);
  const open = overflowSecret(pseudo.parts.at(-2));
  if (value.kind === TARGET) {
    check(toHex(keyOf(TARGET, open)) === tagged(pseudo), "another pseudo-target's key", where);
  }
  if (pseudo.secrets === undefined) return;
  check(sameBytes(pseudo.secrets.at(-1), open), "another pseudo-target's secret", where);
  if (value.kind === PAIR) {
    check(
      value.secrets !== undefined && sameBytes(pseudo.secrets[0], value.secrets[0]),
      "the pseudo-target is asked for with another actor", where,
    );
  }
}

function checkSecrets(asked, where) {
  if (asked.secrets === undefined) return;
  check(asked.secrets.length === (asked.kind === PAIR ? 2 : 1), "a wrong number of secrets", where);
  const made = toHex(keyOf(asked.kind, ...asked.secrets));
  check(made === tagged(asked), "the secrets do not give the key", where);
}

/** Every epoch is announced, for this kind; and every epoch that is searched has a key. */
function checkEpochs(found, kind) {
  found.indexSecrets = new Map();
  for (const entry of found.entries.values()) {
    if (entry.type !== KEY || entry.role !== "index") continue;
    const first = found.indexSecrets.get(entry.epoch) ?? entry;
    const where = `epoch ${entry.epoch}`;
    check(sameBytes(first.commit, entry.commit), "two index secrets for one epoch", where);
    found.indexSecrets.set(entry.epoch, first);
  }
  const epochs = new Set(found.pairs.map(({ value }) => value.epoch));
  for (const epoch of epochs) {
    check(
      found.indexSecrets.get(epoch)?.kinds.includes(kind) ?? false,
      "no key entry says that the epoch has keys of this kind", `epoch ${epoch}`,
    );
  }
  for (const { epochMin, epochMax, position } of found.runs) {
    if (epochMin === 0 && epochMax === 0) continue;
    for (let epoch = epochMin; epoch <= epochMax; epoch += 1) {
      check(epochs.has(epoch), "an epoch has no key", `record ${position}`);
    }
  }
  const [, b] = found.bundle.range;
  for (const [index, entry] of found.entries) {
    const isInTail = entry.type === EVENT && index >= found.covered && index < b;
    check(!isInTail || epochs.has(entry.epoch), "an entry's epoch has no key", `entry ${index}`);
  }
}

// ---------------------------------------------------------------- rule 18

/** Rule 18. */
export function binding(found, given) {
  const alone = openedAlone(found);
  const grades = found.pairs.map((pair) => gradeOf(found, pair, given, alone));
  found.binding = weakest(grades);
  if (found.binding === "stated") found.limit("unbound_key");
}

function weakest(grades) {
  const worst = (most, grade) => Math.max(most, GRADES.indexOf(grade));
  return GRADES[grades.reduce(worst, 0)];
}

/**
 * Key → opened events that hold it and no other key of its kind. (With a second target, either of
 * the two secrets would fit.)
 */
function openedAlone(found) {
  const alone = new Map();
  for (const [index, { core }] of found.opened) {
    if (core.event.json === undefined) continue;
    const { keys: all } = found.entries.get(index);
    for (const [at, key] of all.entries()) {
      const isKin = (other) => other?.slice(0, 2) === key.slice(0, 2);
      if (isKin(all[at - 1]) || isKin(all[at + 1])) continue; // keys ascend, by kind first
      if (!alone.has(key)) alone.set(key, []);
      alone.get(key).push(index);
    }
  }
  return alone;
}

function gradeOf(found, { value, pseudo }, given, alone) {
  if (value.kind === STREAM) return "key";
  const indexSecret = given.indexSecrets.get(value.epoch);
  if (indexSecret !== undefined) {
    checkIndexSecret(found, indexSecret, value, pseudo);
    return "key";
  }
  if (value.secrets === undefined) return "stated";
  const [first, second] = value.secrets;
  if (value.kind !== PAIR) return gradeOfSecret(found, alone, value.kind, first, value.parts);
  return weakest([
    gradeOfSecret(found, alone, ACTOR, first, value.parts.slice(0, 2)),
    gradeOfSecret(found, alone, TARGET, second, value.parts.slice(2)),
  ]);
}

/** Who bound a secret to the value: those whose events name it, and hold its key alone. */
function gradeOfSecret(found, alone, kind, secret, parts) {
  const holders = alone.get(toHex(keyOf(kind, secret))) ?? [];
  const binders = holders.filter(
    (index) => says(found.opened.get(index).core.event.json, kind, parts),
  );
  if (binders.length === 0) return "stated";
  return binders.every((index) => found.signed.get(index) === "full") ? "sender" : "log";
}

function checkIndexSecret(found, indexSecret, value, pseudo) {
  const where = `epoch ${value.epoch}`;
  check(
    indexSecret.length === 32
      && sameBytes(commitOf(indexSecret), found.indexSecrets.get(value.epoch).commit),
    "the index secret that you gave is not that of the epoch", where,
  );
  for (const asked of pseudo === undefined ? [value] : [value, pseudo]) {
    check(
      toHex(keyOf(asked.kind, ...secretsOf(indexSecret, asked))) === tagged(asked),
      "the index secret that you gave leads to another key", where,
    );
  }
}

function secretsOf(indexSecret, { kind, parts }) {
  const target = ([type, id]) => (id === "*" ? overflowSecret(type)
    : secretOf(indexSecret, TARGET, [type, id]));
  if (kind === TARGET) return [target(parts)];
  if (kind === PAIR) {
    return [secretOf(indexSecret, ACTOR, parts.slice(0, 2)), target(parts.slice(2))];
  }
  return [secretOf(indexSecret, kind, parts)];
}
