"""What a sender signs of one stream: its registration, batches, beats and voids.

The same functions of `core` that the log recomputes everything with. Without K (mode body) the
events are signed, and the log makes their lookup keys; with K (mode full) the keys are signed too,
so that nobody, the log included, can file an event under another person.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.assemble import Assembler, event_root
from vitne.core.entry.batch import BatchHead
from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import NO_SIGNATURE, BeatEntry, EventEntry, VoidEntry
from vitne.core.entry.keys import stream_id
from vitne.core.entry.sender import (
    SignedMode,
    batch_message,
    beat_message,
    message_hash,
    open_message,
    sender_view,
    view_of,
    void_message,
)
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext
from vitne.core.event.validate import validate_event
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer
from vitne.core.values import Hash, Origin
from vitne.errors import EventRefusedError
from vitne.sdk.delivery.event_item import EventItem

FIRST: Hash = Hash(bytes(32))
"""`prev` of a stream's first batch."""


class StreamBatch(Struct, frozen=True):
    """What goes to the log, and what the next batch follows on."""

    head: BatchHead
    events: list[bytes]
    message_hash: Hash


class StreamSigner:
    """Signs for one stream. The private key is never shown.

    Args:
        origin: of the log; as it was pinned, or as the server said.
        name: the stream's.
        signer: its name is the source, `application/service`.
        index_secret: K of the log's first epoch, for mode full; empty: mode body.
    """

    def __init__(self, origin: str, name: str, signer: Signer, index_secret: bytes = b"") -> None:
        self.origin = origin
        self.name = name
        self.stream_id = stream_id(origin, signer.name, name)
        self.mode: SignedMode = "full" if index_secret else "body"
        self._signer = signer
        self._epoch = 1 if index_secret else 0
        self._assembler = Assembler(Origin(origin), index_secret, 1) if index_secret else None

    @property
    def key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._signer.verifier.public_key

    def open(self, beat_s: int, prev: bytes = b"", prev_last: int = 0) -> StreamEntry:
        """The registration, signed."""
        entry = StreamEntry(
            1,
            self.stream_id,
            self._signer.name,
            self.name,
            self.mode,
            "sender",
            beat_s,
            self.key,
            NO_SIGNATURE,
            prev,
            prev_last,
        )
        return replace(entry, sig=self._sign(open_message(self.origin, entry)))

    def batch(self, events: Sequence[EventItem], context: IntakeContext, prev: Hash) -> StreamBatch:
        """Sign events of one tenant whose numbers follow on each other.

        Raises:
            EventRefusedError: one of them is not complete and clean, so the log would refuse all.
        """
        leaves = [leaf_hash(self._view(one, context)) for one in events]
        head = BatchHead(
            events[0].tenant,
            self.name,
            self.mode,
            self._epoch,
            events[0].seq,
            len(events),
            self.key,
            b"".join(one.record_key for one in events),
            prev,
            merkle_root(leaves),
            NO_SIGNATURE,
        )
        message = batch_message(self.origin, head.entry(self.stream_id))
        signed = replace(head, sig=self._sign(message))
        return StreamBatch(signed, [one.body for one in events], message_hash(message))

    def beat(self, last: int, state: int, occurred_us: int, prev: Hash) -> BeatEntry:
        """A heartbeat, signed."""
        entry = BeatEntry(1, occurred_us, self.stream_id, last, state, prev, NO_SIGNATURE)
        return replace(entry, sig=self._sign(beat_message(self.origin, entry)))

    def void(self, first: int, last: int, reason: int, occurred_us: int) -> VoidEntry:
        """Numbers that will never come, signed."""
        entry = VoidEntry(1, occurred_us, self.stream_id, first, last, reason, FIRST)
        return replace(entry, sig=self._sign(void_message(self.origin, entry)))

    def _view(self, one: EventItem, context: IntakeContext) -> bytes:
        """The sender's view of an event, whose leaf hash is in the batch's tree."""
        event = validate_event(one.body, context)
        if not isinstance(event, ValidEvent) or event.filled:
            raise EventRefusedError("the event is not complete, so it cannot be signed")
        signed_root = event_root(event, one.record_key)
        if self._assembler is not None:
            entry = self._assembler.prepare(event, b"", b"", b"", one.record_key).entry
            return view_of(entry, signed_root, "full")
        plain = EventEntry(
            1,
            event.occurred_us,
            self.stream_id,
            one.seq,
            0,
            (),
            Hash(signed_root),
            8 if event.overflow_type else 0,
        )
        return sender_view(plain, signed_root, "body")

    def _sign(self, message: bytes) -> bytes:
        return self._signer.sign_message(message)
