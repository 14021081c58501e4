"""Text that an event must not carry: cleaned, or removed and listed in `redactions`.

Done before an event is numbered, so neither the queue, nor the spool, nor the wire ever holds a
password or a card number that this page recognises (event-schema §1.1, §3.4).
"""

from collections.abc import Mapping, Sequence

from vitne.core.event.forbidden import (
    REMOVED,
    is_card_number,
    is_secret_name,
    may_hold_forbidden,
    strip_forbidden,
)
from vitne.core.values import clean_text, is_clean

MAX_REDACTIONS = 50
_STRUCTURE = frozenset(
    (
        *("category", "clock", "correlation", "ended_at", "id", "observed", "occurred_at"),
        *("phase", "repeat", "schema", "severity", "source", "stream", "type"),
    )
)
"""Members that hold no prose: numbers that look like cards cannot be cards there."""

_VALUES = ("/extra/", "/changes/", "/query/criteria/")


def needs_cleaning(event: Mapping[str, object], encoded: bytes) -> bool:
    """A quick look: False only if `cleaned_event` would change nothing.

    Args:
        event: the event.
        encoded: the same as JSON, non-ASCII text as UTF-8.
    """
    return (
        not encoded.isascii()
        or b"\\" in encoded
        or b"\x7f" in encoded
        or "extra" in event
        or "changes" in event
        or "query" in event
        or may_hold_forbidden(encoded)
    )


def cleaned_event(event: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """The event with clean text and without secrets, and JSON Pointers to what was removed."""
    removed: list[str] = []
    result = {
        name: _clean(value, f"/{name}", removed, strip=name not in _STRUCTURE)
        for name, value in event.items()
    }
    return result, removed


def _clean(value: object, path: str, removed: list[str], *, strip: bool) -> object:
    if isinstance(value, str):
        return _text(value, path, removed, strip=strip)
    if isinstance(value, Mapping):
        return _object(value, path, removed, strip=strip)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_clean(item, f"{path}/{at}", removed, strip=strip) for at, item in enumerate(value)]
    if strip and _is_card(value) and path.startswith(_VALUES):
        removed.append(path)
        return REMOVED
    return value


def _is_card(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and is_card_number(str(value))


def _text(text: str, path: str, removed: list[str], *, strip: bool) -> str:
    multiline = path.startswith("/changes/")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    if not is_clean(text, multiline=multiline):
        text = clean_text(text, multiline=multiline)
    if not strip:
        return text
    kept = REMOVED if is_card_number(text) else strip_forbidden(text)
    if kept != text:
        removed.append(path)
    return kept


def _object(
    value: Mapping[str, object], path: str, removed: list[str], *, strip: bool
) -> dict[str, object]:
    secret = _secret_members(value, path)
    result: dict[str, object] = {}
    for name, member in value.items():
        at = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in secret:
            removed.append(at)
        else:
            result[name] = _clean(member, at, removed, strip=strip)
    if secret and not path.startswith("/extra"):
        result["form"] = "omitted"
    return result


def _secret_members(value: Mapping[str, object], path: str) -> set[str]:
    """Which members of an object hold a secret, by the name of what they describe."""
    if path.startswith("/extra"):
        return {name for name in value if is_secret_name(name)}
    if value.get("form", "plain") != "plain":
        return set()
    if path.startswith("/changes/") and is_secret_name(str(value.get("path", ""))):
        return {"before", "after"} & value.keys()
    if path.startswith("/query/criteria/") and is_secret_name(str(value.get("field", ""))):
        return {"value"} & value.keys()
    return set()
