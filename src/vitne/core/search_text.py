"""The text of a record that a free-text search looks through."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vitne.core.record import Parts
from vitne.core.text import fold

SEPARATOR = "\x1f"
"""Stands between two texts, so that no needle spans them: needles have no control characters."""

_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def part_texts(part: bytes) -> list[str]:
    """Every text value of a part, at any depth, in its order; names of members are no texts."""
    return list(_texts(_decode(part)))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        yield value
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        if isinstance(item, str):
            yield item
        else:
            yield from _texts(item)


def search_text(parts: Parts) -> str:
    """All texts of all six parts, folded; parts that are erased or withheld have none."""
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
            texts += part_texts(part)
    return fold(SEPARATOR.join(texts))
