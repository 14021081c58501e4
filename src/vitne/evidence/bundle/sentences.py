"""What the answer of a bundle says, in plain language: for a court's expert as for a customer.

Every sentence names the party on which it rests (transparency-log §6.4). `RULE_SENTENCES` says of
each rule of the verifier what it makes certain.
"""

from collections import Counter
from typing import Final

from msgspec import Struct

from vitne.answers.verdict_and_reasons import REASONS
from vitne.core.entry import keys
from vitne.core.values import format_utc
from vitne.evidence.bundle.answer import Answer
from vitne.evidence.record.verify import VerifiedHead

_SECOND_US = 1_000_000
_MOST = 20
"""Of one kind of thing; the rest is counted."""

RULE_SENTENCES: Final[dict[str, str]] = {
    "form": "The file is a bundle, spelled in the one way that there is.",
    "policies": "It is settled whose keys count, and how many witnesses.",
    "log_checkpoint": "The log and its witnesses have signed the state of the log.",
    "index_checkpoint": "The index log and its witnesses have signed the state of the index.",
    "records": "The index records are in the index log, and are about this log.",
    "tiling": "They cover the entries that were searched without hole or overlap.",
    "link": "They describe the very log that was signed.",
    "entries": "Every entry in the file is in the log, in the order of recording.",
    "window": "The entries that were searched are all that were recorded in the window.",
    "keys": "The index keys are of one value, and none is lacking for any time.",
    "gaps": "Each part of the index says how many entries hold the key: all, or none.",
    "postings": "It says which ones, and all of those in the window are here.",
    "tail": "The newest entries, which the index does not cover, are here one by one.",
    "held": "The entries that the index names hold the key, and no other entry here does.",
    "opened": "What is shown of each event is what its entry was made of, to the byte.",
    "hits": "Each event was held against the question.",
    "senders": "Events that are said to be signed were signed by their source.",
    "binding": "It is settled on whose word the index key is that of the value.",
    "coverage": "Gaps and silences of the sources were counted, and are named.",
    "attached": "The seal, if there is one, holds; stamps and detections are listed.",
}
"""Name of each rule → what it makes certain."""

_BINDING = {
    "key": "Nobody's word: the index key follows from the value.",
    "sender": "The senders' signatures: they computed the index key of the value themselves.",
    "log": "The log's word: it computed the index key of the value, and was not asked to show how.",
    "stated": "Only the exporter's word: nothing shown binds the index key to the value.",
}


_FILED = (
    "That every event which is not shown was filed under whom and what it is about: its sender's"
    " word if it signs its index keys, else the log's."
)


class AnswerClaims(Struct, frozen=True):
    """Sentences for people."""

    headline: str
    proved: tuple[str, ...]
    limits: tuple[str, ...]
    """Why the answer is not the last word."""
    trust: tuple[str, ...]
    """On whose word what is proved rests."""
    withheld: tuple[str, ...]
    not_proved: tuple[str, ...]


def claims_of_answer(found: Answer) -> AnswerClaims:
    """What an answer says."""
    return AnswerClaims(
        headline=_headline(found),
        proved=_proved(found),
        limits=_limits(found),
        trust=_trust(found),
        withheld=_withheld(found),
        not_proved=_not_proved(found),
    )


def _headline(found: Answer) -> str:
    count = len(found.hits)
    events = "event" if count == 1 else "events"
    if found.verdict == "proved":
        how = "exactly" if found.exact else "at least"
        return f"Proved: {how} {count:,} such {events}."
    if found.verdict == "disproved":
        return "Disproved: no such event was logged in this window."
    return "Undecidable: no such event is shown, but one may exist for the reasons below."


def _proved(found: Answer) -> tuple[str, ...]:
    asked = found.question
    whose = "recorded" if asked.clock == "recorded" else "claimed to have happened"
    low, high = found.window
    a, b = found.range
    times = f"from {_time(asked.from_us)} to before {_time(asked.to_us)}"
    searched = f"recorded from {_time(low)} to before {_time(high)}"
    narrowed = f", and meet the filter {asked.filter}" if asked.filter else ""
    sentences = [
        f"Asked was about {_value(found)}: events {whose} {times}{narrowed}.",
        f"All {b - a:,} entries {searched} were searched: {a:,} to before {b:,} of {found.origin}.",
    ]
    if found.hits:
        sentences.append("What is shown of the events is what was recorded, to the byte.")
        signed = sum(1 for hit in found.hits if hit.signed)
        if signed:
            sentences.append(f"{signed:,} of {len(found.hits):,} were signed by their source.")
    if found.verdict == "disproved":
        sentences.append("Every part of the index says that no entry answers the question.")
    return tuple(sentences)


