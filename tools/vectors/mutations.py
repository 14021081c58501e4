"""Bundles with one thing changed."""

import json
from base64 import b64decode, b64encode
from random import Random
from typing import Any

from .basics import jcs


def mutate(data: bytes, seed: int, other: bytes | None = None) -> bytes:
    """One bundle with one thing changed: still JSON mostly, sometimes raw bytes.

    Args:
        data: a bundle.
        seed: chooses the change.
        other: another bundle, of which a member may be put into this one.
    """
    rng = Random(seed)
    if rng.random() < 0.08:
        return _flip(data, rng)
    document = json.loads(data)
    for _ in range(20):
        _change(document, rng, json.loads(other) if other else None)
        changed = jcs(document)
        if changed != data:
            return changed
    return _flip(data, rng)


def _flip(data: bytes, rng: Random) -> bytes:
    at_ = rng.randrange(len(data))
    how = rng.randrange(3)
    if how == 0:
        return data[:at_] + bytes((data[at_] ^ (1 << rng.randrange(8)),)) + data[at_ + 1 :]
    if how == 1:
        return data[:at_] + data[at_ + 1 :]
    return data[:at_] + data[at_ : at_ + 1] + data[at_:]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, dict | list):
            _places(inner, found)
    return found


def _change(document: dict[str, Any], rng: Random, other: dict[str, Any] | None) -> None:
    if other and rng.random() < 0.1:
        name = rng.choice([k for k in other if k in document])
        inner = other[name]
        if isinstance(inner, dict) and inner and isinstance(document[name], dict):
            name_ = rng.choice(sorted(inner))
            document[name][name_] = inner[name_]
        else:
            document[name] = inner
        return
    # A member first, so that small ones are as likely as large ones.
    top = rng.choice(sorted(document))
    inside = _places(document[top], []) if isinstance(document[top], dict | list) else []
    holder, key = rng.choice([(document, top), *inside])
    _change_one(holder, key, rng)


def _change_one(holder: Any, key: Any, rng: Random) -> None:
    value, how = holder[key], rng.random()
    while isinstance(value, dict | list) and value and rng.random() < 0.8:  # values, more than form
        holder = value
        key = rng.choice(sorted(value) if isinstance(value, dict) else range(len(value)))
        value = holder[key]
    if how < (0.15 if isinstance(holder, list) else 0.03):
        del holder[key]
    elif how < 0.18 and isinstance(holder, list):
        holder.insert(key, value)
    elif how < 0.21 and isinstance(holder, list) and len(holder) > 1:
        second = rng.randrange(len(holder))
        holder[key], holder[second] = holder[second], holder[key]
    else:
        holder[key] = _other_value(value, rng)


def _other_value(value: Any, rng: Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return max(0, value + rng.choice((-1, 1, -1_000_000, 1_000_000, 2**52)))
    if isinstance(value, str):
        return _other_text(value, rng)
    if isinstance(value, list):
        return value[1:] if value and rng.random() < 0.5 else [*value, *value[-1:]]
    if value and rng.random() < 0.5:
        gone = rng.choice(sorted(value))
        return {k: v for k, v in value.items() if k != gone}
    return {**value, "extra": 1}


def _other_text(value: str, rng: Random) -> str:
    try:
        raw = bytearray(b64decode(value, validate=True))
    except ValueError:
        raw = bytearray()
    if raw and len(value) >= 16:
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        return b64encode(raw).decode()
    if "\n" in value and rng.random() < 0.7:
        lines = value.split("\n")
        at_ = rng.randrange(len(lines))
        lines[at_] = lines[at_][:-1] if rng.random() < 0.5 else lines[at_] + "x"
        return "\n".join(lines)
    if not value:
        return "x"
    at_ = rng.randrange(len(value))
    return value[:at_] + rng.choice("abc019*: /") + value[at_ + 1 :]
