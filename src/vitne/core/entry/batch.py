r"""A signed batch on its way to the log: one line that says what was signed, one line an event.

    {"batch":"vitne-batch/v1","count":2,"first":1,"key":"…","keys":"…","mode":"body",…}\n
    {"schema":"vitne.audit/1.0",…}\n
    {"schema":"vitne.audit/1.0",…}\n

The first line is canonical JSON with exactly the members of `BatchHead` (docs/spec/sending.md).
Nothing here is believed yet: whether the signature is over these events, `services` find out.
"""

from typing import Final, cast

from msgspec import Struct

from vitne.core.entry.commit import KEY_BYTES
from vitne.core.entry.entry import BatchEntry
from vitne.core.entry.sender import SignedMode
from vitne.core.event.body import MAX_BODY_BYTES, MAX_EVENTS
from vitne.core.values import (
    MAX_INT,
    Hash,
    Json,
    canonical,
    check_int,
    decode_base64,
    encode_base64,
    encode_canonical,
)
from vitne.errors import DecodeError, TooLargeError, UnreadableBodyError

BATCH_TYPE: Final = "application/vnd.vitne.batch+x-ndjson"
"""Content type of a signed batch."""
FORMAT: Final = "vitne-batch/v1"
_MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_NAME_CHARS: Final = 128
_MEMBERS: Final = frozenset(
    {"batch", "tenant", "stream", "mode", "epoch", "first", "count", "key", "keys"}
    | {"prev", "root", "sig"}
)


class BatchHead(Struct, frozen=True, array_like=True):
    """What the sender says of its batch."""

    tenant: str
    stream: str
    """Its `stream.id`."""
    mode: SignedMode
    epoch: int
    """Of the lookup keys, in mode full; 0 in mode body."""
    first: int
    count: int
    key: bytes
    """32-byte Ed25519 key that it is signed with."""
    record_keys: bytes
    """16 bytes an event, one after another."""
    prev: Hash
    root: Hash
    sig: bytes

    @property
    def last(self) -> int:
        """Number of its last event."""
        return self.first + self.count - 1

    def record_key(self, position: int) -> bytes:
        """The record key of the event at a 0-based position."""
        return self.record_keys[position * KEY_BYTES : (position + 1) * KEY_BYTES]

    def entry(self, stream_id: bytes) -> BatchEntry:
        """The entry that it becomes, without its time."""
        return BatchEntry(1, 1, stream_id, self.first, self.last, self.prev, self.root, self.sig)


def encode_batch(head: BatchHead, events: list[bytes]) -> bytes:
    """The body of a request; each event is JSON without line breaks."""
    members: dict[str, Json] = {
        "batch": FORMAT,
        "tenant": head.tenant,
        "stream": head.stream,
        "mode": head.mode,
        "epoch": head.epoch,
        "first": head.first,
        "count": head.count,
        "key": encode_base64(head.key),
        "keys": encode_base64(head.record_keys),
        "prev": encode_base64(head.prev),
        "root": encode_base64(head.root),
        "sig": encode_base64(head.sig),
    }
    return b"\n".join((encode_canonical(members), *events, b""))


def split_batch(body: bytes) -> tuple[BatchHead, list[bytes]]:
    """What `encode_batch` wrote.

    Raises:
        UnreadableBodyError: the body has not this form.
        TooLargeError: more than 1,000 events or 5 MiB.
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"expected at most {MAX_BODY_BYTES} bytes, got {len(body)}")
    first, *events = body.split(b"\n")
    try:
        head = _head(first)
    except DecodeError as error:
        raise UnreadableBodyError(f"no signed batch: {error.message}", where="line 1") from error
    if not events or events[-1] or len(events) - 1 != head.count or b"" in events[:-1]:
        raise UnreadableBodyError(
            f"expected {head.count} events, one a line, and a line break at the end"
        )
    return head, events[:-1]


def _head(line: bytes) -> BatchHead:
    found = canonical.decode(line, max_bytes=_MAX_HEAD_BYTES)
    if not isinstance(found, dict) or found.keys() != _MEMBERS or found["batch"] != FORMAT:
        raise DecodeError(f"expected an object of {FORMAT} with exactly its members")
    if canonical.encode_trusted(found) != line:
        raise DecodeError("the first line is not canonical")
    mode = found["mode"]
    if mode not in {"full", "body"}:
        raise DecodeError("expected full or body", where="mode")
    count = check_int(found["count"], "count", 1, MAX_EVENTS)
    return BatchHead(
        _text(found, "tenant"),
        _text(found, "stream"),
        cast(SignedMode, mode),
        check_int(found["epoch"], "epoch", 1 if mode == "full" else 0, 65_535 * (mode == "full")),
        check_int(found["first"], "first", 1, MAX_INT - MAX_EVENTS),
        count,
        _bytes(found, "key", 32),
        _bytes(found, "keys", KEY_BYTES * count),
        Hash(_bytes(found, "prev", 32)),
        Hash(_bytes(found, "root", 32)),
        _bytes(found, "sig", 64),
    )


def _text(found: dict[str, Json], name: str) -> str:
    value = found[name]
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME_CHARS:
        raise DecodeError(f"expected text of 1 to {_MAX_NAME_CHARS} characters", where=name)
    return value


def _bytes(found: dict[str, Json], name: str, size: int) -> bytes:
    value = found[name]
    if not isinstance(value, str):
        raise DecodeError("expected base64", where=name)
    return decode_base64(value, size, name)
