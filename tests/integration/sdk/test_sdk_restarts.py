"""What waits survives the server's absence, the application's death, and a fork."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

WAIT_S = 60.0

CHILD = Path(__file__).with_name("restart_child.py")


def run_child(*words: object) -> tuple[int, list[str]]:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, str(CHILD), *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.split()


def send_all(audit: Any, count: int) -> None:
    while audit.stats().adopted < count:
        assert audit.flush(WAIT_S)


def test_events_recorded_while_the_server_is_away_arrive_when_it_is_back(
    log: Any, client: Any
) -> None:
    log.stop()
    audit = client()
    ids = [
        audit.record("crm.customer.viewed", actor="u", target=f"customer/{at}").id
        for at in range(2500)
    ]
    while audit.stats().spooled < len(ids):
        pass

    log.start()

    assert audit.flush(WAIT_S)
    assert log.ids() == ids
    assert log.seqs() == list(range(1, 2501))
    assert audit.stats().spool_bytes == 0


def test_only_events_that_never_left_say_that_they_were_spooled(log: Any, client: Any) -> None:
    log.stop()
    audit = client()
    audit.record("crm.customer.viewed", actor="u", target="customer/first")
    while not audit.stats().away:
        pass
    audit.record("crm.customer.viewed", actor="u", target="customer/second")
    while audit.stats().spooled < 2:
        pass

    log.start()

    assert audit.flush(WAIT_S)
    assert [e["stream"].get("spooled", False) for e in log.events()] == [False, True]
    assert {e["clock"]["sync"] for e in log.events()} == {"unknown"}


def test_what_a_killed_application_had_spooled_is_sent_by_the_next_start(
    log: Any, client: Any, tmp_path: Path
) -> None:
    log.stop()
    status, ids = run_child("killed", log.url, tmp_path / "spool", 700)
    assert status == -signal.SIGKILL
    log.start()

    audit = client()

    send_all(audit, 700)
    assert log.ids() == ids
    assert log.seqs() == list(range(1, 701))
    audit.close(WAIT_S)
    assert list((tmp_path / "spool").glob("*/runs/*")) == []


def test_a_cut_tail_of_a_killed_application_is_counted_and_the_rest_is_sent(
    log: Any, client: Any, tmp_path: Path
) -> None:
    log.stop()
    _, ids = run_child("killed", log.url, tmp_path / "spool", 20)
    segment = max(tmp_path.glob("spool/*/runs/*/*.seg"))
    os.truncate(segment, segment.stat().st_size - 7)
    log.start()

    audit = client()

    send_all(audit, 19)
    while not audit.stats().damaged:
        pass
    assert log.ids() == ids[:19]
    assert audit.stats().damaged == 1


def test_at_exit_an_application_sends_what_waits(log: Any, tmp_path: Path) -> None:
    status, ids = run_child("leaving", log.url, tmp_path / "spool")

    assert status == 0
    assert log.ids() == ids
    assert log.logs["acme"][-1]["stream"]["end"]


def test_at_exit_without_a_server_an_application_leaves_its_events_on_disk(
    log: Any, client: Any, tmp_path: Path
) -> None:
    log.stop()
    status, ids = run_child("leaving", log.url, tmp_path / "spool")
    assert status == 0
    log.start()

    audit = client()

    send_all(audit, 2)
    assert log.ids() == ids
    assert log.logs["acme"][-1]["stream"]["end"]


def test_two_living_processes_never_send_each_others_events(log: Any, client: Any) -> None:
    log.stop()
    first = client()
    ids = [first.record("crm.customer.viewed", actor="u", target="customer/c").id]
    while first.stats().spooled < 1:
        pass

    second = client()
    ids.append(second.record("crm.customer.viewed", actor="u", target="customer/c").id)
    log.start()

    assert first.flush(WAIT_S)
    assert second.flush(WAIT_S)
    assert sorted(log.ids()) == sorted(ids)
    assert first.stats().adopted == second.stats().adopted == 0


def test_a_forked_child_begins_a_stream_of_its_own(log: Any, client: Any) -> None:
    audit = client(batch_max_age_s=60.0)
    audit.record("crm.customer.viewed", actor="parent", target="customer/c")

    child = os.fork()
    if not child:
        signal.alarm(30)
        audit.record("crm.customer.viewed", actor="child", target="customer/c")
        audit.close(WAIT_S)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    audit.record("crm.customer.viewed", actor="parent", target="customer/c")

    assert audit.flush(WAIT_S)
    by_stream: dict[str, list[tuple[str, int]]] = {}
    for event in log.events():
        told = (event["actor"]["id"], event["stream"]["seq"])
        by_stream.setdefault(event["stream"]["id"], []).append(told)
    assert sorted(by_stream.values()) == [[("child", 1)], [("parent", 1), ("parent", 2)]]
