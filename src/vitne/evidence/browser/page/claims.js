// What an answer says, in plain language: proved, on whose trust, withheld, and not proved (§6.4).

import { SECTIONS } from "../core/control.js";
import { ERASE } from "../core/entry.js";

/** Name of each rule → what it makes certain. */
export const RULE_SENTENCES = {
  form: "The file is a bundle, spelled in the one way that there is.",
  policies: "It is settled whose keys count, and how many witnesses.",
  log_checkpoint: "The log and its witnesses have signed the state of the log.",
  index_checkpoint: "The index log and its witnesses have signed the state of the index.",
  records: "The index records are in the index log, and are about this log.",
  tiling: "They cover the entries that were searched without hole or overlap.",
  link: "They describe the very log that was signed.",
  entries: "Every entry in the file is in the log, in the order of recording.",
  window: "The entries that were searched are all that were recorded in the window.",
  keys: "The index keys are of one value, and none is lacking for any time.",
  gaps: "Each part of the index says how many entries hold the key: all, or none.",
  postings: "It says which ones, and all of those in the window are here.",
  tail: "The newest entries, which the index does not cover, are here one by one.",
  held: "The entries that the index names hold the key, and no other entry here does.",
  opened: "What is shown of each event is what its entry was made of, to the byte.",
  hits: "Each event was held against the question.",
  senders: "Events that are said to be signed were signed by their source.",
  binding: "It is settled on whose word the index key is that of the value.",
  coverage: "Gaps and silences of the sources were counted, and are named.",
  attached: "The seal, if there is one, holds; stamps and detections are listed.",
};

/** Code of each reason → what it says. */
const REASONS = {
  after_quorum: "entries were recorded later than the witnesses had seen the log",
  unknown_entry_type: "an entry is of a type that this verifier does not know",
  open_end: "the log had not gone on beyond the period: the answer ends with its last entry",
  core_withheld: "what an event says was withheld by whoever exported this",
  core_erased: "what an event says was erased",
  core_pruned: "what an event says was deleted by a retention rule",
  other_value: "an event is filed under this value, but names another one",
  other_time: "an event claims another time than its entry",
  overflow: "an event lists more targets than it names; this one may be among them",
  filter_undecidable: "whether an event meets the filter cannot be seen from what is shown",
  unbound_key: "nothing shown binds the index key to the value that is asked about",
  no_coverage: "nothing is said about gaps and silences of the sources",
  tail_uncovered: "gaps and silences of the newest entries are not counted yet",
  silent_source: "a source was silent when it should have spoken",
  abandoned_stream: "a source's stream ended without saying so",
  missing_numbers: "events that a source numbered are not in the log",
  voided_numbers: "events that a source numbered were declared lost",
};

const BINDING = {
  key: "nobody's word: it follows from the value.",
  sender: "the senders' signatures: they computed the index key of the value themselves.",
  log: "the log's word: it computed the index key of the value, and shows no sender's signature.",
  stated: "the exporter's word alone: nothing shown binds the index key to the value.",
};

const PLACES = 20;

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A time as people and programs read it. @param {number} us microseconds since 1970 */
export function utc(us) {
  if (us <= 0) return "the beginning";
  if (us >= Number.MAX_SAFE_INTEGER) return "the end of time";
  const seconds = new Date(Math.floor(us / 1_000_000) * 1000);
  return `${seconds.toISOString().slice(0, 19)}.${String(us % 1_000_000).padStart(6, "0")}Z`;
}

/** One sentence on top. @param {object} answer as `verify` gives it */
export function headline({ verdict, exact, hits }) {
  if (verdict === "proved") {
    return `${exact ? "Exactly" : "At least"} ${counted(hits.length, "such event")} was logged.`
      .replace("events was", "events were");
  }
  if (verdict === "disproved") return "No such event was logged in this window.";
  return "No such event is shown, but one may exist, for the reasons below.";
}

