r"""Common Event Format: lines read leniently (versions 0 and 1), as events.

`CEF:0|Vendor|Product|Version|Class ID|Name|Severity|key=value …`, possibly behind a syslog header.
In the header `\` and `|` are escaped, in values `\`, `=`, line feed and carriage return. The
profile of NAV (`audit:access`, suid, duid, sproc, dproc) is understood, and so are our own exports.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from vitne.core.event.rules import is_address
from vitne.core.values import Json, category_of
from vitne.formats.mapped import (
    Mapped,
    clip_text,
    epoch_time,
    event_id,
    pattern_time,
    refused_record,
    snake_case,
    type_part,
    utc_time,
    without_empty,
)

_HEADER_FIELDS: Final = 7
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\-]+(?:\[\d+\])?)=")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_VALUE_ESCAPES = {"n": "\n", "r": "\r"}

_CALLS_NEEDED: Final = 20
_CALLS_WATCHED: Final = 100_000

_VERBS: Final = {
    "create": ("created", "create"),
    "access": ("viewed", "view"),
    "read": ("viewed", "view"),
    "oppslag": ("viewed", "view"),
    "update": ("updated", "update"),
    "delete": ("deleted", "delete"),
}
_SEVERITIES: Final = {
    "info": "info",
    "low": "info",
    "unknown": "info",
    "warn": "warning",
    "warning": "warning",
    "medium": "notice",
    "high": "warning",
    "very-high": "critical",
    "error": "warning",
}
_TIME_FORMS: Final = ("%b %d %Y %H:%M:%S", "%b %d %Y %H:%M:%S.%f", "%b %d %Y %H:%M:%S %Z")
_DENIED = frozenset({"deny", "denied", "block", "blocked"})
_FAILED = frozenset({"failure", "failed", "error"})


class CefLine(Struct, frozen=True):
    """One line, taken apart and unescaped."""

    version: str
    vendor: str
    product: str
    device_version: str
    class_id: str
    name: str
    severity: str
    extension: dict[str, str]


class CallWatch:
    """Watches whether `sproc`, the call id, ever joins two lines (requirement T27)."""

    def __init__(self) -> None:
        self._lines = 0
        self._calls: set[str] = set()

    def through(self, records: Iterable[Mapped]) -> Iterator[Mapped]:
        """The same records, looked at on their way."""
        for record in records:
            correlation = record.event.get("correlation") if record.event is not None else None
            call = correlation.get("request_id") if isinstance(correlation, dict) else None
            if isinstance(call, str) and self._lines < _CALLS_WATCHED:
                self._lines += 1
                self._calls.add(call)
            yield record

    @property
    def finding(self) -> str:
        """What is wrong, as a sentence; `""` if nothing is."""
        if self._lines < _CALLS_NEEDED or len(self._calls) < self._lines:
            return ""
        return (
            f"sproc was new on each of {self._lines:,} lines: it joins nothing, so every line is "
            "an action of its own"
        )


def parse_line(text: str) -> CefLine | None:
    """The parts of a line; None if it is no CEF."""
    start = text.find("CEF:")
    if start < 0:
        return None
    header: list[str] = []
    at = begin = start + 4
    while len(header) < _HEADER_FIELDS and at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "|":
            header.append(_ESCAPE.sub(r"\1", text[begin:at]))
            begin = at + 1
        at += 1
    if len(header) == _HEADER_FIELDS - 1:  # the last bar may be lacking where nothing follows
        header.append(_ESCAPE.sub(r"\1", text[begin:]))
        begin = len(text)
    if len(header) < _HEADER_FIELDS or header[0] not in ("0", "1"):
        return None
    version, vendor, product, device_version, class_id, name, severity = header
    extension = _extension(text[begin:])
    return CefLine(version, vendor, product, device_version, class_id, name, severity, extension)


def _extension(text: str) -> dict[str, str]:
    """Keys and values; a value ends where the next ` key=` begins."""
    keys = list(_KEY.finditer(text))
    found: dict[str, str] = {}
    for match, following in zip(keys, [*keys[1:], None], strict=True):
        end = following.start() - 1 if following is not None else len(text)  # one space between
        value = text[match.end() : end]
        found.setdefault(match[1], _ESCAPE.sub(_unescape, value))
    return found


def _unescape(match: re.Match[str]) -> str:
    return _VALUE_ESCAPES.get(match[1], match[1])


_PLACED: Final = frozenset(
    (
        *("duid", "duser", "dproc", "end", "externalId", "flexString1", "msg"),
        *("outcome", "reason", "request", "requestClientApplication", "requestMethod"),
        *("rt", "sproc", "src", "start", "suid", "suser", "dvchost"),
    )
)


def map_line(text: str, fallback_id: str) -> Mapped:
    """One line as an event.

    Args:
        text: the line, exactly as it stood in the file.
        fallback_id: used as the line's own id, if it has no `externalId`.
    """
    line = parse_line(text)
    if line is None:
        return refused_record(text, "bad_format", "$", "a line CEF:0|…|…|…|…|…|…|…", "another line")
    fields = line.extension
    occurred_at = next(
        filter(None, (_time(fields.get(key, "")) for key in ("end", "rt", "start"))), None
    )
    if occurred_at is None:
        return refused_record(text, "missing", "$.occurred_at", "end, rt or start as a time")
    if not fields.get("suid") and not fields.get("suser"):
        return refused_record(text, "missing", "$.actor.id", "suid: who acted")
    source_id = f"{type_part(line.vendor)}/{type_part(line.product)}"
    own = fields.get("externalId", "") or fallback_id
    event_type, category = _type(line)
    result = _result(fields)
    event = {
        "id": event_id(source_id, own),
        "type": event_type,
        "category": category,
        "occurred_at": occurred_at,
        "clock": {"sync": "unknown"},
        "outcome": {
            "result": result,
            "code": snake_case(fields.get("reason", ""))[:64] if result != "succeeded" else "",
        },
        "severity": _severity(line.severity, result),
        "actor": _actor(fields, source_id),
        "targets": _targets(fields, result),
        "client": {
            "ip": fields.get("src", "") if is_address(fields.get("src", "")) else "",
            "user_agent": clip_text(fields.get("requestClientApplication", ""), 512),
        },
        "source": {
            "application": type_part(line.vendor)[:64],
            "service": type_part(line.product)[:64],
            "version": clip_text(line.device_version, 64),
            "instance": clip_text(fields.get("dvchost", ""), 128),
            "environment": "prod",
            "deployment": "customer_hosted",
        },
        "observed": {
            "role": "primary",
            "layer": "internal_service",
            "seen": "shown",
            "operation": _operation(fields),
        },
        "correlation": _correlation(fields, source_id),
        "purpose": {"code": clip_text(_labelled(fields, "cs3", "purpose"), 64)},
        "summary": clip_text(fields.get("msg", "") or line.name, 500),
    }
    return Mapped(without_empty(event), text, tuple(_unmapped(fields)))


def _type(line: CefLine) -> tuple[str, str]:
    """Event type and category: ours if the class id is one, NAV's verbs, or what can be made."""
    verb = line.class_id.rpartition(":")[2].strip().lower()
    if verb in _VERBS:
        past, category = _VERBS[verb]
        return f"{type_part(line.vendor)}.record.{past}"[:100], category
    category_of_own = category_of(line.class_id)
    if category_of_own is not None and not line.class_id.startswith(("audit.", "system.")):
        return line.class_id, category_of_own
    parts = [type_part(part) for part in (line.vendor, line.product, line.class_id or line.name)]
    made = ".".join(parts)[:100].rstrip("._")
    return made, category_of(made) or "execute"


