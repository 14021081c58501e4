"""What somebody asks, checked: from the members of a request to its values, or to all faults.

The kinds of questions, and what each takes:

    who_accessed    target               who did anything to it
    what_did        actor                everything that somebody did
    did_touch       actor, target        whether this one did anything to that one
    did_anyone      target and type, category or action      whether it happened to it at all
    all_of_type     type                 every event of a type
    all_of_action   action               every event of one action of a user interface
    all_of_stream   source, stream       every event of one run of a sender

Each takes a period, and may be narrowed by type, category, outcome and action.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.event.schema import Category, Result
from vitne.core.filter.values import parse_moment
from vitne.core.values import MAX_TIME_US, JsonObject, Section, is_clean
from vitne.errors import BadInputError

Kind = Literal[
    "who_accessed",
    "what_did",
    "did_touch",
    "did_anyone",
    "all_of_type",
    "all_of_action",
    "all_of_stream",
]
Clock = Literal["recorded", "occurred"]

KINDS: Final[dict[Kind, tuple[str, ...]]] = {
    "who_accessed": ("target",),
    "what_did": ("actor",),
    "did_touch": ("actor", "target"),
    "did_anyone": ("target",),
    "all_of_type": ("type",),
    "all_of_action": ("action",),
    "all_of_stream": ("source", "stream"),
}
"""What each kind of question needs."""

_DAY_US: Final = 86_400 * 1_000_000
EARLY_US: Final = _DAY_US
"""How far a claimed time may lie after the recorded one: intake quarantines what is beyond."""
LATE_US: Final = 7 * _DAY_US
"""How long after the act an event is still looked for, unless the question says otherwise."""
_SPAN_DAYS_MAX: Final = 3_660

_NARROWING: Final = ("type", "category", "outcome", "action")
_PERIOD: Final = ("from", "to", "clock", "early", "late")
_ABOUT: Final = ("actor", "issuer", "target", "source", "stream")
_MEMBERS: Final = frozenset({"ask", "withhold", *_ABOUT, *_NARROWING, *_PERIOD})
_LENGTHS: Final = {"actor": 128, "issuer": 256, "target": 321, "source": 129, "stream": 128}
_TARGET_TYPE: Final = re.compile(r"[^/\x00-\x20]{1,64}")
_TARGET_ID_MAX: Final = 256
_NAME: Final = r"[a-z][a-z0-9_]*"
_TYPE: Final = re.compile(rf"{_NAME}(\.{_NAME}){{2,4}}|{_NAME}(\.{_NAME}){{0,4}}\.?\*", re.ASCII)
_TYPE_MAX: Final = 100
_SOURCE: Final = re.compile(r"[^/]{1,64}/[^/]{1,64}")
_ACTION: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_SPAN: Final = re.compile(r"([0-9]{1,9})([smhdw]?)", re.ASCII)
_UNITS_US: Final = {
    "": 1_000_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": _DAY_US,
    "w": 7 * _DAY_US,
}


class QuestionRequest(Struct, frozen=True):
    """A question that is well formed; what it does not name is `""` or None."""

    kind: Kind
    from_us: int
    to_us: int
    clock: Clock = "recorded"
    early_us: int = 0
    late_us: int = 0
    actor: str = ""
    issuer: str | None = None
    """Who vouches for the actor's id; `""`: nobody is named in the events; None: to be found."""
    target: tuple[str, str] | None = None
    """Type and id."""
    type: str = ""
    """May end in `*`, but for the kind `all_of_type`."""
    category: str = ""
    outcome: str = ""
    action: str = ""
    source: str = ""
    """`application/service`."""
    stream: str = ""
    """The sender's `stream.id`."""
    withhold: tuple[Section, ...] = ()

    @property
    def window_us(self) -> tuple[int, int]:
        """Recorded times [low, high) in which the log is looked through."""
        return max(self.from_us - self.early_us, 0), self.to_us + self.late_us


class _Reader:
    """Reads members one by one, and keeps every fault."""

    def __init__(self, members: Mapping[str, object], now_us: int) -> None:
        self.members = members
        self.now_us = now_us
        self.problems: list[Problem] = []

    def fault(self, code: str, name: str, expected: str, got: object = None) -> None:
        """Keep one."""
        told = "" if got is None else _kind_of(got)
        self.problems.append(Problem(code, f"$.{name}", expected, told))

    def text(self, name: str) -> str:
        """A text, normalised as events are; `""` if it is absent or at fault."""
        value = self.members.get(name)
        if value is None:
            return ""
        most = _LENGTHS.get(name, 128)
        if not isinstance(value, str):
            self.fault("wrong_type", name, "a text", value)
            return ""
        value = _normalised(value)
        if value is None or not is_clean(value):
            self.fault("control_character", name, "a text without control characters")
            return ""
        if len(value) > most:
            self.fault("too_long", name, f"at most {most} characters", value)
            return ""
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """A text of a closed list."""
        value = self.text(name)
        if value and value not in choices:
            self.fault("not_in_list", name, ", ".join(choices), value)
            return ""
        return value

    def formed(self, name: str, form: re.Pattern[str], expected: str) -> str:
        """A text of a certain form."""
        value = self.text(name)
        if value and not form.fullmatch(value):
            self.fault("bad_format", name, expected, value)
            return ""
        return value


