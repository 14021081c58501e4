"""Sealing and searching over real parts: rows leave the hot store, and nobody can tell."""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from vitne.core.entry.entry import SEGMENT
from vitne.core.values import format_utc
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import CursorError, IntegrityError, NotFoundError, UnavailableError
from vitne.services.seal.worker import SealJob, SealProcess
from vitne.services.search.search import SearchRequest
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import TEST_START_US, FixedClock, SeededIds, sample_event, sample_key
from vitne.wire.search import SearchReply
from vitne.wiring import Server, folder_adapters, open_sealing

ACME = LogId("acme")
FULL = 16
AGE_S = 3_600
SECOND_US = 1_000_000
BEFORE_EVENTS = 4
"""Entries that a log begins with, and the one that registers the stream."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        folder=str(tmp_path / "vitne"),
        free_bytes_min=0,
        seal_entries=FULL,
        seal_age_s=AGE_S,
        seal_process=False,
        prepare_processes=0,
    )


def fill(spine: Any, first: int, last: int) -> None:
    """Events number first to last - 1, published."""
    if last > first:
        spine.send([sample_event(number) for number in range(first, last)])
    spine.publish()


def all_pages(spine: Any, text: str, limit: int = 3) -> list[SearchReply]:
    pages = [spine.server.search.run(SearchRequest(ACME, text, limit))]
    while pages[-1].next:
        pages.append(
            spine.server.search.run(SearchRequest(ACME, text, limit, cursor=pages[-1].next))
        )
    return pages


def numbers(pages: list[SearchReply]) -> list[int]:
    """`stream.seq` of every row: the numbers of `sample_event`."""
    found: list[int] = [row.event["stream"]["seq"] for page in pages for row in page.events]
    return found


def is_hot(spine: Any) -> bool:
    """Whether an entry is hot that is not the log's own word about a segment."""
    store = spine.adapters.store
    first = store.first_index(ACME)
    if first is None:
        return False
    return any(entry[4] != SEGMENT for entry in store.entries(ACME, first, 1 << 40))


def test_a_full_range_leaves_the_hot_rows_once_it_is_published(spine: Any) -> None:
    spine.send([sample_event(number) for number in range(1, 30)])
    assert spine.server.seal.segments.run_once().sealed == []

    spine.publish()
    sealed = spine.server.seal.segments.run_once().sealed

    assert [(s.start, s.end) for _, s in sealed] == [(0, FULL), (FULL, 2 * FULL)]
    assert spine.adapters.store.first_index(ACME) == 2 * FULL
    assert spine.adapters.store.log(ACME).sealed_end == 2 * FULL
    assert spine.server.seal.segments.run_once().sealed == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "actor:usr_3", "target:customer/cus_4", "target:cus_4", "type:crm.*", "ødegård"),
        *("-kari", "actor:usr_3 target:cus_4", "actor:usr_3 OR actor:usr_5", "index:<12"),
        *('actor.name:"KARI nordmann"', "attribution:token", "reference:CASE-9917", "purpose:*"),
        "outcome:denied",
    ],
)
def test_a_search_finds_the_same_before_and_after_sealing(spine: Any, text: str) -> None:
    fill(spine, 1, 40)
    before = all_pages(spine, text)

    assert spine.server.seal.segments.run_once().sealed
    after = all_pages(spine, text)

    assert [page.events for page in after] == [page.events for page in before]
    assert after[0].total == before[0].total == len(numbers(before))
    assert after[0].total_is == "exact"


def test_records_of_every_kind_come_back_from_the_archive(spine: Any) -> None:
    fill(spine, 1, 40)
    store, archive = spine.adapters.store, spine.adapters.archive
    hot = store.records(ACME, LeafIndex(0), LeafIndex(2 * FULL))

    spine.server.seal.segments.run_once()

    assert archive.records(ACME, LeafIndex(0), LeafIndex(2 * FULL)) == hot
    assert store.records(ACME, LeafIndex(0), LeafIndex(2 * FULL)) == []
    assert any(not record.event_id for record in hot)
    for record in hot:
        if record.event_id:
            assert spine.server.show.by_id(ACME, record.event_id).record.index == record.index


def test_a_part_is_sealed_when_it_is_old_and_holds_an_event(spine: Any) -> None:
    spine.publish()
    spine.clock.advance((AGE_S + 1) * SECOND_US)
    assert spine.server.seal.segments.run_once().sealed == []

    fill(spine, 1, 3)
    end = spine.adapters.store.log(ACME).next_index
    first = spine.server.seal.segments.run_once().sealed
    assert [(s.start, s.end) for _, s in first] == [(0, end)]

    fill(spine, 3, 4)
    assert spine.server.seal.segments.run_once().sealed == []
    spine.clock.advance((AGE_S + 1) * SECOND_US)
    assert len(spine.server.seal.segments.run_once().sealed) == 1
    assert not is_hot(spine)


