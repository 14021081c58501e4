"""A server that is killed at every step of an erasure: the next start finishes it."""

import gzip
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from vitne.core.values.types import LogId
from vitne.evidence.record import verify as record_proof
from vitne.services.erasure.erase import Erase, ErasureRequest
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, folder_adapters, open_server

ACME = LogId("acme")
FULL, LAST = 16, 110
VICTIM = "cus_5"
MAIL = "zebedeus.quirk@private.example"
WISH = ErasureRequest(
    ACME, ("person", "payload"), "gdpr-17", "REQ-12", where=f"target:customer/{VICTIM}"
)

pytestmark = [pytest.mark.crash]


def _event(number: int) -> dict[str, Any]:
    event = sample_event(number)
    if event["targets"][0]["id"] == VICTIM:
        event["changes"] = [{"path": "/email", "op": "replace", "before": MAIL, "after": "gone"}]
        event["category"] = "update"
        event["type"] = "crm.customer.updated"
    return event


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with sealed segments and hot rows, some of them of the victim."""
    made = Settings(
        folder=str(tmp_path / "v"), free_bytes_min=0, seal_entries=FULL, seal_process=False
    )
    with open_server(made, create=True, serving=False) as server:
        server.writer.create(ACME)
        _send(server, 1, 80)
        server.seal.segments.run_once()
        _send(server, 80, LAST)
        plan = server.erasure.erase.plan(WISH)
        assert plan.segments > 1
        assert plan.records[-1] >= server.adapters.store.log(ACME).sealed_end
    return made


def _send(server: Server, first: int, last: int) -> None:
    body = json.dumps([_event(n) for n in range(first, last)]).encode()
    reply = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(30)
    assert reply.accepted == last - first
    _publish(server)


def _publish(server: Server) -> None:
    while server.publish.rounds.run_once().more:
        pass


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A port that kills the process before or after its n-th call of one method."""

    def __init__(self, port: Any, method: str, *, before: bool, call: int = 1) -> None:
        self._port = port
        self._method = method
        self._before = before
        self._left = call

    def __getattr__(self, name: str) -> Any:
        """The port's own, but for the deadly method."""
        found = getattr(self._port, name)
        if name != self._method:
            return found

        def deadly(*args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._before and not self._left:
                _die()
            done = found(*args, **named)
            if not self._left:
                _die()
            return done

        return deadly


def _killed(work: Callable[[], None]) -> None:
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def _everywhere(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file raw, and what is packed in it too."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path), data
            if data[:2] == b"\x1f\x8b":
                yield f"{path} (unpacked)", gzip.decompress(data)
            if path.suffix == ".parquet":
                rows = pq.read_table(path).drop_columns(["event_id"]).to_pylist()
                yield f"{path} (rows)", json.dumps(rows, default=str).encode()


def _left(settings: Settings) -> list[str]:
    found = _everywhere(Path(settings.folder))
    return [where for where, data in found if MAIL.encode() in data]


def _check(settings: Settings) -> None:
    """After a start no byte is left, the store is whole, and what went is told and proved."""
    with open_server(settings) as server:
        assert server.adapters.erasure.pending(ACME) == []
        _publish(server)
    assert _left(settings) == []
    with open_server(settings, serving=False) as server:
        assert server.fsck.run().clean
        plan = server.erasure.erase.plan(WISH)
        assert plan.records == ()
        assert plan.already == 10
        gone = [n for n in range(1, LAST) if _event(n)["targets"][0]["id"] == VICTIM]
        for number in (gone[0], gone[-1]):
            event_id = bytes.fromhex(sample_event(number)["id"].replace("-", ""))
            told = record_proof.verify_record(server.show.by_id(ACME, event_id).document())
            assert set(told.erased) == {"person", "payload"}
            assert told.event()["targets"][0]["id"] == VICTIM
        # A stop in the midst of sealing leaves a run, or its files, for the next start.
        server.seal.segments.settle(ACME)
        segments = server.adapters.segments.segments(ACME)
        assert (
            sum(one.end - one.start for one in segments)
            == server.adapters.store.log(ACME).sealed_end
        )
        kept = {key for one in segments for key in (one.key, one.index_key)}
        server.seal.segments.recover()
        assert set(server.adapters.objects.keys("segments/")) == kept


@pytest.mark.parametrize(
    ("port", "method", "before"),
    [
        ("erasure", "note", True),
        ("erasure", "note", False),
        ("erasure", "overwrite", True),
        ("erasure", "overwrite", False),
        ("archive", "rewrite", False),
        ("segments", "replace", True),
        ("segments", "replace", False),
        ("archive", "remove", True),
        ("archive", "remove", False),
        ("erasure", "settle", True),
        ("erasure", "settle", False),
        ("erasure", "scrub", True),
    ],
)
def test_killed_between_two_steps_the_next_start_finishes(
    settings: Settings, port: str, method: str, before: bool
) -> None:
    assert len(_left(settings)) > 2

    def work() -> None:
        whole = folder_adapters(settings)
        twin = Deadly(getattr(whole, port), method, before=before)
        server = Server(replace(whole, **{port: twin}), settings, serving=False)
        server.start()
        server.erasure.erase.run(WISH)

    _killed(work)

    _check(settings)


@pytest.mark.parametrize(
    ("port", "method"), [("archive", "rewrite"), ("segments", "replace"), ("archive", "remove")]
)
def test_killed_at_the_second_segment_the_first_is_not_undone(
    settings: Settings, port: str, method: str
) -> None:
    def work() -> None:
        whole = folder_adapters(settings)
        twin = Deadly(getattr(whole, port), method, before=False, call=2)
        server = Server(replace(whole, **{port: twin}), settings, serving=False)
        server.start()
        server.erasure.erase.run(WISH)

    _killed(work)

    _check(settings)


@pytest.mark.parametrize("method", ["overwrite", "settle"])
def test_killed_again_while_the_next_start_finishes_the_one_after_it_does(
    settings: Settings, method: str
) -> None:
    def work() -> None:
        whole = folder_adapters(settings)
        twin = Deadly(whole.erasure, "note", before=False)
        server = Server(replace(whole, erasure=twin), settings, serving=False)
        server.start()
        server.erasure.erase.run(WISH)

    def again() -> None:
        whole = folder_adapters(settings)
        twin = Deadly(whole.erasure, method, before=False)
        Server(replace(whole, erasure=twin), settings).start()

    _killed(work)
    _killed(again)

    _check(settings)


def test_an_entry_that_is_not_noted_yet_counts_from_the_moment_it_stands(
    settings: Settings,
) -> None:
    """Killed after the erase entry and before anything else: the entry alone is enough."""

    def work() -> None:
        server = open_server(settings, serving=False)
        server.start()
        tell = server.writer.control

        def deadly(*args: Any) -> Any:
            tell(*args)
            _die()

        Erase(
            server.adapters,
            deadly,
            server.seal.segments.segments_lock,
            server.intake.preparation.forget_personal_values,
        ).run(WISH)

    _killed(work)

    with open_server(settings, serving=False) as server:
        assert server.adapters.erasure.pending(ACME) == []
    _check(settings)