def read_question(
    members: Mapping[str, object], now_us: int
) -> QuestionRequest | tuple[Problem, ...]:
    """Check a request.

    Args:
        members: the JSON object as it came: `ask` and what its kind takes.
        now_us: for ages such as `7d`, and for a period without an end.

    Returns:
        The request; or every fault, with its JSON path.
    """
    reader = _Reader(members, now_us)
    for name in sorted(members.keys() - _MEMBERS):
        reader.fault("unknown_field", name[:40], f"one of {', '.join(sorted(_MEMBERS))}")
    kind = _kind(reader)
    target = _target(reader)
    period = _period(reader)
    event_type = reader.formed("type", _TYPE, "a type such as crm.customer.viewed or crm.*")
    if len(event_type) > _TYPE_MAX:
        reader.fault("too_long", "type", f"at most {_TYPE_MAX} characters", event_type)
    made: JsonObject = {
        "actor": reader.text("actor"),
        "issuer": reader.text("issuer") if members.get("issuer") is not None else None,
        "target": target,
        "type": event_type,
        "category": reader.one_of("category", get_args(Category)),
        "outcome": reader.one_of("outcome", get_args(Result)),
        "action": reader.formed("action", _ACTION, "the id of an action"),
        "source": reader.formed("source", _SOURCE, "application/service"),
        "stream": reader.text("stream"),
        "withhold": _withheld(reader),
    }
    if kind is not None:
        _check_kind(reader, kind)
    if reader.problems or kind is None:
        return tuple(reader.problems)
    return QuestionRequest(kind=kind, **period, **made)


def _kind(reader: _Reader) -> Kind | None:
    asked = reader.one_of("ask", get_args(Kind))
    for kind in KINDS:
        if asked == kind:
            return kind
    if reader.members.get("ask") in (None, ""):  # may be unhashable
        reader.fault("missing", "ask", f"one of {', '.join(KINDS)}")
    return None


def _check_kind(reader: _Reader, kind: Kind) -> None:
    """What the kind needs is there, and nothing that it cannot mean."""
    given = {name for name, value in reader.members.items() if value is not None}
    for name in KINDS[kind]:
        if name not in given:
            reader.fault("missing", name, f"needed by {kind}")
        elif reader.members[name] == "":
            reader.fault("bad_format", name, "a text that is not empty")
    taken = {*KINDS[kind], *(["issuer"] if "actor" in KINDS[kind] else [])}
    for name in sorted(set(_ABOUT) & given - taken):
        reader.fault("unknown_field", name, f"not a member of {kind}")
    if kind == "did_anyone" and not given & {"type", "category", "action"}:
        reader.fault("missing", "type", "did_anyone needs type, category or action")
    wanted = reader.members.get("type")
    if kind == "all_of_type" and isinstance(wanted, str) and wanted.endswith("*"):
        reader.fault("bad_format", "type", "a whole type: the index has one key for each")


def _target(reader: _Reader) -> tuple[str, str] | None:
    text = reader.text("target")
    if not text:
        return None
    kind, slash, name = text.partition("/")
    if not slash or not name or not _TARGET_TYPE.fullmatch(kind):
        reader.fault("bad_format", "target", "type/id, such as customer/cus_90331", text)
        return None
    if len(name) > _TARGET_ID_MAX:
        reader.fault("too_long", "target", f"an id of at most {_TARGET_ID_MAX} characters", text)
        return None
    return kind, name


def _withheld(reader: _Reader) -> tuple[Section, ...]:
    """Sections to leave out. The core must be open: without it nothing can be counted."""
    value = reader.members.get("withhold")
    choices: tuple[Section, ...] = ("payload", "person")
    if value is None:
        return ()
    if not isinstance(value, list):
        reader.fault("wrong_type", "withhold", "a list of sections", value)
        return ()
    if any(one not in choices for one in value):
        reader.fault("not_in_list", "withhold", "payload, person")
        return ()
    return tuple(one for one in choices if one in value)


# ---------------------------------------------------------------- the period


def _period(reader: _Reader) -> JsonObject:
    clock = reader.one_of("clock", get_args(Clock)) or "recorded"
    from_us = _moment(reader, "from", 0)
    to_us = _moment(reader, "to", reader.now_us)
    by_sender = clock == "occurred"
    early_us = _span(reader, "early", EARLY_US if by_sender else 0)
    late_us = _span(reader, "late", LATE_US if by_sender else 0)
    if not by_sender and (early_us or late_us):
        name = "early" if early_us else "late"
        reader.fault("out_of_range", name, "only with the clock `occurred`: this one is the log's")
    if not reader.problems and to_us <= from_us:
        reader.fault("out_of_range", "to", "a moment after `from`; it is not part of the period")
    return {
        "clock": clock,
        "from_us": from_us,
        "to_us": to_us,
        "early_us": min(early_us, from_us),
        "late_us": late_us,
    }


def _moment(reader: _Reader, name: str, absent_us: int) -> int:
    value = reader.text(name)
    if not value:
        return absent_us
    try:
        found = parse_moment(value, reader.now_us)
    except BadInputError:
        reader.fault("bad_format", name, "a day, a moment or an age: 2026-11-24, 7d", value)
        return absent_us
    if not 0 <= found <= MAX_TIME_US - _SPAN_DAYS_MAX * _DAY_US:
        reader.fault("out_of_range", name, "a time from 1970 to 2245")
        return absent_us
    return found


def _span(reader: _Reader, name: str, absent_us: int) -> int:
    value = reader.text(name)
    if not value:
        return absent_us
    found = _SPAN.fullmatch(value)
    if found is None:
        reader.fault("bad_format", name, "a number of s, m, h, d or w, such as 7d", value)
        return absent_us
    span_us = int(found[1]) * _UNITS_US[found[2]]
    if span_us > _SPAN_DAYS_MAX * _DAY_US:
        reader.fault("out_of_range", name, f"at most {_SPAN_DAYS_MAX}d")
        return absent_us
    return span_us


# ---------------------------------------------------------------- single values


def _normalised(text: str) -> str | None:
    """NFC, as in canonical JSON; None: lone surrogates."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        return None
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _kind_of(value: object) -> str:
    """Type and length: never the value, which may be personal."""
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "an object")
