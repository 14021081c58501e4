"""What senders send about their streams, and how complete streams are (`/v1/streams`)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from vitne.core.values import MAX_INT

TenantName = Annotated[str, Meta(max_length=64, description="`tenant.id` of its events.")]

Name = Annotated[str, Meta(min_length=1, max_length=128, description="`stream.id` of its events.")]

Number = Annotated[int, Meta(ge=0, le=MAX_INT)]

Hash32 = Annotated[str, Meta(max_length=44, description="Base64 of 32 bytes.")]

Sig = Annotated[str, Meta(max_length=88, description="Base64 of 64 bytes (Ed25519).")]


class OpenStreamRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A stream opens. `sig` is over `vitne-open/v1` (docs/spec/sending.md)."""

    tenant: TenantName
    name: Name
    mode: Literal["full", "body"]
    beat_s: Annotated[int, Meta(ge=0, le=86_400, description="Heartbeats it promises; 0: none.")]
    key: Hash32
    sig: Sig
    prev: Annotated[str, Meta(max_length=24, description="Base64 of the 16-byte id.")] = ""
    prev_last: Number = 0


class HeartbeatRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A heartbeat. `sig` is over `vitne-beat/v1`."""

    tenant: TenantName
    name: Name
    last: Annotated[int, Meta(ge=0, le=MAX_INT, description="Last number that was given out.")]
    occurred_us: Annotated[int, Meta(ge=1, le=MAX_INT)]
    state: Annotated[int, Meta(ge=0, le=1, description="0 alive, 1 closed.")]
    prev: Hash32
    sig: Sig


class VoidRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that will never come. `sig` is over `vitne-void/v1`."""

    tenant: TenantName
    name: Name
    first: Annotated[int, Meta(ge=1, le=MAX_INT)]
    last: Annotated[int, Meta(ge=1, le=MAX_INT)]
    occurred_us: Annotated[int, Meta(ge=1, le=MAX_INT)]
    reason: Annotated[
        int, Meta(ge=1, le=3, description="1 spool full, 2 spool lost, 3 no event by policy.")
    ]
    digest: Hash32
    sig: Sig


class StreamMessageReply(Struct, frozen=True):
    """What the log has now; the same for the same message again."""

    log: str
    origin: Annotated[str, Meta(description="Origin of the log, which signatures name.")]
    stream: Annotated[str, Meta(description="The 16-byte id of the stream, in hexadecimal.")]
    index: Annotated[int, Meta(description="Of the entry.")]
    receipt: Annotated[str, Meta(description="Signed note: the entry is there.")]
    last: int
    prev: Annotated[str, Meta(description="What the next batch or beat follows on, base64.")]


class SenderLogReply(Struct, frozen=True):
    """Where a sender writes to."""

    tenant: str
    origin: Annotated[str, Meta(description="Of the tenant's log; signatures name it.")]


class StreamReply(Struct, frozen=True, kw_only=True):
    """How complete one stream is."""

    source: str
    name: str
    stream: Annotated[str, Meta(description="Its 16-byte id, in hexadecimal.")]
    mode: Annotated[
        Literal["full", "body", "none"],
        Meta(description="What is signed: events and index keys, events, nothing."),
    ]
    numbers: Literal["sender", "server"]
    status: Literal["open", "silent", "closed", "abandoned", "followed"]
    last: Annotated[int, Meta(description="Largest number that an entry states.")]
    missing: Annotated[int, Meta(description="Numbers given out: neither an event nor void.")]
    missing_ranges: list[tuple[int, int]]
    more_ranges: Annotated[int, Meta(description="Ranges beyond those that are listed.")]
    voided: Annotated[int, Meta(description="Numbers void, though an event was meant to be there.")]
    beat_s: Annotated[int, Meta(description="Heartbeats that it promised; 0: none.")]
    last_seen: Annotated[str, Meta(description="When an entry named it last; RFC 3339.")]
    silent_since: Annotated[str, Meta(description="RFC 3339; empty unless it is silent.")]
    late: Annotated[int, Meta(description="Events recorded long after they happened.")]
    late_max_s: Annotated[int, Meta(description="The latest came so many seconds after.")]


class StreamsReply(Struct, frozen=True):
    """Every stream of a log that is asked for, by source and name."""

    tenant: str
    streams: list[StreamReply]
    missing: Annotated[int, Meta(description="Over all streams of the log.")]
    silent: int
    abandoned: int
    voided: int
    late: int
