"""The text of a record that a free-text search searches.

Every value of all six parts, but for the event's own ids and time (`id`, `occurred_at`,
`correlation.action_id` and `.trace_id`): those stand in every event, so that a search for "2026" or
"dad" would find all of them. The ids are found whole, as somebody pastes them; times by `since`.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from vitne.core.values import Parts, fold_text, personal_cache

SEPARATOR = "\x1f"
"""Stands between two texts, so that no needle spans them: needles have no control characters."""

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_CORRELATED = ("action_id", "trace_id")

fold_text_cached = personal_cache(16_384)(fold_text)
"""Names and titles come again and again, and folding is slow beyond ASCII."""

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode  # any JSON


def text_found(folded: str, parts: Parts) -> bool:
    """Whether a needle, folded, occurs in the text of a record, or is one of its ids."""
    return folded in search_text(parts) or (is_id(folded) and folded in _own_ids(parts.core))


def is_id(needle: str) -> bool:
    """Whether a needle is a whole event, action or trace id: a UUID, or 32 hexadecimal digits."""
    return _ID.fullmatch(needle) is not None


def search_text(parts: Parts) -> str:
    """All texts of all six parts, folded; parts that are erased or withheld have none.

    Numbers and flags are texts as JSON writes them. Names of members are no texts: a search for
    "actor" does not find every event.
    """
    texts: list[str] = []
    core = _decode(parts.core) if parts.core else None
    if isinstance(core, dict):
        core.pop("id", None)
        core.pop("occurred_at", None)
        _drop_ids(core.get("correlation"))
    _collect(core, texts)
    for part in (
        parts.core_record,
        parts.person,
        parts.person_record,
        parts.payload,
        parts.payload_record,
    ):
        if part and part != b"{}":
            _collect(_decode(part), texts)
    whole = SEPARATOR.join(texts)
    return whole.lower() if whole.isascii() else SEPARATOR.join(map(fold_text_cached, texts))


def _drop_ids(correlation: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(correlation, dict):
        for name in _CORRELATED:
            correlation.pop(name, None)


def _own_ids(core: bytes | None) -> tuple[Any, ...]:  # any JSON
    value = _decode(core) if core else None
    if not isinstance(value, dict):
        return ()
    correlation = value.get("correlation")
    found = correlation if isinstance(correlation, dict) else {}
    return (value.get("id"), *(found.get(name) for name in _CORRELATED))


def _collect(value: Any, texts: list[str]) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        for member in value.values():
            _collect(member, texts)
    elif isinstance(value, list):
        for item in value:
            _collect(item, texts)
    elif value is not None:
        texts.append(str(value).lower() if isinstance(value, bool) else str(value))
