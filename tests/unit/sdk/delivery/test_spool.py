"""The spool keeps events in order, within its bound, and tells what it could not keep."""

import os
import resource
from pathlib import Path

import pytest

from vitne.sdk.delivery.event_item import HEAD_BYTES, MAGIC, EventItem
from vitne.sdk.delivery.spool import SEGMENT_BYTES, Spool, adopt_spools

ROOM = 1 << 30


def items(first: int, count: int, size: int = 10) -> list[EventItem]:
    return [
        EventItem(
            at,
            f"id-{at}",
            "acme",
            b'{"id":"id-%d","tenant":{"id":"acme"},"x":"%b"}' % (at, b"x" * size),
        )
        for at in range(first, first + count)
    ]


def drain(spool: Spool, most: int = 7) -> list[EventItem]:
    found = []
    while taken := spool.peek(most, ROOM):
        found.extend(taken)
        spool.done()
    return found


def test_events_come_out_as_they_went_in(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)

    assert spool.append(items(1, 20), sync=True) == 20

    assert drain(spool) == items(1, 20)
    assert spool.empty
    assert spool.used_bytes == 0


def test_a_peek_that_was_not_done_shows_the_same_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    spool.append(items(1, 3), sync=False)

    assert spool.peek(2, ROOM) == spool.peek(2, ROOM) == items(1, 2)


def test_a_batch_keeps_to_its_bytes_but_for_its_first_event(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    spool.append(items(1, 5, size=1000), sync=False)

    assert len(spool.peek(5, 2500)) == 2
    assert len(spool.peek(5, 1)) == 1


def test_events_pass_from_segment_to_segment_and_the_first_is_deleted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    big = SEGMENT_BYTES // 4
    for at in range(1, 11):
        spool.append(items(at, 1, size=big), sync=False)
    assert len(list(tmp_path.glob("run/*.seg"))) > 1

    found = [item.ordinal for item in drain(spool, most=1)]

    assert found == list(range(1, 11))
    assert list(tmp_path.glob("run/*.seg")) == []


def test_what_passes_the_bound_is_not_kept(tmp_path: Path) -> None:
    one = HEAD_BYTES + len(items(1, 1)[0].body)
    spool = Spool(tmp_path / "run", max_bytes=len(MAGIC) * 2 + 3 * one)

    assert spool.append(items(1, 5), sync=False) == 3
    assert spool.append(items(4, 1), sync=False) == 0

    assert drain(spool) == items(1, 3)
    assert spool.append(items(4, 1), sync=False) == 1


def test_the_next_process_finds_what_was_closed_with_events(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "runs" / "a", max_bytes=ROOM)
    spool.append(items(1, 5), sync=False)
    spool.peek(2, ROOM)
    spool.done()
    spool.close()

    [found] = adopt_spools(tmp_path / "runs", "b", max_bytes=ROOM)

    assert drain(found) == items(1, 5)  # what was done before is sent again: ids tell it
    found.close()
    assert not (tmp_path / "runs" / "a").exists()


def test_a_living_process_keeps_its_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "runs" / "a", max_bytes=ROOM)
    spool.append(items(1, 1), sync=False)

    assert adopt_spools(tmp_path / "runs", "b", max_bytes=ROOM) == []
    with pytest.raises(BlockingIOError):
        Spool(tmp_path / "runs" / "a", max_bytes=ROOM)


def test_an_empty_spool_leaves_no_folder(tmp_path: Path) -> None:
    Spool(tmp_path / "run", max_bytes=ROOM).close()

    assert list(tmp_path.iterdir()) == []


def test_a_cut_tail_is_counted_and_writing_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    spool.append(items(1, 3), sync=False)
    spool.close()
    segment = next(tmp_path.glob("run/*.seg"))
    os.truncate(segment, segment.stat().st_size - 1)

    again = Spool(tmp_path / "run", max_bytes=ROOM)
    again.append(items(4, 2), sync=False)

    assert drain(again) == [*items(1, 2), *items(4, 2)]
    assert again.damaged == 1


def test_a_damaged_event_is_skipped_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    spool.append(items(1, 3), sync=False)
    spool.close()
    segment = next(tmp_path.glob("run/*.seg"))
    data = bytearray(segment.read_bytes())
    data[data.index(b"id-2")] ^= 1
    segment.write_bytes(data)

    again = Spool(tmp_path / "run", max_bytes=ROOM)

    assert [item.ordinal for item in drain(again)] == [1, 3]
    assert again.damaged == 1


def test_a_file_that_is_no_segment_is_counted_and_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "00000001.seg").write_bytes(b"something else altogether")

    spool = Spool(tmp_path / "run", max_bytes=ROOM)

    assert drain(spool) == []
    assert spool.damaged == 1
    assert list(tmp_path.glob("run/*.seg")) == []


def test_a_disk_that_refuses_keeps_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    """In the middle of a frame, of which five bytes are written (EFBIG)."""
    spool = Spool(tmp_path / "run", max_bytes=ROOM)
    spool.append(items(1, 1), sync=False)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (spool.used_bytes + 5, unlimited[1]))
    try:
        kept = spool.append(items(2, 1), sync=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

    assert kept == 0
    assert spool.append(items(3, 1), sync=False) == 1
    assert drain(spool) == [*items(1, 1), *items(3, 1)]
    assert spool.damaged == 0