def test_small_segments_are_put_together(spine: Any) -> None:
    for day in range(12):
        fill(spine, day + 1, day + 2)
        spine.clock.advance((AGE_S + 1) * SECOND_US)
        spine.server.seal.segments.run_once()

    listed = spine.adapters.segments.segments(ACME)
    assert len(listed) <= 4
    end = listed[-1].end
    rest = spine.adapters.store.entries(ACME, end, spine.adapters.store.log(ACME).next_index)
    assert listed[0].start == 0
    assert {entry[4] for entry in rest} == {SEGMENT}
    assert numbers(all_pages(spine, "")) == list(range(12, 0, -1))
    kept = [key for key in spine.adapters.objects.keys("segments/acme/") if ".parquet" in key]
    assert sorted(kept) == sorted(s.key for s in listed if ".parquet" in s.key)


def test_what_a_crash_left_is_dropped_at_the_next_start(spine: Any) -> None:
    """Killed after the catalog listed a segment: its rows; before it: files that nobody names."""
    fill(spine, 1, 40)
    archive, catalog = spine.adapters.archive, spine.adapters.segments
    records = spine.adapters.store.records(ACME, LeafIndex(0), LeafIndex(2 * FULL))
    catalog.add(ACME, archive.write(ACME, records[:FULL]))
    archive.write(ACME, records[FULL : FULL + 3])

    gone = spine.server.seal.segments.recover()

    assert gone >= FULL
    assert spine.adapters.store.first_index(ACME) == FULL
    files = list(spine.adapters.objects.keys("segments/"))
    assert all(key.startswith(f"segments/acme/0-{FULL}") for key in files)
    assert numbers(all_pages(spine, "")) == list(range(39, 0, -1))


def test_a_log_that_cannot_be_sealed_is_held_off_and_the_others_go_on(spine: Any) -> None:
    fill(spine, 1, 20)
    spine.send([sample_event(n, tenant="globex") for n in range(1, 20)], key=_everyone())
    spine.publish()

    def fail(job: SealJob) -> None:
        if job.log == ACME:
            raise IntegrityError("the published entries differ from the records")

    spine.jobs.before = fail

    report = spine.server.seal.segments.run_once()
    assert set(report.failed) == {ACME}
    assert [log for log, _ in report.sealed] == ["globex"]
    assert spine.server.seal.segments.run_once().failed == {}

    spine.clock.advance((11) * SECOND_US)
    spine.jobs.before = lambda _job: None
    assert [log for log, _ in spine.server.seal.segments.run_once().sealed] == [ACME]


def _everyone() -> Any:
    return sample_key("acme", "globex")


# ---------------------------------------------------------------- pages


def test_a_page_tells_how_far_it_saw_and_what_no_checkpoint_covers(spine: Any) -> None:
    fill(spine, 1, 5)
    spine.send([sample_event(5)])
    spine.clock.advance((3) * SECOND_US)

    page = spine.server.search.run(SearchRequest(ACME, "", 2))

    info = spine.adapters.store.log(ACME)
    assert (page.high_water, page.published) == (info.next_index, info.head_size)
    assert page.lag_ms == 3_000
    spine.publish()
    assert spine.server.search.run(SearchRequest(ACME, "", 2)).lag_ms == 0


@example_settings(max_examples=25)
@given(
    steps=st.lists(
        st.sampled_from(["page", "page", "send", "publish", "seal", "merge"]), max_size=14
    ),
    limit=st.integers(1, 5),
)
def test_pages_neither_skip_nor_repeat_whatever_happens_meanwhile(
    steps: list[str], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The walk equals the list as it was at its first page; later events are on no page of it."""
    spine = _Own(tmp_path_factory.mktemp("walk"))
    spine.send(20)
    expected = [row.index for row in spine.page("", "", 200).events]

    page = spine.page("type:crm.*", "", limit)
    seen = [row.index for row in page.events]
    for step in [*steps, *["page"] * 40]:
        if step == "page" and page.next:
            page = spine.page("type:crm.*", page.next, limit)
            seen += [row.index for row in page.events]
            assert page.high_water == expected[0] + 1
        elif step != "page":
            spine.do[step]()

    assert seen == expected
    spine.server.close()


class _Own:
    """A server over a folder, driven by steps."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(
            folder=str(folder),
            free_bytes_min=0,
            seal_entries=8,
            seal_process=False,
            prepare_processes=0,
        )
        self.clock = FixedClock()
        adapters = folder_adapters(settings, create=True, clock=self.clock, ids=SeededIds())
        self.server = Server(adapters, settings)
        self.server.writer.create(ACME)
        self.sent = 0
        self.do: dict[str, Callable[[], Any]] = {
            "send": lambda: self.send(3),
            "publish": self.publish,
            "seal": self.server.seal.segments.run_once,
            "merge": lambda: (
                self.server.seal.segments.seal_now(ACME) and self.server.seal.segments.merge(ACME)
            ),
        }

    def send(self, count: int) -> None:
        events = [sample_event(self.sent + n + 1) for n in range(count)]
        body = msgspec.json.encode(events)
        self.server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
        self.server.writer.write(self.server.writer.queue.take(1_000))
        self.sent += count

    def publish(self) -> None:
        while self.server.publish.rounds.run_once().more:
            pass

    def page(self, text: str, cursor: str, limit: int) -> SearchReply:
        return self.server.search.run(SearchRequest(ACME, text, limit, cursor=cursor))


