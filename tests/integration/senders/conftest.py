"""A house over memory and over a folder, and senders that sign, driven by hand."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from vitne.core.batch import encode_batch
from vitne.core.entry import BeatEntry, VoidEntry
from vitne.core.intake import IntakeContext
from vitne.core.note import Signer
from vitne.core.types import Hash, LogId
from vitne.ports import ApiKey
from vitne.sdk.signing import FIRST, Batch, Signable, StreamSigner
from vitne.services.own_events import Doer
from vitne.services.reply import Arrival, IntakeReply
from vitne.services.streams import Beat, Opening, Told, Void
from vitne.settings import Settings
from vitne.testing import (
    TEST_START_US,
    FixedClock,
    SeededIds,
    memory_adapters,
    sample_event,
    sample_key,
)
from vitne.wiring import House, folder_adapters

ACME, GLOBEX = LogId("acme"), LogId("globex")
DOER = Doer(id="uid:0", method="shell")


class Sender:
    """One run of a sender that signs; sends nothing that it is not told to."""

    def __init__(self, house: House, name: str = "pod-1", **how: Any) -> None:
        self.house = house
        self.name = name
        self.tenant = how.get("tenant", "acme")
        self.key: ApiKey = how.get("key") or sample_key("acme", "globex")
        self.signer: Signer = how.get("signer") or Signer("crm/crm-bff", b"\x07" * 32)
        index_key = house.keys.index_key(LogId(self.tenant)) if how.get("full") else b""
        origin = how.get("origin") or house.logs.origin(LogId(self.tenant))
        self.signs = StreamSigner(origin, name, self.signer, index_key)
        self.chain: Hash = FIRST

    def open(self, *, beat_s: int = 60, prev: bytes = b"", prev_last: int = 0) -> Told:
        """Register the stream."""
        entry = self.signs.open(beat_s, prev, prev_last)
        return self.house.streams.open(
            self.key,
            Opening(
                self.tenant, self.name, self.signs.mode, beat_s, self.signs.key, entry.sig, prev,
                prev_last,
            ),
        )  # fmt: skip

    def event(self, number: int, **changes: Any) -> dict[str, Any]:
        """A complete event of the stream."""
        return sample_event(number, tenant=self.tenant, stream=self.name) | changes

    def sign(self, events: Sequence[dict[str, Any]], prev: Hash | None = None) -> Batch:
        """A batch, not sent yet."""
        items = [
            Signable(
                json.dumps(event, separators=(",", ":")).encode(),
                bytes([event["stream"]["seq"] % 256]) * 16,
                event["stream"]["seq"],
            )
            for event in events
        ]
        context = IntakeContext(
            TEST_START_US, self.key.source, bytes, lambda _t, _p: "",
            default_tenant=self.tenant,
        )  # fmt: skip
        return self.signs.batch(self.tenant, items, context, self.chain if prev is None else prev)

    def post(self, batch: Batch, key: ApiKey | None = None) -> IntakeReply:
        """Send a batch that was signed; the chain goes on if it is taken."""
        body = encode_batch(batch.head, batch.events)
        future = self.house.ingest.submit(body, "batch", key or self.key, Arrival())
        reply = future.result(timeout=20)
        self.chain = batch.message_hash
        return reply

    def send(self, *numbers: int) -> IntakeReply:
        """Sign events of these numbers, and send them."""
        return self.post(self.sign([self.event(number) for number in numbers]))

    def beat(self, last: int, at_us: int, state: int = 0, prev: Hash | None = None) -> Told:
        """Send a heartbeat."""
        entry: BeatEntry = self.signs.beat(last, state, at_us, self.chain if prev is None else prev)
        return self.house.streams.beat(
            self.key,
            Beat(self.tenant, self.name, last, at_us, state, entry.prev, entry.sig),
        )

    def void(self, first: int, last: int, reason: int = 1) -> Told:
        """Send a void."""
        entry: VoidEntry = self.signs.void(first, last, reason, TEST_START_US)
        return self.house.streams.void(
            self.key,
            Void(
                self.tenant, self.name, first, last, TEST_START_US, reason, entry.digest, entry.sig
            ),
        )


@pytest.fixture(params=["memory", "folder"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A started house with the tenants acme and globex, and a key of the source crm/crm-bff."""
    clock, ids = FixedClock(), SeededIds()
    settings = Settings(
        folder=str(tmp_path / "house"), server_name="audit.test", free_bytes_min=0,
        prepare_processes=0, seal_process=False,
    )  # fmt: skip
    adapters = (
        memory_adapters(clock, ids)
        if request.param == "memory"
        else folder_adapters(settings, create=True, clock=clock, ids=ids)
    )
    with House(adapters, settings) as made:
        for log in (ACME, GLOBEX, LogId("vitne")):
            made.append.create(log)
        made.source_keys.add(Signer("crm/crm-bff", b"\x07" * 32).vkey, DOER)
        yield made


@pytest.fixture(params=["body", "full"])
def mode(request: pytest.FixtureRequest) -> str:
    """Without and with index keys."""
    return str(request.param)


@pytest.fixture
def new_sender() -> type[Sender]:
    """Makes senders of a house."""
    return Sender
