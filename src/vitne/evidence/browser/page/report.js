// The result of a verification as a page.

import { toBase64, toHex } from "../core/bytes.js";
import {
  asked, counted, headline, limits, notProved, proved, RULE_SENTENCES, seal, trust, utc, whose,
  withheld,
} from "./claims.js";
import { SECTIONS } from "../core/control.js";
import { details, el, icon, list, table } from "./dom.js";
import { targetsOf } from "../core/filter.js";
import { hash } from "../core/hash.js";
import { textAt } from "../core/json.js";
import { RULES } from "../verify.js";

const WORDS = {
  proved: "Proved", disproved: "Disproved", undecidable: "Undecidable", invalid: "Invalid",
};
const MOST_EVENTS = 500;
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** A word in large letters with its icon, and sentences below. */
export function banner(what, word, ...sentences) {
  const texts = sentences.map((text) => el("p", {}, text));
  const said = el("div", {}, el("h2", {}, word), ...texts);
  return el("div", { class: `banner ${what}` }, icon(what), said);
}

/**
 * @param {object} answer as `verify` gives it
 * @param {string} name of the file
 * @param {Uint8Array} bytes of the file
 */
export function report(answer, name, bytes) {
  const size = counted(bytes.length, "byte");
  const file = ["File", `${name}, ${size}, SHA-256 ${toHex(hash(bytes))}`];
  return answer.verdict === "invalid" ? invalidReport(answer, name, file)
    : fullReport(answer, name, file);
}

function invalidReport({ rule, message, where }, name, file) {
  const number = RULES.indexOf(rule) + 1;
  return [
    banner("invalid", WORDS.invalid,
      `Rule ${number} of 20 fails, so ${name} proves nothing: there is no verdict.`,
      `${sentence(message)}${where === "" ? "" : ` (${where})`}.`),
    el("p", {}, "The file was changed or damaged, it is no bundle, or it was made by somebody whom "
      + "your policies do not trust. Ask whoever gave it to you for a fresh copy."),
    pairs([file]),
    el("h2", {}, "The rules"),
    rules(rule),
  ];
}

function fullReport(answer, name, file) {
  const { verdict, found } = answer;
  const reasons = limits(answer);
  const hidden = withheld(answer);
  const parts = [
    banner(verdict, WORDS[verdict], headline(answer), `All 20 rules hold for ${name}.`),
    el("p", answer.trust === "bundled" ? { class: "note" } : {}, whose(answer)),
    ...section("What was asked", pairs([...asked(answer), file])),
  ];
  if (reasons.length > 0) {
    parts.push(...section("Why this is not the last word", el("ul", {}, ...reasons.map(
      ({ code, text }) => el("li", {}, text, " ", el("code", {}, code)),
    ))));
  }
  if (answer.hits.length > 0) parts.push(...section("The events", ...events(answer)));
  parts.push(
    ...section("What is proved", list(proved(answer))),
    ...section("What it rests on", trustTable(answer), el("p", {}, seal(answer))),
    ...section("Gaps and silences of the sources", ...coverage(found)),
  );
  if (hidden.length > 0) parts.push(...section("Withheld and erased", list(hidden)));
  parts.push(
    ...section("What is not proved", list(notProved(answer))),
    ...section("The rules", rules("")),
    ...section("For experts", ...raw(found)),
  );
  return parts;
}

