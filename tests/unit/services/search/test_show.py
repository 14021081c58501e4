"""Showing one record: from the hot rows or the archive, with its way to the published tree."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import IntegrityError, NotFoundError, UnavailableError
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import tlog_proof
from vitne.evidence.record import verify as record_proof
from vitne.services.search.show import Show
from vitne.testing import temporary_server

LOG = LogId("acme")


class World:
    """A log with the records of `small_log`, not published yet."""

    def __init__(self, small_log: Any) -> None:
        self.server = temporary_server()
        self.adapters = self.server.adapters
        self.objects = self.adapters.objects
        self.keys = self.server.logs
        self.records = small_log.records
        self.origin = small_log.signer.name
        self.adapters.store.create_log(LOG, self.origin, 1)
        self.publisher = self.server.publish.rounds

    def append(self, start: int, end: int) -> None:
        """Store some of the records."""
        with self.adapters.store.append() as tx:
            tx.insert(LOG, self.records[start:end], [b"d" * 16] * (end - start))

    def show(self, **kwargs: Any) -> Show:
        """The service."""
        ports = dataclasses.replace(self.adapters, objects=self.objects)
        return Show(ports, self.keys, **kwargs)

    @property
    def policy(self) -> Any:
        """What a reader trusts."""
        return policy_of_keys([self.keys.log_signer(self.origin).vkey])


@pytest.fixture
def world(small_log: Any) -> Iterator[World]:
    """All records stored, nothing published."""
    made = World(small_log)
    made.append(0, len(made.records))
    yield made
    made.server.close()


def test_a_published_record_comes_with_a_proof_that_verifies(world: World) -> None:
    """Every one of them, as record proof and as tlog-proof."""
    world.publisher.run_once()

    for record in world.records:
        shown = world.show().by_id(LOG, record.event_id)
        assert shown.record == record
        assert record_proof.verify_record(shown.document(), world.policy).index == record.index
        assert tlog_proof.verify_tlog_proof(shown.tlog_proof(), world.policy).entry == record.entry


def test_a_record_without_a_checkpoint_says_so(world: World) -> None:
    """The record is there; the proof is not, and asking for it tells when to try again."""
    shown = world.show().by_id(LOG, world.records[3].event_id)

    assert shown.record == world.records[3]
    assert shown.reason == "not_published"
    with pytest.raises(UnavailableError, match="no checkpoint covers it yet"):
        shown.document()


def test_a_reader_can_wait_for_the_next_checkpoint(world: World) -> None:
    """The publisher is nudged, and the proof is there once it has run."""
    nudges: list[str] = []

    def nudge() -> None:
        nudges.append("publish now")
        if len(nudges) == 3:
            world.publisher.run_once()

    show = world.show(pause=lambda _: None, nudge=nudge)
    shown = show.by_id(LOG, world.records[3].event_id, wait_s=5)

    assert shown.reason == ""
    assert len(nudges) == 3


def test_waiting_ends(world: World) -> None:
    """A publisher that stands still does not hold the reader."""
    waited: list[float] = []

    shown = world.show(pause=waited.append).by_id(LOG, world.records[3].event_id, wait_s=1)

    assert shown.reason == "not_published"
    assert 1 <= sum(waited) < 1.1


def test_an_unknown_id_is_not_found(world: World) -> None:
    """And is named."""
    with pytest.raises(NotFoundError, match="01020304"):
        world.show().by_id(LOG, bytes(range(1, 17)))


def test_a_sealed_record_is_shown_from_the_archive(world: World) -> None:
    """Its rows are gone; its proof is the same."""
    world.publisher.run_once()
    before = world.show().by_id(LOG, world.records[3].event_id).document()
    world.adapters.segments.add(LOG, world.adapters.archive.write(LOG, world.records))
    world.adapters.store.drop(LOG, LeafIndex(len(world.records)))

    assert world.adapters.store.find(LOG, world.records[3].event_id) is None
    assert world.show().by_id(LOG, world.records[3].event_id).document() == before


def test_a_row_that_differs_from_what_was_published_is_not_shown(
    world: World, small_log: Any
) -> None:
    """Nobody is given a proof that would not verify."""
    world.publisher.run_once()
    other = World(small_log)
    other.objects = world.objects
    honest = small_log.records[3]
    later = honest.entry[:17] + bytes([honest.entry[17] ^ 1]) + honest.entry[18:]
    other.records = list(small_log.records)
    other.records[3] = msgspec.structs.replace(honest, entry=later)
    other.append(0, len(other.records))

    with closing(other.server), pytest.raises(IntegrityError, match="not what was published"):
        other.show().by_id(LOG, honest.event_id)