def _actor(fields: Mapping[str, str], source_id: str) -> dict[str, Json]:
    identity = fields.get("suid") or fields.get("suser", "")
    party = _labelled(fields, "cs6", "party")
    attribution = _labelled(fields, "cs5", "attribution")
    return {
        "id": identity[:128],
        "name": clip_text(fields.get("suser", ""), 200) if fields.get("suid") else "",
        "type": "user",
        "issuer": source_id,
        "party": party if party in ("tenant", "vendor", "partner", "consumer") else "tenant",
        "attribution": attribution if attribution in _GRADES else "asserted",
    }


_GRADES = frozenset(("token", "session", "ticket", "checkout", "inferred", "asserted", "none"))


def _targets(fields: Mapping[str, str], result: str) -> list[Json]:
    subject = fields.get("duid") or fields.get("duser", "")
    if not subject:
        return []
    name = clip_text(fields.get("duser", ""), 200) if fields.get("duid") else ""
    exposure = "none" if result == "denied" else "full"
    return [
        {
            "type": "person",
            "id": subject[:256],
            "name": name,
            "role": "subject",
            "exposure": exposure,
        }
    ]


def _correlation(fields: Mapping[str, str], source_id: str) -> dict[str, Json]:
    """The call is the request; lines on several subjects of one act share `dproc`."""
    joined = fields.get("dproc") or fields.get("sproc", "")
    return {
        "request_id": clip_text(fields.get("sproc", ""), 128),
        "action_id": event_id(f"{source_id}/action", joined) if joined else "",
    }


