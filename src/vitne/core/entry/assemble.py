"""From a checked event to the bytes of its entry: the hot path of intake.

Everything that does not depend on the place in the log is computed here, on any thread: salts,
commitments, lookup keys. The writer then only stamps time and number into the header (`stamp`).
A property test holds it against the plain definitions of `commit` and `keys`.
"""

from hashlib import sha256
from struct import Struct as Layout

from msgspec import Struct

from vitne.core.entry import commit, keys
from vitne.core.entry.entry import EVENT, HEADER, MAGIC, MAX_KEYS
from vitne.core.entry.keys import Hmac, KeyCache
from vitne.core.event.event import ValidEvent
from vitne.core.values import SECTIONS, Facets, Origin, Parts, length_prefixed
from vitne.errors import BadInputError

_U64 = Layout(">Q").pack
_U16 = Layout(">H").pack
_RECORDED_AT = 10
_OCCURRED_AT = 18
_STREAM_AT = 26
_SEQ_AT = 42
_KEYS_AT = 50


class Prepared(Struct, gc=False):  # it can be in no cycle, and there are very many
    """An event that only lacks its place in the log."""

    event_id: bytes
    digest: bytes
    entry: bytes
    """With zeros for recorded_us, and for stream_seq where the log numbers; see `stamp`."""
    keyring: bytes
    """The record key."""
    parts: Parts
    facets: Facets
    source_id: str
    stream_name: str
    stream_seq: int
    """0: the log numbers."""
    occurred_us: int

    @property
    def stream_id(self) -> bytes:
        """The 16 bytes that stand in the entry."""
        return self.entry[_STREAM_AT:_SEQ_AT]


def stamp_entry(entry: bytes, time: bytes, stream_id: bytes = b"", number: int = 0) -> bytes:
    """The entry with its time, and with stream and number where the log numbers.

    Args:
        entry: of a `Prepared`.
        time: recorded_us as 8 bytes.
        stream_id: of the stream that the log numbers.
        number: the event's, at least 1; 0 leaves the sender's.
    """
    if not number:
        return entry[:_RECORDED_AT] + time + entry[_OCCURRED_AT:]
    middle = entry[_OCCURRED_AT:_STREAM_AT] + stream_id
    return entry[:_RECORDED_AT] + time + middle + _U64(number) + entry[_KEYS_AT:]