def _value(found: Answer) -> str:
    """The value itself, since the text of a question proves nothing."""
    key = found.question.keys[0]
    match key.kind:
        case keys.ACTOR:
            return f"the actor {_actor(key.parts)}"
        case keys.TARGET:
            return f"the target {'/'.join(key.parts)}"
        case keys.ACTOR_TARGET:
            actor, target = _actor(key.parts[:2]), "/".join(key.parts[2:])
            return f"the actor {actor} and the target {target}"
        case keys.STREAM:
            return f"the stream {key.parts[1]} of {key.parts[0]}"
        case keys.EVENT_TYPE:
            return f"the event type {key.parts[0]}"
        case _:
            return f"the action {key.parts[0]}"


def _actor(parts: tuple[str, ...]) -> str:
    issuer, name = parts
    return f"{name} of {issuer}" if issuer else name


def _limits(found: Answer) -> tuple[str, ...]:
    """One sentence for each kind of reason, with the first places."""
    sentences = []
    texts = {reason.code: reason.text for reason in found.reasons}
    for code, count in Counter(reason.code for reason in found.reasons).items():
        text = REASONS.get(code, texts[code])
        places = [one.where for one in found.reasons if one.code == code and one.where]
        more = f" and {len(places) - _MOST:,} more" if len(places) > _MOST else ""
        where = f": {', '.join(places[:_MOST])}{more}" if places else ""
        said = " The exporter says so." if code not in REASONS else ""
        sentences.append(f"{text[:1].upper()}{text[1:]} ({code}, {_times(count)}){where}.{said}")
    return tuple(sentences)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _trust(found: Answer) -> tuple[str, ...]:
    if found.trust == "bundled":
        whose = (
            "Trust as bundled: the keys came with the file itself. Whoever made the file could have"
            " made the keys too; give policies of your own with --policy and --index-policy."
        )
    else:
        whose = "The keys and witnesses are those of policies that you gave."
    times = (
        "That a source's key is its own, and the recorded times: the log's word, the latter no"
        " later than the witnesses' times."
    )
    return (
        whose,
        f"That the entries are in the log, unchanged, one view for all: {_seen(found.log_head)}",
        f"That nothing is left out of the index: {_seen(found.index_head)}",
        f"That the index key stands for the value asked about: {_BINDING[found.binding]}",
        times,
        _seal(found),
    )


def _seen(head: VerifiedHead) -> str:
    if not head.cosigned:
        return "only the log's own word; no witness was asked for."
    seen = ", ".join(f"{one.name} at {_time(one.time_s * _SECOND_US)}" for one in head.cosigned)
    return f"the log, and those who cosigned its {head.size:,} entries: {seen}."


def _seal(found: Answer) -> str:
    match found.seal.state:
        case "held":
            return "The file is sealed by the log that exported it: no byte was changed since."
        case "unknown_key":
            return "The file has a seal, but the log's key for it did not come along."
        case "none":
            return (
                "The file has no seal: whoever handed it on could have left out limits that the"
                " exporter stated."
            )


def _withheld(found: Answer) -> tuple[str, ...]:
    sections = Counter(section for _, section in found.withheld)
    sentences = [
        f"The section {section} of {count:,} events was withheld by whoever exported this; its hash"
        " is proved, so it can be shown later and checked against it."
        for section, count in sections.items()
    ]
    for index, section, by in found.erased[:_MOST]:
        basis, ref = found.basis.get(by, ("", ""))
        sentences.append(
            f"The section {section} of entry {index:,} was erased: {basis}, {ref} (entry {by:,})."
        )
    if len(found.erased) > _MOST:
        sentences.append(f"{len(found.erased) - _MOST:,} more sections were erased.")
    return tuple(sentences)


def _not_proved(found: Answer) -> tuple[str, ...]:
    sentences = [
        "That the applications report every act at all: no log can prove that of itself.",
        f"When something happened: that is the senders' word; {_clock(found)}",
        _FILED,
    ]
    if any(not hit.signed for hit in found.hits):
        sentences.append(
            "That events without a signature say what their source said: the log's word."
        )
    if found.coverage is not None:
        sentences.append(
            "When the streams with gaps were silent: those times are the exporter's word."
            if found.streams
            else "That nothing was lost before a source gave it a number."
        )
    if found.stamps:
        sentences.append("The time stamps: they came along, but are not checked here.")
    return tuple(sentences)


def _clock(found: Answer) -> str:
    asked = found.question
    if asked.clock == "recorded":
        return "the period is that of recording."
    early, late = (f"{span // _SECOND_US:,} s" for span in (asked.early_us, asked.late_us))
    return f"an event recorded more than {late} after it, or {early} before, was not looked for."


def _time(time_us: int) -> str:
    """Seconds are enough unless there are more; a window may begin before 1970."""
    if not 0 <= time_us < 2**53:
        return "the beginning" if time_us < 0 else "the end of time"
    return format_utc(time_us)