def _result(fields: Mapping[str, str]) -> str:
    decision = fields.get("flexString1", "").lower()
    outcome = fields.get("outcome", "").lower()
    if decision in _DENIED or outcome in _DENIED:
        return "denied"
    if outcome in ("partial", "unknown"):
        return outcome
    return "failed" if outcome in _FAILED else "succeeded"


def _severity(text: str, result: str) -> str:
    found = _SEVERITIES.get(text.strip().lower(), "")
    if not found and text.strip().isdecimal():
        number = int(text)
        steps = ((9, "critical"), (6, "warning"), (4, "notice"), (0, "info"))
        found = next(name for least, name in steps if number >= least)
    return "warning" if result == "denied" and found in ("", "info", "notice") else found


def _time(text: str) -> str | None:
    if not text:
        return None
    if text.isdecimal():
        return epoch_time(text, 0.001 if len(text) > 11 else 1.0)  # noqa: PLR2004  # seconds have ten digits
    tries = [utc_time(text), *(pattern_time(text, form, "Z") for form in _TIME_FORMS)]
    return next(filter(None, tries), None)


_PERSONAL_SEGMENT = re.compile(
    r"\d{4,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[^/]*@[^/]*|[A-Z]\d{5,}|[^/]*\d{6,}[^/]*"
)


def _operation(fields: Mapping[str, str]) -> str:
    """The route as a template: segments that name somebody are cut to `{id}`, the query goes."""
    request = fields.get("request", "")
    if not request:
        return ""
    path = re.split("[?#]", re.sub(r"^[a-z]+://[^/]+", "", request))[0]
    parts = ["{id}" if _PERSONAL_SEGMENT.fullmatch(part) else part for part in path.split("/")]
    return clip_text(f"{fields.get('requestMethod', '')} {'/'.join(parts)}".strip(), 256)


def _labelled(fields: Mapping[str, str], slot: str, meaning: str) -> str:
    """A custom slot, if its label says that it holds this."""
    label = fields.get(f"{slot}Label", "").lower().removesuffix(" (cut)")
    return fields.get(slot, "") if label == meaning else ""


def _unmapped(fields: Mapping[str, str]) -> list[str]:
    found = []
    for key, value in fields.items():
        slot = key.removesuffix("Label")
        meaning = {"cs3": "purpose", "cs5": "attribution", "cs6": "party"}.get(slot)
        used = key in _PLACED if meaning is None else bool(_labelled(fields, slot, meaning))
        if key == "src" and not is_address(value):
            used = False
        if value and not used and not key.endswith("Label"):
            found.append(key)
    return found