/** With a capital. */
export function sentence(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function section(title, ...children) {
  return [el("h2", {}, title), ...children];
}

function pairs(rows) {
  const both = ([name, value]) => [el("dt", {}, name), el("dd", {}, value)];
  return el("dl", {}, ...rows.flatMap(both));
}

/** A moment in UTC, and in the time of this computer. */
function moment(us) {
  const iso = utc(us);
  const [date, time] = iso.split("T");
  if (time === undefined) return iso;
  return el("span", {}, el("time", { datetime: iso }, `${date}T`, el("wbr"), time),
    el("span", { class: "local" }, LOCAL.format(new Date(Math.floor(us / 1000)))));
}

function events({ hits, found }) {
  const shown = hits.slice(0, MOST_EVENTS);
  const rows = shown.map((index) => {
    const entry = found.entries.get(index);
    const core = found.opened.get(index).core.event.json;
    const targets = targetsOf(core).map(([type, id]) => `${type}/${id}`).join(", ");
    return [
      index.toLocaleString("en"), moment(entry.occurredUs), moment(entry.recordedUs),
      [textAt(core, "actor", "id"), textAt(core, "actor", "issuer")].filter(Boolean).join(" of "),
      [textAt(core, "type"), textAt(core, "outcome", "result")].filter(Boolean).join(", "),
      targets, signedBy(found, index),
    ];
  });
  const heads = ["Entry", "Happened (sender's word)", "Recorded (log's word)", "Actor", "What",
    "Targets", "Signed"];
  const rest = hits.length - shown.length;
  return [
    table(`${counted(hits.length, "event")}; times in UTC, and below in this computer's time`,
      heads, rows),
    ...(rest > 0 ? [el("p", {}, `${counted(rest, "more event")} not listed here.`)] : []),
    details("Everything that is shown of these events", ...shown.map((at) => shownOf(found, at))),
  ];
}

function signedBy(found, index) {
  const mode = found.signed.get(index);
  if (mode === undefined) return "no signature shown";
  return mode === "full" ? "by its source, with its lookup keys" : "by its source";
}

function shownOf(found, index) {
  const record = found.opened.get(index);
  const texts = SECTIONS.map((name) => {
    const { event, record: added, erased } = record[name];
    const part = (one) => (one.json === undefined
      ? (erased === undefined ? "(withheld)" : `(erased, entry ${erased})`)
      : JSON.stringify(one.json, null, 2));
    const log = added === undefined ? "" : `\nadded by the log: ${part(added)}`;
    return `${name}: ${part(event)}${log}`;
  });
  return el("div", {}, el("p", {}, el("strong", {}, `Entry ${index}`)),
    el("pre", {}, texts.join("\n\n")));
}

function trustTable(answer) {
  return table("What each claim rests on, and what happens if that party lies",
    ["Claim", "Rests on", "If it lies"],
    trust(answer).map(({ claim, on, lie }) => [claim, on, lie]));
}

function coverage(found) {
  const { coverage: stated, limits: said = [] } = found.bundle;
  if (stated === null) return [el("p", {}, "Nothing is said about them.")];
  const { registered, open, silent, abandoned, missing, voided } = stated;
  const counts = `${counted(registered, "stream")} registered, ${open} open, ${silent} silent, `
    + `${abandoned} abandoned; ${counted(missing, "number")} missing, ${voided} declared lost. `
    + `Counted up to entry ${found.covered.toLocaleString("en")}.`;
  const rows = stated.streams.map((one) => [
    one.source, trouble(one), moment(one.from_us), moment(one.to_us),
  ]);
  const stream = ["Source", "What", "From", "To"];
  const found_ = [el("p", {}, counts)];
  if (rows.length > 0) found_.push(table("Streams with gaps; times by the exporter", stream, rows));
  if (said.length > 0) {
    found_.push(table("Limits that the exporter states", stream, said.map(
      (one) => [one.source, `${one.text} (${one.code})`, moment(one.from_us), moment(one.to_us)],
    )));
  }
  return found_;
}

function trouble({ silent, abandoned, missing, voided }) {
  return [
    silent > 0 ? "silent" : "", abandoned > 0 ? "abandoned" : "",
    missing > 0 ? `${counted(missing, "number")} missing` : "",
    voided > 0 ? `${counted(voided, "number")} declared lost` : "",
  ].filter((text) => text !== "").join(", ");
}

/** The twenty rules: ticks up to the one that failed. */
function rules(failed) {
  const end = failed === "" ? RULES.length : RULES.indexOf(failed);
  return el("ol", { class: "rules" }, ...RULES.map((name, at) => {
    const [kind, mark, word] = at < end ? ["holds", "✓", "holds"]
      : at === end ? ["fails", "✗", "fails"] : ["skipped", "–", "not reached"];
    return el("li", { class: kind },
      el("span", { class: "mark" }, el("span", { "aria-hidden": "true" }, mark),
        el("span", { class: "hidden" }, word)),
      el("span", { class: "number" }, String(at + 1)),
      el("span", {}, RULE_SENTENCES[name], " ", el("code", { class: "name" }, name),
        ...(kind === "fails" ? [" — fails"] : [])));
  }));
}

function raw(found) {
  const { bundle } = found;
  const head = ({ origin, size, root, key }) => `${origin}\nsize ${size}\nroot ${toBase64(root)}\n`
    + `key  ${key}\n`;
  const keys = bundle.question.keys.map(({ kind, epoch, parts, key }) => `epoch ${epoch}, `
    + `kind ${kind}: ${toHex(key)} ${JSON.stringify(parts)}`);
  const runs = found.runs.map(({ position, level, start, end }) => `record ${position}: `
    + `level ${level}, entries ${start} to before ${end}`);
  const attached = [
    ...found.stamps.map(({ kind, over }) => `time stamp ${kind} over the checkpoint: ${over}`),
    ...found.detections.map(({ rule, matches, runs: at, shown }) => `detection ${rule}: ${matches} `
      + `matches in runs ${at.join(", ")} (${shown ? "shown" : "not all shown"})`),
  ];
  return [
    details("Signed heads", el("pre", {}, `${head(found.logHead)}\n${head(found.indexHead)}`),
      el("pre", {}, bundle.log.checkpoint), el("pre", {}, bundle.index.checkpoint)),
    details("Policies in the file", el("pre", {}, bundle.policy.log),
      el("pre", {}, bundle.policy.index)),
    details("Lookup keys and records", el("pre", {}, [...keys, ...runs].join("\n"))),
    ...(attached.length > 0 ? [details("Stamps and detections", list(attached))] : []),
  ];
}
