// The verifier: twenty rules in order, then the verdict (§6.3).

import { check, Fault } from "./core/fault.js";
import { fromHex } from "./core/bytes.js";
import { readBundle } from "./rules/form.js";
import { parsePolicy } from "./core/policy.js";
import { attached, coverage, hits, senders } from "./rules/answer.js";
import { entries, held, opened, tail, window } from "./rules/entries.js";
import {
  gaps, indexCheckpoint, link, logCheckpoint, policies, postings, records, tiling,
} from "./rules/index_log.js";
import { binding, keys } from "./rules/keys.js";

/** Rules 2 to 20, by name. */
const STEPS = [
  ["policies", policies], ["log_checkpoint", logCheckpoint], ["index_checkpoint", indexCheckpoint],
  ["records", records], ["tiling", tiling], ["link", link], ["entries", entries],
  ["window", window], ["keys", keys], ["gaps", gaps], ["postings", postings], ["tail", tail],
  ["held", held], ["opened", opened], ["hits", hits], ["senders", senders], ["binding", binding],
  ["coverage", coverage], ["attached", attached],
];

/** Names of the twenty rules, in order. */
export const RULES = ["form", ...STEPS.map(([name]) => name)];

/** What the rules have found out so far: each reads what those before it put here. */
function newCase({ bundle, json }) {
  const found = {
    bundle, json,
    reasons: [], runs: [], hits: [],
    entries: new Map(), candidates: new Map(), opened: new Map(), signed: new Map(),
    pruned: 0,
    limit(code, where = "", text = "") {
      found.reasons.push({ code, where, text });
    },
    addCandidate(index, key) {
      if (!found.candidates.has(index)) found.candidates.set(index, new Set());
      found.candidates.get(index).add(key);
    },
  };
  return found;
}

/**
 * Whom the verifier trusts, instead of what the bundle names.
 *
 * @param {{log?: string, index?: string, indexSecrets?: Object<string, string | Uint8Array>}} texts
 *     policies as text; index secrets by epoch, bytes or hex
 * @throws {Fault} one of them cannot be read
 */
export function readPolicies(texts = {}) {
  const indexSecrets = new Map();
  for (const [epoch, key] of Object.entries(texts.indexSecrets ?? {})) {
    check(/^[1-9][0-9]{0,4}$/.test(epoch), "expected an epoch", epoch);
    indexSecrets.set(Number(epoch), typeof key === "string" ? fromHex(key) : key);
  }
  const { log, index } = texts;
  return {
    log: log === undefined ? null : parsePolicy(log),
    index: index === undefined ? null : parsePolicy(index),
    indexSecrets,
  };
}

/**
 * Check a bundle.
 *
 * @param {Uint8Array} data the file's bytes
 * @param {object} [texts] as `readPolicies` takes them
 * @returns {object} `verdict` "proved", "disproved", "undecidable", or "invalid" with `rule`,
 *     `message` and `where`; `hits`, `reasons`, `exact`, `binding`, `trust`, and all of `found`
 */
export function verify(data, texts) {
  const given = readPolicies(texts);
  let rule = "form";
  let found;
  try {
    found = newCase(readBundle(data));
    for (const [name, step] of STEPS) {
      rule = name;
      step(found, given);
    }
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return { verdict: "invalid", rule, message: fault.message, where: fault.where };
  }
  return result(found);
}

function result(found) {
  const { reasons } = found;
  const exact = reasons.length === 0;
  const verdict = found.hits.length > 0 ? "proved" : exact ? "disproved" : "undecidable";
  return {
    verdict, exact,
    hits: found.hits,
    reasons: reasons.map(({ code }) => code),
    binding: found.binding,
    trust: found.trust,
    found,
  };
}
