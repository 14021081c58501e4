"""A sender that signs, driven by hand over a server in this process."""

import json
from collections.abc import Sequence
from typing import Any

from vitne.core.entry.batch import encode_batch
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.tree.note import Signer
from vitne.core.values import Hash, LogId, encode_base64
from vitne.ports import ApiKey
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.signing.signer import FIRST, StreamBatch, StreamSigner
from vitne.services.writer import Arrival
from vitne.testing import TEST_START_US, sample_event, sample_key
from vitne.wire.events import IntakeReply
from vitne.wire.streams import (
    HeartbeatRequest,
    OpenStreamRequest,
    StreamMessageReply,
    VoidRequest,
)
from vitne.wiring import Server

_SOURCE = SourceRegistration("crm", "crm-bff")


def source_signer() -> Signer:
    """The private key of `crm/crm-bff` in tests; anybody can foresee it."""
    return Signer("crm/crm-bff", b"\x07" * 32)


class SigningSender:
    """One run of a sender that signs; it sends nothing that it is not told to.

    Args:
        server: a started one, in which `source_key` is registered.
        name: of its stream.
        how: `tenant`, `key`, `signer`, `origin`, and `full` for lookup keys.
    """

    def __init__(self, server: Server, name: str = "pod-1", **how: Any) -> None:
        self.server = server
        self.name = name
        self.tenant = how.get("tenant", "acme")
        self.key: ApiKey = how.get("key") or sample_key("acme", "globex")
        self.signer: Signer = how.get("signer") or source_signer()
        index_secret = server.logs.index_secret(LogId(self.tenant)) if how.get("full") else b""
        origin = how.get("origin") or server.logs.origin(LogId(self.tenant))
        self.signs = StreamSigner(origin, name, self.signer, index_secret)
        self.chain: Hash = FIRST

    def open(
        self, *, beat_s: int = 60, prev: bytes = b"", prev_last: int = 0
    ) -> StreamMessageReply:
        """Register the stream."""
        entry = self.signs.open(beat_s, prev, prev_last)
        return self.server.senders.streams.open(
            self.key,
            OpenStreamRequest(
                self.tenant,
                self.name,
                self.signs.mode,
                beat_s,
                encode_base64(self.signs.key),
                encode_base64(entry.sig),
                encode_base64(prev),
                prev_last,
            ),
        )

    def event(self, number: int) -> dict[str, Any]:
        """A complete event of the stream."""
        return sample_event(number, tenant=self.tenant, stream=self.name)

    def sign(self, events: Sequence[dict[str, Any]], prev: Hash | None = None) -> StreamBatch:
        """A batch, not sent yet."""
        items = [
            EventItem(
                0,
                event["id"],
                self.tenant,
                json.dumps(event, separators=(",", ":")).encode(),
                seq=event["stream"]["seq"],
                record_key=bytes([event["stream"]["seq"] % 256]) * 16,
            )
            for event in events
        ]
        context = IntakeContext(
            TEST_START_US, self.key.source or _SOURCE, bytes, lambda _t, _p: "",
            default_tenant=self.tenant,
        )  # fmt: skip
        return self.signs.batch(items, context, self.chain if prev is None else prev)

    def post(self, batch: StreamBatch, key: ApiKey | None = None) -> IntakeReply:
        """Send a batch that was signed; the chain goes on if it is taken."""
        body = encode_batch(batch.head, batch.events)
        future = self.server.intake.requests.submit(body, "batch", key or self.key, Arrival())
        reply = future.result(timeout=20)
        self.chain = batch.message_hash
        return reply

    def send(self, *numbers: int) -> IntakeReply:
        """Sign events of these numbers, and send them."""
        return self.post(self.sign([self.event(number) for number in numbers]))

    def beat(
        self, last: int, at_us: int, state: int = 0, prev: Hash | None = None
    ) -> StreamMessageReply:
        """Send a heartbeat."""
        entry = self.signs.beat(last, state, at_us, self.chain if prev is None else prev)
        return self.server.senders.streams.beat(
            self.key,
            HeartbeatRequest(
                self.tenant,
                self.name,
                last,
                at_us,
                state,
                encode_base64(entry.prev),
                encode_base64(entry.sig),
            ),
        )

    def void(self, first: int, last: int, reason: int = 1) -> StreamMessageReply:
        """Send a void."""
        entry = self.signs.void(first, last, reason, TEST_START_US)
        return self.server.senders.streams.void(
            self.key,
            VoidRequest(
                self.tenant,
                self.name,
                first,
                last,
                TEST_START_US,
                reason,
                encode_base64(entry.digest),
                encode_base64(entry.sig),
            ),
        )
