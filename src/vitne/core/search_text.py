"""The text of a record that a free-text search looks through."""

from collections.abc import Callable
from typing import Any

import msgspec

from vitne.core.record import Parts
from vitne.core.text import fold

SEPARATOR = "\x1f"
"""Stands between two texts, so that no needle spans them: needles have no control characters."""

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def part_texts(part: bytes) -> list[str]:
    """Every value of a part, at any depth, in its order: texts, and numbers and flags as JSON.

    Names of members are no texts: a search for "actor" does not find every event.
    """
    texts: list[str] = []
    _collect(_decode(part), texts)
    return texts


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


def search_text(parts: Parts) -> str:
    """All values of all six parts, folded; parts that are erased or withheld have none."""
    stored = (
        parts.core,
        parts.core_record,
        parts.person,
        parts.person_record,
        parts.payload,
        parts.payload_record,
    )
    texts: list[str] = []
    for part in stored:
        if part and part != b"{}":
            _collect(_decode(part), texts)
    return fold(SEPARATOR.join(texts))