/** The value asked about: the text of a question proves nothing. */
export function valueOf({ kind, parts }) {
  const actor = ([issuer, id]) => (issuer === "" ? `actor ${id}` : `actor ${id} of ${issuer}`);
  switch (kind) {
    case 1:
      return actor(parts);
    case 2:
      return `target ${parts.join("/")}`;
    case 3:
      return `${actor(parts.slice(0, 2))} and target ${parts.slice(2).join("/")}`;
    case 4:
      return `stream ${parts[1]} of ${parts[0]}`;
    case 5:
      return `event type ${parts[0]}`;
    default:
      return `action ${parts[0]}`;
  }
}

/** @param {object} answer @returns {[string, string][]} what was asked, as name and value */
export function asked({ found }) {
  const { question, range: [a, b], origin } = found.bundle;
  const whose = question.clock === "recorded" ? "recorded" : "claimed to have happened";
  const [low, high] = found.window;
  return [
    ["In words", question.text],
    ["About", valueOf(question.keys[0])],
    ["Period", `events ${whose} from ${utc(question.from_us)} to before ${utc(question.to_us)}`],
    ["Filter", question.filter],
    ["Log", origin],
    ["Searched", `${counted(b - a, "entry", "entries")}, ${a.toLocaleString("en")} to before `
      + `${b.toLocaleString("en")}, recorded from ${utc(low)} to before ${utc(high)}`],
  ].filter(([, value]) => value !== "");
}

/** @param {object} answer */
export function proved({ verdict, hits, found }) {
  const [a, b] = found.bundle.range;
  const sentences = [
    `All ${counted(b - a, "entry", "entries")} of the window were searched, by an index that names `
      + "every entry that holds the value's key.",
  ];
  if (hits.length > 0) {
    sentences.push("What is shown of the events is what was recorded, to the byte.");
    const signed = hits.filter((index) => found.signed.has(index)).length;
    if (signed > 0) sentences.push(`Signed by their source: ${signed} of ${hits.length}.`);
  }
  if (verdict === "disproved") {
    sentences.push("Every part of the index says that no entry answers the question.");
  }
  return sentences;
}

/** One sentence for each kind of reason, with the first places. */
export function limits({ found }) {
  return [...new Set(found.reasons.map(({ code }) => code))].map((code) => {
    const ours = found.reasons.filter((one) => one.code === code);
    const text = REASONS[code] ?? ours[0].text;
    const places = ours.map(({ where }) => where).filter((where) => where !== "");
    const more = places.length > PLACES ? ` and ${places.length - PLACES} more` : "";
    const where = places.length > 0 ? ` Where: ${places.slice(0, PLACES).join(", ")}${more}.` : "";
    const who = code in REASONS ? "" : " The exporter says so.";
    return { code, text: `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.${where}${who}` };
  });
}

/** The table of §6.4 for this answer: each claim, on whom it rests, and if that party lies. */
export function trust({ found, binding }) {
  return [
    {
      claim: "The entries are in the log, unchanged; everybody sees the same log.",
      on: seenBy(found.logHead),
      lie: "Two signed heads that contradict each other are evidence against them.",
    },
    {
      claim: "The recorded times.",
      on: "The log; not later than the witnesses' times.",
      lie: "An entry that is lacking in a head which was cosigned later is evidence.",
    },
    {
      claim: "Nothing is left out of the index: absence, “exactly”, and the counts.",
      on: seenBy(found.indexHead),
      lie: "An entry with a key, and the index part that skips it, are evidence.",
    },
    {
      claim: "The index key stands for the value asked about.",
      on: `It is ${BINDING[binding]}`,
      lie: "The opened event, held against its key, shows it.",
    },
    {
      claim: "A source's key belongs to that source.",
      on: "The log, unless you know the key beforehand.",
      lie: "Two lists of keys show it.",
    },
    {
      claim: "Nothing was lost after the source had numbered it.",
      on: "The sender: numbers, heartbeats, receipts.",
      lie: "A hole in the numbers, or a receipt without an entry, shows it.",
    },
    {
      claim: "When it happened.",
      on: `The sender; ${clock(found.bundle.question)}`,
      lie: "Only the recorded time bounds it.",
    },
    {
      claim: "The application reports the act at all.",
      on: "The application.",
      lie: "Not provable: no log can prove that of itself.",
    },
  ];
}

