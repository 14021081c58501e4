"""Publishing: any batches give one tree, readers get every size, and start-up mends the rest."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import open_checkpoint, parse_note
from vitne.core.tree.tile import ENTRIES, TileId, encode_bundle
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.types import LogId
from vitne.services.log.published_files import Published
from vitne.services.log.staged_round import KNOWN_LOGS, STAGING
from vitne.services.publish.round import PublishRounds
from vitne.services.writer.pending_request import Arrival
from vitne.testing import sample_event, sample_key, temporary_server
from vitne.wiring import Server

ACME = LogId("acme")
EVENTS = 40


class OneRun:
    """Random bytes that do not depend on how they are asked for: one run, cut as one likes."""

    def __init__(self) -> None:
        self._drawn = 0

    def random_bytes(self, count: int) -> bytes:
        """The next bytes of 0, 1, 2 to 255, again and again."""
        self._drawn += count
        return bytes((self._drawn - count + at) % 256 for at in range(count))


def send(server: Server, events: Sequence[dict[str, Any]]) -> None:
    """One request, one transaction."""
    server.intake.requests.submit(
        json.dumps(events).encode(), "json", sample_key("acme"), Arrival()
    )
    server.writer.write(server.writer.queue.take(1))


@contextmanager
def built(cuts: Sequence[int], published: set[int]) -> Iterator[Server]:
    """A log of `EVENTS` events, cut into requests there, published after some of them."""
    with closing(temporary_server(ids=OneRun())) as server:
        server.writer.create(ACME)
        edges = [0, *sorted(set(cuts)), EVENTS]
        for at, (first, last) in enumerate(pairwise(edges)):
            send(server, [sample_event(n + 1) for n in range(first, last)])
            if at in published:
                server.publish.rounds.run_once()
        server.publish.rounds.run_once()
        yield server


def checkpoint(server: Server) -> Checkpoint:
    note = Published(server.adapters.objects, ACME).checkpoint()
    assert note is not None
    return Checkpoint.parse(parse_note(note)[0])


@settings(max_examples=30)
@given(st.lists(st.integers(1, EVENTS - 1), max_size=8), st.sets(st.integers(0, 8)))
def test_any_sequence_of_batches_gives_the_tree_of_one_batch(
    cuts: Sequence[int], published: set[int]
) -> None:
    with built([], set()) as one, built(cuts, published) as many:
        assert many.adapters.store.entries(ACME, 0, 99) == one.adapters.store.entries(ACME, 0, 99)
        assert checkpoint(many) == checkpoint(one)
        objects, others = one.adapters.objects, many.adapters.objects
        assert sorted(others.keys("log/")) == sorted(objects.keys("log/"))
        for key in objects.keys("log/"):
            assert others.get(key) == objects.get(key)


def test_the_published_tree_is_that_of_the_entries(spine: Any) -> None:
    for first in range(0, 700, 100):
        spine.send([sample_event(first + n) for n in range(1, 101)])
        spine.publish()

    entries = spine.entries()
    published = Published(spine.server.adapters.objects, ACME)
    reader = TileReader(published.get, len(entries))
    signer = spine.server.logs.log_signer(spine.server.logs.origin(ACME))
    head, _ = open_checkpoint(published.checkpoint(), signer.verifier)
    assert (head.size, head.root) == (len(entries), merkle_root([leaf_hash(e) for e in entries]))
    assert (reader.entries(0, len(entries)), reader.root()) == (entries, head.root)


def test_every_size_ever_published_is_served(spine: Any) -> None:
    sizes = []
    for n in range(1, 8):
        spine.send([sample_event(n)])
        spine.publish()
        sizes.append(len(spine.entries()))

    published, entries = Published(spine.server.adapters.objects, ACME), spine.entries()
    for size in sizes:
        leaves = [leaf_hash(entry) for entry in entries[:size]]
        assert published.tile(TileId(0, 0, size)) == b"".join(leaves)
        assert published.tile(TileId(ENTRIES, 0, size)) == encode_bundle(entries[:size])
    kept = [key for key in spine.server.adapters.objects.keys("log/acme/") if ".p/" in key]
    assert len(kept) == 2


def test_a_full_tile_takes_the_place_of_its_partial_ones(spine: Any) -> None:
    for first in (0, 200):
        spine.send([sample_event(first + n) for n in range(1, 201)])
        spine.publish()

    published = Published(spine.server.adapters.objects, ACME)
    full = published.tile(TileId(0, 0))
    assert full is not None
    assert published.tile(TileId(0, 0, 77)) == full[: 77 * 32]
    assert published.packed(TileId(ENTRIES, 0)) is not None
    assert not list(spine.server.adapters.objects.keys("log/acme/tile/0/000.p/"))


def test_one_round_publishes_every_log_and_leaves_no_staged_file(spine: Any) -> None:
    report = spine.server.publish.rounds.run_once()

    assert [grown.log for grown in report.grown] == ["acme", "globex"]
    assert list(spine.server.adapters.objects.keys(STAGING)) == []
    assert list(spine.server.adapters.objects.keys(KNOWN_LOGS)) == [
        f"{KNOWN_LOGS}acme",
        f"{KNOWN_LOGS}globex",
    ]
    assert spine.server.publish.rounds.run_once().grown == ()


def test_of_two_publishers_one_swap_fails_and_the_log_is_not_forked(spine: Any) -> None:
    adapters, met = spine.adapters, threading.Barrier(2)

    def wait_for_the_other(step: str) -> None:
        if step == "staged":
            met.wait(30)

    reports: list[Any] = []

    def publish() -> None:
        reports.append(PublishRounds(adapters, spine.server.logs, wait_for_the_other).run_once())

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(report.conflict for report in reports) == [False, True]
    assert spine.server.fsck.run().clean
    assert spine.server.publish.recovery.run().halted == {}


def test_a_log_whose_tiles_disagree_stops_and_the_others_go_on(spine: Any) -> None:
    spine.publish()
    spine.server.adapters.objects.replace({"log/acme/tile/0/000.p/4": bytes(128)})
    spine.send([sample_event(1)])
    spine.send([sample_event(1, tenant="globex")], key=sample_key())

    report = spine.server.publish.rounds.run_once()

    assert [grown.log for grown in report.grown] == ["globex"]
    assert list(report.halted) == ["acme"]
    assert checkpoint(spine.server).size == 4


def test_the_rounds_of_busy_logs_leave_none_behind(spine: Any) -> None:
    adapters = spine.adapters
    publish = PublishRounds(adapters, spine.server.logs, max_entries=2)
    logs = [LogId(f"t{n}") for n in range(4)]
    for log in logs:
        spine.server.writer.create(log)

    rounds = 0
    while publish.run_once().more:
        rounds += 1

    heads = {info.log: info.head_size for info in spine.adapters.store.logs()}
    assert set(heads.values()) == {4}
    assert rounds >= 4


def test_a_missing_row_below_the_next_checkpoint_stops_the_log(spine: Any) -> None:
    spine.adapters.store.drop(ACME, 1)

    report = spine.server.publish.rounds.run_once()

    assert "expected the 4 rows" in report.halted[ACME]


@pytest.mark.parametrize("folder", [STAGING, "log/acme/"])
def test_start_up_leaves_a_clean_folder_as_it_is(spine: Any, folder: str) -> None:
    spine.publish()
    before = list(spine.server.adapters.objects.keys(folder))

    recovery = spine.server.publish.recovery.run()

    assert (recovery.applied, recovery.deleted, recovery.rewritten) == ([], [], [])
    assert list(spine.server.adapters.objects.keys(folder)) == before


def test_a_staged_file_that_is_damaged_stays_and_stops_nobody(spine: Any) -> None:
    spine.publish()
    spine.server.adapters.objects.replace({f"{STAGING}9-aa": b"vitne-stage/v1\n" + bytes(50)})

    recovery = spine.server.publish.recovery.run()

    assert (recovery.damaged, recovery.halted) == ([f"{STAGING}9-aa"], {})
    assert list(spine.server.adapters.objects.keys(STAGING)) == [f"{STAGING}9-aa"]


def test_a_checkpoint_whose_staged_file_is_lost_is_written_from_the_head(spine: Any) -> None:
    spine.publish()
    old = spine.server.adapters.objects.get("log/acme/checkpoint")
    spine.send([sample_event(1)])
    spine.publish()
    spine.server.adapters.objects.replace({"log/acme/checkpoint": old})

    recovery = spine.server.publish.recovery.run()

    assert recovery.rewritten == ["acme"]
    assert checkpoint(spine.server).size == len(spine.entries())


def test_a_full_tile_that_exists_with_other_bytes_stops_its_log_alone(spine: Any) -> None:
    spine.server.adapters.objects.put({"log/acme/tile/0/000": bytes(8192)})
    spine.send([sample_event(n) for n in range(1, 301)])

    report = spine.server.publish.rounds.run_once()

    assert "object_conflict" in report.halted[ACME]
    assert "globex" not in report.halted
    assert Published(spine.server.adapters.objects, LogId("globex")).checkpoint()
    assert Published(spine.server.adapters.objects, ACME).checkpoint() is None
    assert len(list(spine.server.adapters.objects.keys(STAGING))) == 1