class Assembler:
    """Makes entries of one log in one epoch of index secrets. Safe to use from several threads.

    Args:
        origin: of the log.
        index_secret: K of the epoch, 32 bytes; never shown.
        epoch: its number.
        cache: secrets of values seen before; give all assemblers the same one to bound them all.

    Raises:
        BadInputError: K has not 32 bytes.
    """

    __slots__ = ("_epoch", "_mac", "_one_part", "_origin", "_overflow", "_stream", "_two_parts")

    def __init__(
        self, origin: Origin, index_secret: bytes, epoch: int, cache: KeyCache | None = None
    ) -> None:
        if len(index_secret) != keys.INDEX_SECRET_BYTES:
            raise BadInputError("an index secret has 32 bytes")
        self._origin = origin
        self._mac = Hmac(index_secret)
        self._epoch = epoch
        cache = KeyCache() if cache is None else cache
        self._two_parts = cache.two_parts
        self._one_part = cache.one_part
        self._overflow = cache.overflow
        self._stream = cache.stream

    def __repr__(self) -> str:
        """Which log and epoch; no key."""
        return f"Assembler({self._origin!r}, epoch={self._epoch})"

    def prepare(
        self,
        event: ValidEvent,
        core_record: bytes,
        payload_record: bytes,
        person_record: bytes,
        record_key: bytes,
    ) -> Prepared:
        """Commit to the parts and build the entry.

        Args:
            event: what the sender sent, checked.
            core_record: canonical JSON that the log adds to a section; `b""`: nothing.
            payload_record: likewise.
            person_record: likewise.
            record_key: 16 random bytes for this record alone.

        Raises:
            BadInputError: more than 1,024 lookup keys (one actor has at most 510 targets), or the
                record key has not 16 bytes.
        """
        flags, root = _commit(event, core_record, payload_record, person_record, record_key)
        found = self._lookup_keys(event)
        if len(found) > MAX_KEYS:
            raise BadInputError(f"an event has at most {MAX_KEYS} lookup keys, got {len(found)}")
        stream = self._stream(self._origin, event.source_id, event.stream_name)
        header = HEADER.pack(
            MAGIC,
            EVENT,
            flags,
            self._epoch,
            len(found),
            0,
            event.occurred_us,
            stream,
            event.stream_seq,
        )
        parts = Parts(
            event.core, event.payload, event.person, core_record, payload_record, person_record
        )
        return Prepared(
            event.event_id,
            event.digest,
            b"".join((header, *found, root)),
            record_key,
            parts,
            event.facets,
            event.source_id,
            event.stream_name,
            event.stream_seq,
            event.occurred_us,
        )

    def _lookup_keys(self, event: ValidEvent) -> list[bytes]:
        """The stored keys, ascending: they are made in the order of their kinds."""
        mac, find = self._mac, self._two_parts
        targets = [find(mac, keys.TARGET, of_type, id_) for of_type, id_ in event.targets]
        if event.overflow_type:
            targets.append(self._overflow(event.overflow_type))
        found = [key for _, key in targets]
        issuer, id_ = event.actor
        if id_:
            actor, key = find(mac, keys.ACTOR, issuer, id_)
            found.insert(0, key)
            start = b"vitikey1\x03" + actor
            for secret, _ in targets:
                found.append(b"\x03" + sha256(start + secret).digest()[:16])
        found.append(self._one_part(mac, keys.EVENT_TYPE, event.type)[1])
        if event.action_id:
            # Seen once or twice in its life: a place in the cache would push out another's.
            data = event.action_id.encode()
            secret = mac.digest(b"vitsecr1\x06" + _U16(len(data)) + data)
            found.append(b"\x06" + sha256(b"vitikey1\x06" + secret).digest()[:16])
        return sorted(set(found)) if len(targets) > 1 else found


def _commit(
    event: ValidEvent,
    core_record: bytes,
    payload_record: bytes,
    person_record: bytes,
    record_key: bytes,
) -> tuple[int, bytes]:
    """The header's flags, and body_root."""
    if len(record_key) != commit.KEY_BYTES:
        raise BadInputError("a record key has 16 bytes")
    prefix = b"vitsalt1" + record_key
    core = _section(prefix, _CORE, event.core, core_record)
    payload = _section(prefix, _PAYLOAD, event.payload, payload_record)
    person = _section(prefix, _PERSON, event.person, person_record)
    root = sha256(b"\x01" + sha256(b"\x01" + core + payload).digest() + person).digest()
    flags = (
        (1 if core_record else 0)
        | (2 if payload_record else 0)
        | (4 if person_record else 0)
        | (8 if event.overflow_type else 0)
    )
    return flags, root


def event_root(event: ValidEvent, record_key: bytes) -> bytes:
    """What a sender signs of an event: `commit.sender_root` without building the leaves' structs.

    Args:
        event: what the sender sends, checked.
        record_key: 16 bytes.
    """
    return _commit(event, b"", b"", b"", record_key)[1]


def _section(prefix: bytes, names: tuple[bytes, bytes], event: bytes, record: bytes) -> bytes:
    """Commitment of one section; for `names` see `_named`."""
    name, framed = names
    leaf = sha256(b"\x00" + sha256(prefix + name).digest()[:16] + framed + event).digest()
    if not record:
        return leaf
    name, framed = _RECORD_NAMES[name]
    beside = sha256(b"\x00" + sha256(prefix + name).digest()[:16] + framed + record).digest()
    return sha256(b"\x01" + leaf + beside).digest()


def _named(part: str) -> tuple[bytes, bytes]:
    """A part's name as its salt takes it, and as its leaf does: with its length in front."""
    return part.encode(), length_prefixed(part)


_CORE, _PAYLOAD, _PERSON = map(_named, SECTIONS)
_RECORD_NAMES = {name.encode(): _named(commit.RECORD_PART[name]) for name in SECTIONS}
