"""Proved, disproved or undecidable, and every reason that limits an answer.

A verdict is never stronger than its reasons allow: with hits it is *proved*, and "at least" as soon
as there is one reason; without hits it is *disproved* only if there is no reason at all.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

Verdict = Literal["proved", "disproved", "undecidable"]

LIMIT: Final = "limit:"
"""Begins the code of a reason that the exporter states itself; its own code follows."""

REASONS: Final[dict[str, str]] = {
    "after_quorum": "entries were recorded later than the witnesses had seen the log",
    "unknown_entry_type": "an entry is of a type that this verifier does not know",
    "open_end": "the log had not gone on beyond the period: the answer ends with its last entry",
    "core_withheld": "what an event says was withheld by whoever exported this",
    "core_erased": "what an event says was erased",
    "core_pruned": "what an event says was deleted by a retention rule",
    "other_value": "an event is filed under this value, but names another one",
    "other_time": "an event claims another time than its entry",
    "overflow": "an event lists more targets than it names; this one may be among them",
    "filter_undecidable": "whether an event meets the filter cannot be seen from what is shown",
    "unbound_key": "nothing shown binds the index key to the value that is asked about",
    "no_coverage": "nothing is said about gaps and silences of the sources",
    "tail_uncovered": "gaps and silences of the newest entries are not counted yet",
    "silent_source": "a source was silent when it should have spoken",
    "abandoned_stream": "a source's stream ended without saying so",
    "missing_numbers": "events that a source numbered are not in the log",
    "voided_numbers": "events that a source numbered were declared lost",
}
"""Every code of a reason, in the order of the rules that give them, and what it says."""


class Reason(Struct, frozen=True):
    """Why an answer is not the last word."""

    code: str
    """One of `REASONS`, or `limit:` and a code of the exporter's."""
    text: str
    """For people."""
    where: str = ""
    """What it is about: `entry 9`, `epoch 1`, a source; empty: the whole answer."""


def reason(code: str, where: str = "") -> Reason:
    """A reason by its code."""
    return Reason(code, REASONS[code], where)


def decide_verdict(hits: int, reasons: Sequence[Reason]) -> Verdict:
    """The verdict from the number of hits and what limits the answer."""
    if hits:
        return "proved"
    return "undecidable" if reasons else "disproved"