def test_a_cursor_of_another_search_is_refused(spine: Any) -> None:
    fill(spine, 1, 9)
    run = spine.server.search.run
    cursor = run(SearchRequest(ACME, "since:7d", 2)).next

    for request in (
        SearchRequest(ACME, "since:8d", 2, cursor=cursor),
        SearchRequest(LogId("globex"), "since:7d", 2, cursor=cursor),
        SearchRequest(ACME, "since:7d", 2, cursor=cursor[:-3] + "AAA"),
        SearchRequest(ACME, "since:7d", 2, cursor="ÿ"),
        SearchRequest(ACME, "since:7d", 2, cursor="A" * 5_000),
    ):
        with pytest.raises(CursorError):
            run(request)
    with pytest.raises(NotFoundError):
        run(SearchRequest(LogId("none")))


def test_a_relative_time_means_the_same_on_every_page(spine: Any) -> None:
    fill(spine, 1, 9)
    first = spine.server.search.run(SearchRequest(ACME, "since:1h", 3))
    spine.clock.advance((7_200) * SECOND_US)

    second = spine.server.search.run(SearchRequest(ACME, "since:1h", 3, cursor=first.next))

    assert numbers([first, second]) == [8, 7, 6, 5, 4, 3]


def test_facets_and_bars_count_hot_and_sealed_events_together(spine: Any) -> None:
    fill(spine, 1, 40)
    request = SearchRequest(
        ACME, "type:crm.*", 1, facets=("actor", "target", "outcome"), buckets=10, count="exact"
    )
    before = spine.server.search.run(request)

    spine.server.seal.segments.run_once()
    after = spine.server.search.run(request)

    assert after.facets == before.facets
    assert after.facets["actor"].values == {
        f"usr_{at}": len([n for n in range(1, 40) if n % 7 == at]) for at in (1, 2, 3, 4, 0, 5, 6)
    }
    assert after.facets["actor"].exact
    assert after.histogram is not None
    assert before.histogram is not None
    assert sum(after.histogram.counts) == sum(before.histogram.counts) == 39
    assert after.histogram.edges[0] <= format_utc(TEST_START_US) < after.histogram.edges[-1]
    assert after.total == 39


# ---------------------------------------------------------------- the process


@pytest.mark.crash
def test_a_sealing_process_that_is_killed_is_replaced_and_its_job_done(tmp_path: Path) -> None:
    own = _Own(tmp_path / "vitne")
    own.send(30)
    own.publish()
    runner = SealProcess(partial(open_sealing, own.server.settings))
    job = SealJob("seal", ACME, LeafIndex(0), LeafIndex(16))
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(runner.run(job)))

    thread.start()
    while (pid := runner.worker.pid) is None:
        pass
    os.kill(pid, signal.SIGKILL)
    thread.join()

    segment = done[0].run.segment
    assert (segment.start, segment.end) == (0, 16)
    own.server.adapters.segments.add(ACME, segment)
    records = own.server.adapters.store.records(ACME, LeafIndex(0), LeafIndex(16))
    assert own.server.adapters.archive.records(ACME, LeafIndex(0), LeafIndex(16)) == records
    runner.rest()
    assert runner.worker.pid is None
    runner.close()
    with pytest.raises(UnavailableError):
        runner.run(job)
    own.server.close()


@pytest.mark.crash
def test_the_sealing_process_tells_what_went_wrong(tmp_path: Path) -> None:
    own = _Own(tmp_path / "vitne")
    own.send(9)
    runner = SealProcess(partial(open_sealing, own.server.settings))

    with pytest.raises((IntegrityError, NotFoundError)):
        runner.run(SealJob("seal", ACME, LeafIndex(0), LeafIndex(8)))

    runner.close()
    own.server.close()
