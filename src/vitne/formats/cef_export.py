r"""Common Event Format, written strictly (event-schema §8): one line per subject.

Header: `\` and `|` escaped, line breaks as spaces. Values: `\`, `=`, line feed and carriage return
escaped. Other control characters are taken out, so a line is a line whatever was logged. What is
longer than its slot is cut with `…`, and its label says so. Profile `nav` is `CEF:0` with NAV's
class ids; it leaves out the slots that are reserved there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from vitne.core.values.canonical import Json
from vitne.core.values.times import parse_utc
from vitne.formats.mapped import ELLIPSIS

Profile = Literal["standard", "nav"]

_Object = Mapping[str, Json]

_CUSTOM: Final = 4000
_MOST: Final = {"act": 63, "externalId": 40, "app": 31, "dvchost": 100}
_STRING: Final = 1023
_SEVERITY: Final = {"info": "2", "notice": "4", "warning": "6", "critical": "9"}
_NAV_VERB: Final = {"create": "create", "import": "create", "update": "update", "delete": "delete"}
_LINE_BREAKS = re.compile("[\r\n\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_LABELS: Final = {
    "cs1": "changes",
    "cs2": "query",
    "cs3": "purpose",
    "cs4": "on_behalf_of",
    "cs5": "attribution",
    "cs6": "party",
    "flexString1": "Decision",
    "flexString2": "policy",
    "cn1": "sequence",
    "cn2": "result count",
    "cn3": "clock offset",
}
_NOT_IN_NAV: Final = frozenset({"cs1", "cs2", "cs4"})
_LOWEST_WARNING: Final = ("warning", "critical")


class Device(Struct, frozen=True):
    """Who sends the lines. Vendor and product never change for a source: filters rely on them."""

    vendor: str
    product: str
    name: str = ""
    """What the event is called for people; empty: its type."""
    read_as: str = "access"
    """Profile `nav`: verb for reads, `access` or `read`."""


def cef_lines(
    event: _Object, recorded_us: int, device: Device, profile: Profile = "standard"
) -> list[str]:
    """The lines of one event: one per subject, or one if it has none.

    Args:
        event: with the sections that the receiver may see (`core.event.sections.join_sections`).
        recorded_us: when the log took it.
        device: header and names.
        profile: `standard` (CEF:1) or `nav`.
    """
    common = _common(event, recorded_us)
    subjects = [t for t in _list(event, "targets") if _text(t, "role") == "subject"]
    others = [t for t in _list(event, "targets") if _text(t, "role") != "subject"]
    shared = {"dproc": common.get("sproc", "")} if len(subjects) > 1 else {}
    header = _header(event, device, profile)
    made = []
    for target in subjects or others[:1] or [{}]:
        named = {"duid": _text(target, "id"), "duser": _text(target, "name")}
        made.append(header + _extension(common | shared | named, profile))
    return made


def _header(event: _Object, device: Device, profile: Profile) -> str:
    kind = _text(event, "type")
    version = _text(event, "schema").rpartition("/")[2] or "1.0"
    severity = _text(event, "severity") or "info"
    name = device.name or kind
    if profile == "nav":
        verb = _NAV_VERB.get(_text(event, "category"), device.read_as)
        denied = _text(_part(event, "outcome"), "result") == "denied"
        level = "WARN" if denied or severity in _LOWEST_WARNING else "INFO"
        parts = ["CEF:0", device.vendor, device.product, version, f"audit:{verb}", name, level]
    else:
        number = _SEVERITY.get(severity, "2")
        parts = ["CEF:1", device.vendor, device.product, version, kind, name, number]
    return "|".join(_in_header(part) for part in parts) + "|"


def _common(event: _Object, recorded_us: int) -> dict[str, str]:
    """Everything but the subject, by CEF key, uncut and unescaped."""
    actor, outcome, observed = (_part(event, n) for n in ("actor", "outcome", "observed"))
    client, source, purpose = (_part(event, n) for n in ("client", "source", "purpose"))
    correlation, query = _part(event, "correlation"), _part(event, "query")
    result = _text(outcome, "result")
    checks = _list(outcome, "checks")
    return {
        "rt": str(recorded_us // 1000),
        "start": _millis(_text(event, "occurred_at")),
        "end": _millis(_text(event, "ended_at")) or _millis(_text(event, "occurred_at")),
        "externalId": _text(event, "id"),
        "cat": _text(event, "category"),
        "act": _text(event, "category"),
        "outcome": result,
        "reason": _text(outcome, "code"),
        "flexString1": "Deny" if result == "denied" else "Permit",
        "flexString2": ", ".join(filter(None, (_text(check, "policy") for check in checks))),
        "customerExternalID": _text(_part(event, "tenant"), "id"),
        "suid": _text(actor, "id"),
        "suser": _text(actor, "name"),
        "spriv": ", ".join(str(role) for role in _values(actor, "roles")),
        "cs1": _json(event.get("changes")),
        "cs2": _json(event.get("query")),
        "cs3": " ".join(filter(None, (_text(purpose, "code"), _text(purpose, "reference")))),
        "cs4": _json(event.get("on_behalf_of")),
        "cs5": _text(actor, "attribution"),
        "cs6": _text(actor, "party"),
        "cn1": _number(_part(event, "stream"), "seq"),
        "cn2": _number(query, "result_count"),
        "cn3": _number(_part(event, "clock"), "offset_ms"),
        "sourceServiceName": ", ".join(_text(link, "id") for link in _list(event, "chain")),
        "dvchost": _text(source, "instance"),
        "app": _text(source, "service"),
        "request": _text(observed, "operation"),
        "requestContext": _text(observed, "surface"),
        "src": _text(client, "ip"),
        "shost": _text(client, "device_id"),
        "requestClientApplication": _text(client, "user_agent"),
        "sproc": _text(correlation, "action_id"),
        "msg": _text(event, "summary"),
    }


def _extension(values: Mapping[str, str], profile: Profile) -> str:
    found = []
    for key, value in values.items():
        if not value or (profile == "nav" and key in _NOT_IN_NAV):
            continue
        most = _CUSTOM if re.fullmatch(r"cs\d", key) else _MOST.get(key, _STRING)
        clean = _CONTROLS.sub("", value)
        cut = len(clean) > most
        shown = clean[: most - 1] + ELLIPSIS if cut else clean
        found.append(f"{key}={_in_value(shown)}")
        label = _LABELS.get(key)
        if label is not None:
            found.append(f"{key}Label={label}{' (cut)' if cut else ''}")
    return " ".join(found)


def _in_header(value: str) -> str:
    plain = _CONTROLS.sub("", _LINE_BREAKS.sub(" ", value))
    return plain.replace("\\", "\\\\").replace("|", "\\|")


def _in_value(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


def _millis(moment: str) -> str:
    time_us = parse_utc(moment)
    return f"{time_us // 1000:013d}" if time_us is not None else ""


def _part(event: _Object, name: str) -> _Object:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _values(event: _Object, name: str) -> Sequence[Json]:
    value = event.get(name)
    return value if isinstance(value, list) else []


def _list(event: _Object, name: str) -> list[_Object]:
    return [item for item in _values(event, name) if isinstance(item, dict)]


def _text(event: _Object, name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _number(event: _Object, name: str) -> str:
    value = event.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode() if value else ""
