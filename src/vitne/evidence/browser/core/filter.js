// The filter of a question, and what an event's core says of itself (rule 16).

import { utf8 } from "./bytes.js";
import { check } from "./fault.js";
import { isObject, member, textAt } from "./json.js";

const TERM = new RegExp(
  '^(-?)(type|category|outcome|action|actor|target):([^\\u0000-\\u0020"()*\\u007f]*)(\\*?)$', "u",
);
const PATHS = {
  type: ["type"],
  category: ["category"],
  outcome: ["outcome", "result"],
  action: ["correlation", "action_id"],
  actor: ["actor", "id"],
};

/**
 * @param {string} filter
 * @returns {(core: object) => boolean} whether an event meets it
 * @throws {Fault} it is none
 */
export function parseFilter(filter) {
  check(utf8(filter).length <= 4096, "a filter has at most 4,096 bytes");
  const words = filter === "" ? [] : filter.split(" ");
  check(words.length <= 32, "a filter has at most 32 terms");
  const terms = words.map(parseTerm);
  return (core) => terms.every((term) => term(core));
}

function parseTerm(word) {
  const found = TERM.exec(word);
  check(found !== null && found[3] + found[4] !== "", "expected name:value", word.slice(0, 80));
  const [, sign, name, value, star] = found;
  const fits = star ? (text) => text.startsWith(value) : (text) => text === value;
  return (core) => (sign === "-") !== textsOf(core, name).some(fits);
}

function textsOf(core, name) {
  if (name === "target") return targetsOf(core).flatMap(([type, id]) => [id, `${type}/${id}`]);
  const found = textAt(core, ...PATHS[name]);
  return found === undefined ? [] : [found];
}

/** Type and id of every target. @param {object} core @returns {[string, string][]} */
export function targetsOf(core) {
  const listed = member(core, "targets");
  return (Array.isArray(listed) ? listed : [])
    .map((one) => [textAt(one, "type"), textAt(one, "id")])
    .filter(([type, id]) => type !== undefined && id !== undefined);
}

/**
 * Whether an event is about a value.
 *
 * @param {object} core
 * @param {number} kind 1 to 6
 * @param {string[]} parts
 */
export function says(core, kind, parts) {
  switch (kind) {
    case 1:
      return saysActor(core, parts);
    case 2:
      return saysTarget(core, parts);
    case 3:
      return saysActor(core, parts.slice(0, 2)) && saysTarget(core, parts.slice(2));
    case 5:
      return textAt(core, "type") === parts[0];
    case 6:
      return textAt(core, "correlation", "action_id") === parts[0];
    default:
      return kind === 4; // the stream stands in the entry's header
  }
}

function saysActor(core, [issuer, id]) {
  const actor = member(core, "actor");
  const isNamed = isObject(actor) && Object.hasOwn(actor, "issuer");
  return (isNamed ? textAt(actor, "issuer") : "") === issuer && textAt(actor, "id") === id;
}

function saysTarget(core, [type, id]) {
  return targetsOf(core).some(([ofType, ofId]) => ofType === type && ofId === id);
}

/**
 * Microseconds since 1970 of `YYYY-MM-DDThh:mm:ss.fffZ`, with 3 to 9 digits of a second.
 *
 * @param {string} text
 * @returns {number | null} null: another form, or no such time
 */
export function parseTime(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3,9})Z$/.exec(text);
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  if (year < 1 || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second;
  return seconds * 1_000_000 + Number(found[7].slice(0, 6).padEnd(6, "0"));
}