function seenBy({ cosigned, size }) {
  if (cosigned.length === 0) return "Only the log's own word; no witness was asked for.";
  const times = cosigned.map(({ name, seconds }) => `${name} at ${utc(Number(seconds) * 1e6)}`);
  return `The log, and who cosigned its ${counted(size, "entry", "entries")}: ${times.join(", ")}.`;
}

function clock({ clock: which, early_us: early, late_us: late }) {
  if (which === "recorded") return "the period is that of recording.";
  const [sooner, later] = [early, late].map((us) => counted(Math.floor(us / 1e6), "second"));
  return `what was recorded more than ${later} after it, or ${sooner} before, was not looked for.`;
}

/** Whose keys these are. */
export function whose({ trust: given }) {
  return given === "given"
    ? "The keys and witnesses are those of the policies that you gave."
    : "Trust as bundled: the keys came with the file itself. Whoever made the file could have made "
      + "the keys too. Give policies of your own to rule that out.";
}

const SEALS = {
  held: "The file is sealed by the log that exported it: no byte was changed since.",
  unknown_key: "The file has a seal, but the log's key for it did not come along.",
  none: "The file has no seal: whoever handed it on could have left out limits that the exporter "
    + "stated.",
};

/** @param {object} answer */
export function seal({ found }) {
  return SEALS[found.seal.state];
}

/** Sections that the exporter does not show: [entry, section]. */
export function withheldOf({ opened }) {
  return sectionsOf(opened).filter(([, , { event, record, erased }]) => erased === undefined
    && (event.data === undefined || (record !== undefined && record.data === undefined)))
    .map(([index, name]) => [index, name]);
}

/** Sections that were erased: [entry, section, entry that says so]. */
export function erasedOf({ opened }) {
  return sectionsOf(opened).filter(([, , { erased }]) => erased !== undefined)
    .map(([index, name, { erased }]) => [index, name, erased]);
}

function sectionsOf(opened) {
  return [...opened].flatMap(
    ([index, record]) => SECTIONS.map((name) => [index, name, record[name]]),
  );
}

/** @param {object} answer */
export function withheld({ found }) {
  const counts = new Map();
  for (const [, name] of withheldOf(found)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sentences = [...counts].map(([name, count]) => `The section “${name}” of `
    + `${counted(count, "event")} was withheld by whoever exported this. Its hash is proved, so it `
    + "can be shown later and checked against it.");
  const erased = erasedOf(found);
  for (const [index, name, by] of erased.slice(0, PLACES)) {
    const entry = found.entries.get(by);
    const why = entry.type === ERASE ? `${entry.basis}, ${entry.ref}` : "";
    sentences.push(`The section “${name}” of entry ${index} was erased: ${why} (entry ${by}).`);
  }
  if (erased.length > PLACES) {
    sentences.push(`${counted(erased.length - PLACES, "more section")} were erased.`);
  }
  return sentences;
}

/** @param {object} answer */
export function notProved({ hits, found }) {
  const sentences = [
    "That the applications report every act at all: no log can prove that of itself.",
    "When something happened: that is the senders' word.",
    "That every event which is not shown was filed under whom and what it is about: its sender's "
      + "word if it signs its index keys, else the log's.",
  ];
  if (hits.some((index) => !found.signed.has(index))) {
    sentences.push("That events without a signature say what their source said: the log's word.");
  }
  if (found.stamps.length > 0) {
    sentences.push("The time stamps: they came along, but are not checked here.");
  }
  return sentences;
}
