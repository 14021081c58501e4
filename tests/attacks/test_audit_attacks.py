"""A log lies in its index, or in its entries: whoever recomputes it finds out."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry import keys


@pytest.fixture
def lies(lying_log: Any) -> Any:
    """`tests/support/lying_log.py`."""
    return lying_log


@pytest.fixture
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


@pytest.fixture
def mirror(lying_log: Any, tmp_path: Path, log: Any) -> Any:
    return lying_log.Mirror(tmp_path, log)


def test_an_honest_index_is_recomputed_and_goes_on_where_it_ended(
    mirror: Any, log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.publish()
    assert mirror.audit("--json") == 0
    first = json.loads(capsys.readouterr().out)

    log.event("full-1")
    log.seal()
    log.seal(level=1, start=0)
    mirror.publish()
    assert mirror.audit("--json") == 0
    second = json.loads(capsys.readouterr().out)

    assert (first["new"], first["index_size"]) == (2, 2)
    assert (second["new"], second["index_size"], second["waiting"]) == (2, 4, 0)


@pytest.mark.parametrize("lie", ["omitted posting", "skipped key", "overlapping gaps"])
def test_an_index_that_hides_an_entry_is_caught(lies: Any, mirror: Any, log: Any, lie: str) -> None:
    lies.forged_run(log, 1, lies.LIES[lie](lies.asked(log)))
    mirror.publish()

    assert mirror.rule() == "record"
    assert json.loads(mirror.report.read_text())["where"] == "record 1"


def test_a_merged_run_that_hides_an_entry_is_caught(lies: Any, mirror: Any, log: Any) -> None:
    log.seal(level=1, start=0)
    lies.forged_run(log, 2, lies.skip_key(lies.asked(log)))
    mirror.publish()

    assert mirror.rule() == "record"


LINES: dict[str, tuple[int, Callable[[list[bytes]], bytes]]] = {
    "another root of the log": (3, lambda _: base64.b64encode(bytes(32))),
    "an earlier recorded time": (5, lambda words: b" ".join([b"1", *words[1:]])),
    "a later occurred time": (5, lambda words: b" ".join([*words[:3], b"9007199254740991"])),
    "no overflow told": (6, lambda words: b" ".join([*words[:2], b"1"])),
    "one stream fewer": (7, lambda words: b" ".join([b"0", *words[1:]])),
    "no number missing": (7, lambda words: b" ".join([*words[:4], b"7", words[5]])),
}


@pytest.mark.parametrize("line", LINES)
def test_a_record_with_another_number_is_caught(mirror: Any, log: Any, line: str) -> None:
    number, change = LINES[line]
    start, end, data, run_ = log.runs[1]
    lines = data.split(b"\n")
    lines[number] = change(lines[number].split(b" "))
    log.runs[1] = (start, end, b"\n".join(lines), run_)
    mirror.publish()

    assert mirror.rule() == "record"


def test_segments_that_leave_a_hole_or_come_back_changed_are_caught(mirror: Any, log: Any) -> None:
    kept = list(log.runs)
    log.runs = kept[1:]
    mirror.publish()
    assert mirror.rule() == "tiling"

    log.runs = [*kept, kept[0]]
    mirror.publish()
    assert mirror.rule() == "tiling"


def test_a_range_that_was_listed_with_another_root_is_caught(
    lies: Any, mirror: Any, log: Any
) -> None:
    log.seal(level=1, start=0)
    log.seal(level=2, start=0)
    lies.forged_run(log, 3, lies.skip_key(lies.asked(log)))
    mirror.publish()

    assert mirror.rule() == "once"


def test_an_index_log_that_takes_a_record_back_is_caught(lies: Any, mirror: Any, log: Any) -> None:
    mirror.publish()
    assert mirror.audit() == 0
    kept = log.runs.pop()
    mirror.publish()
    assert mirror.rule() == "index"

    log.runs.append(kept)
    lies.forged_run(log, 1, lies.skip_key(lies.asked(log)))
    mirror.publish()
    assert mirror.rule() == "index"


def test_an_entry_that_was_recorded_before_the_one_before_it_is_caught(
    mirror: Any, log: Any
) -> None:
    log.now_us -= 10_000_000
    log.event("full-1")
    log.now_us += 20_000_000
    log.event("full-1")
    log.seal()
    mirror.publish()

    assert mirror.rule() == "order"


def test_an_entry_that_was_added_behind_a_witnessed_head_cannot_be_backdated(
    mirror: Any, log: Any
) -> None:
    """The order alone would allow it; but a witness was there at the time that it claims."""
    mirror.publish(log.now_us // 1_000_000 + 3_600)
    assert mirror.audit() == 0

    log.event("full-1")
    log.seal()
    mirror.publish(log.now_us // 1_000_000 + 3_700)

    assert mirror.rule() == "delay"


def test_two_keys_of_one_epoch_are_caught(mirror: Any, log: Any) -> None:
    log.epoch -= 1
    log.index_secrets.pop(1)
    log.now_us += 1
    log.landmarks.append(log.add(_second_key(log)))
    log.seal()
    mirror.publish()

    assert mirror.rule() == "epochs"


def _second_key(log: Any) -> Any:
    from vitne.core.entry.control import IndexSecretEntry  # noqa: PLC0415 - of this test alone

    return IndexSecretEntry(
        log.now_us, 1, (1, 2, 3, 5, 6), keys.commit(b"another key of 32 bytes here!!!!")
    )


def test_a_log_that_shows_the_auditor_another_history_is_caught(
    mirror: Any, bundle_log: Any
) -> None:
    mirror.publish()
    assert mirror.audit() == 0

    other = bundle_log.example()
    other.event("full-1", "usr_8")
    other.entries[20], other.leaves[20] = other.entries[21], other.leaves[21]
    mirror.log = other
    mirror.publish()

    assert mirror.rule() == "head"


def test_a_head_without_quorum_is_no_base_for_an_audit(mirror: Any, log: Any) -> None:
    log.w2 = log.w1
    mirror.publish()

    assert mirror.rule() == "quorum"
