"""Who acts, and in which action: bound once per request, filled into every event within.

Context variables follow `async` tasks, and threads started with a copied context. Bindings
nest: the inner one wins, field by field.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Unpack

from vitne.core.values import RANDOM_BYTES, parse_uuid, uuid7, uuid_text, uuid_version
from vitne.errors import BadInputError
from vitne.sdk.events.build import EventFields

ACTION_HEADER = "Audit-Action-Id"
_BAGGAGE_KEY = "audit-action-id"
_ACTION_VERSION = 7

_bound: ContextVar[EventFields | None] = ContextVar("vitne_bound", default=None)


def bound_fields() -> EventFields:
    """The fields that are bound here and now."""
    return _bound.get() or EventFields()


@contextmanager
def bind(**fields: Unpack[EventFields]) -> Iterator[None]:
    """Fill these fields into every event recorded inside; what an event states itself wins."""
    token = _bound.set(EventFields(**{**bound_fields(), **fields}))
    try:
        yield
    finally:
        _bound.reset(token)


@contextmanager
def action(action_id: str = "") -> Iterator[str]:
    """One thing that a person does: all events recorded inside share its id, and count once.

    Args:
        action_id: that of the caller's action, from its headers; empty: a new one.
    """
    chosen = action_id or new_id()
    with bind(action_id=chosen):
        yield chosen


class _Random:
    """Unpredictable bytes in slices: one call of the system for many ids."""

    def __init__(self) -> None:
        self._at = 0
        self._pool = b""
        self._lock = threading.Lock()  # guards: `_at`, `_pool`

    def take(self) -> bytes:
        """`RANDOM_BYTES` bytes that were not used before."""
        with self._lock:
            if self._at >= len(self._pool):
                self._pool, self._at = os.urandom(RANDOM_BYTES * 256), 0
            self._at += RANDOM_BYTES
            return self._pool[self._at - RANDOM_BYTES : self._at]


_random = _Random()
# A forked child must not hand out the same bytes, nor wait for a lock that a thread held.
os.register_at_fork(after_in_child=_random.__init__)  # type: ignore[misc]  # begins anew


def new_id() -> str:
    """A fresh UUIDv7 as text."""
    return uuid_text(uuid7(time.time_ns() // 1000, _random.take()))


def outgoing_headers(baggage: str = "") -> dict[str, str]:
    """Headers that carry the action on to the next service; empty outside an action.

    Args:
        baggage: the W3C `baggage` header that the call carries anyway, to be kept.
    """
    action_id = bound_fields().get("action_id", "")
    if not action_id:
        return {}
    others = [m for m in baggage.split(",") if m.strip() and not _is_ours(m)]
    return {
        ACTION_HEADER: action_id,
        "baggage": ",".join([*others, f"{_BAGGAGE_KEY}={action_id}"]),
    }


def incoming_action_id(headers: Mapping[str, str]) -> str:
    """The caller's action id, from `Audit-Action-Id` or W3C baggage; `""` if there is none.

    Names of headers in any case. Anything that is no UUIDv7 is ignored: it comes from outside.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    candidates = [lower.get(ACTION_HEADER.lower(), "")]
    members = lower.get("baggage", "").split(",")
    candidates.extend(
        member.partition("=")[2].partition(";")[0] for member in members if _is_ours(member)
    )
    for candidate in candidates:
        text = candidate.strip().lower()
        if _is_uuid7(text):
            return text
    return ""


def _is_ours(member: str) -> bool:
    return member.partition("=")[0].strip() == _BAGGAGE_KEY


def _is_uuid7(text: str) -> bool:
    try:
        return uuid_version(parse_uuid(text)) == _ACTION_VERSION
    except BadInputError:
        return False
