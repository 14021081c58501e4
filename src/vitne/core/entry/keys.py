"""Lookup keys: keyed pseudonyms by which entries can be found (transparency-log §3.4).

K is the index secret of (tenant, epoch). `secret` of one value can be shown without giving K away;
the key in the entry gives away neither. The plain functions are the definition; `KeyCache` is
their fast form, and tests hold one against the other.
"""

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import Final

from vitne.core.values import Hash, encode_utf8, length_prefixed, personal_cache
from vitne.errors import BadInputError

ACTOR: Final = 1
TARGET: Final = 2
ACTOR_TARGET: Final = 3
STREAM: Final = 4
EVENT_TYPE: Final = 5
ACTION: Final = 6
STREAM_CONTROL: Final = 7
ENTRY_TYPE: Final = 8

STORED_KINDS: Final = (ACTOR, TARGET, ACTOR_TARGET, EVENT_TYPE, ACTION)
"""Kinds that stand in entries; the others follow from the header."""

KEY_BYTES = 16
TAGGED_BYTES = 17
"""A key with its kind in front, as it stands in entries and gap leaves."""

INDEX_SECRET_BYTES = 32
ANY_TARGET = "*"
"""Id of the pseudo-target of an overflow list."""

_MOST_PART_BYTES = 0xFFFF


def commit(index_secret: bytes) -> Hash:
    """The commitment to K that an epoch's key entry lists."""
    return Hash(sha256(b"vitne-index-key/v1\n" + index_secret).digest())


def stream_id(origin: str, source: str, name: str) -> bytes:
    """The 16 bytes of a stream: `source` is `application/service`, `name` the sender's id."""
    message = b"vitstrm1" + b"".join(map(length_prefixed, (origin, source, name)))
    return sha256(message).digest()[:KEY_BYTES]


def _message(kind: int, parts: tuple[str, ...]) -> bytes:
    message = b"vitsecr1" + bytes((kind,))
    for part in parts:
        data = encode_utf8(part)
        if len(data) > _MOST_PART_BYTES:
            raise BadInputError("a value of a lookup key is longer than 65,535 bytes")
        message += len(data).to_bytes(2, "big") + data
    return message


def secret(index_secret: bytes, kind: int, *parts: str) -> Hash:
    """HMAC-SHA256 over the parts of one value; its holder recognises that value's key.

    Args:
        index_secret: K, 32 bytes.
        kind: 1, 2, 5 or 6; kind 3 joins two secrets, see `pair_key`.
        parts: actor issuer and id; target type and id; event type; action id.
    """
    return Hash(hmac.digest(index_secret, _message(kind, parts), "sha256"))


def overflow_secret(target_type: str) -> Hash:
    """The public secret of the pseudo-target `(type, "*")` of an overflow list."""
    return Hash(sha256(_message(TARGET, (target_type, ANY_TARGET))).digest())


def key(kind: int, of_secret: bytes) -> bytes:
    """The tagged 17 bytes of a key from its secret (kinds 1, 2, 5, 6)."""
    tag = bytes((kind,))
    return tag + sha256(b"vitikey1" + tag + of_secret).digest()[:KEY_BYTES]


def pair_key(actor_secret: bytes, target_secret: bytes) -> bytes:
    """The tagged key of kind 3: this actor with this target."""
    return key(ACTOR_TARGET, actor_secret + target_secret)


# ---------------------------------------------------------------- the fast form

Keyed = tuple[bytes, bytes]
"""A secret and its tagged key."""


class Hmac:
    """HMAC-SHA256 under one key, its two inner states made once: 0.6 instead of 1.5 µs."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, index_secret: bytes) -> None:
        padded = index_secret.ljust(64, b"\x00")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))

    def digest(self, message: bytes) -> bytes:
        """The 32 bytes over a message."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


class KeyCache:
    """Secrets and keys of the values seen last, over all logs, in bounded memory.

    One cache may serve every log, so that thousands of small tenants share one bound. Safe to
    use from several threads. It holds secrets: `clear` it when an index secret is destroyed.

    Args:
        most: values kept; about 400 bytes each.
    """

    def __init__(self, most: int = 65_536) -> None:
        self.two_parts = personal_cache(most)(_keyed_two)
        """(mac, kind, part, part) → secret and key, of actors and targets."""
        self.one_part = lru_cache(max(most // 16, 1))(keyed_one)
        """(mac, kind, part) → secret and key, of event types."""
        self.overflow = lru_cache(max(most // 64, 1))(_keyed_overflow)
        """target type → public secret and key of its pseudo-target."""
        self.stream = lru_cache(max(most // 16, 1))(stream_id)
        """(origin, source, name) → stream id."""

    def __repr__(self) -> str:
        """How full it is, and no secret."""
        return f"KeyCache({self.two_parts.cache_info().currsize} values)"

    def clear(self) -> None:
        """Forget every secret."""
        for cache in (self.two_parts, self.one_part, self.overflow):
            cache.cache_clear()


def _keyed_two(mac: Hmac, kind: int, first: str, second: str) -> Keyed:
    found = mac.digest(_message(kind, (first, second)))
    return found, key(kind, found)


def keyed_one(mac: Hmac, kind: int, part: str) -> Keyed:
    """Secret and key of a value of one part (event type, action)."""
    found = mac.digest(_message(kind, (part,)))
    return found, key(kind, found)


def _keyed_overflow(target_type: str) -> Keyed:
    found = overflow_secret(target_type)
    return found, key(TARGET, found)
