"""Signed events once they are sealed or erased, and large batches in a process of their own."""

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vitne.core.entry.batch import encode_batch
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import SenderRefusedError
from vitne.services.access.audit_events import Caller
from vitne.services.erasure.erase import ErasureRequest
from vitne.services.senders.signed_batches import Batches
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import FixedClock, SeededIds
from vitne.wiring import Server, folder_adapters

ACME = LogId("acme")


def test_sealed_and_erased_events_are_proved_to_be_the_senders_too(
    tmp_path: Path, new_sender: Any, signing: ModuleType
) -> None:
    settings = Settings(
        folder=str(tmp_path / "server"),
        server_name="audit.test",
        free_bytes_min=0,
        prepare_processes=0,
        seal_process=False,
        seal_entries=32,
        seal_check_ms=3_600_000,
    )
    adapters = folder_adapters(settings, create=True, clock=FixedClock(), ids=SeededIds())
    with Server(adapters, settings) as server:
        for log in (ACME, LogId("vitne")):
            server.writer.create(log)
        server.senders.source_keys.add(signing.source_signer().vkey, Caller(id="uid:0"))
        sender = new_sender(server)
        sender.open()
        reply = sender.send(*range(1, 51))
        while server.publish.rounds.run_once().more:
            pass
        server.seal.segments.run_once()
        index = LeafIndex(reply.results[3].index or 0)
        assert server.adapters.store.record(ACME, index) is None

        sealed, hot = (
            server.senders.batches.sender_proof(ACME, LeafIndex(reply.results[at].index or 0))
            for at in (3, 49)
        )

        assert sealed is not None
        assert hot is not None
        assert sealed.batch == hot.batch == (reply.results[49].index or 0) + 1
        ids = tuple(reply.results[at].id for at in (3, 10, 48))
        server.erasure.erase.run(
            ErasureRequest(ACME, ("core", "person"), "gdpr-17", "CASE-1", events=ids)
        )
        fresh = Batches(adapters)  # remembers no leaves
        assert fresh.sender_proof(ACME, index) == sealed


def test_a_large_batch_is_judged_alike_in_a_process_of_its_own(
    tmp_path: Path, new_sender: Any, signing: ModuleType
) -> None:
    settings = Settings(
        folder=str(tmp_path / "server"),
        server_name="audit.test",
        free_bytes_min=0,
        prepare_processes=1,
        seal_process=False,
    )
    clock = FixedClock(time.time_ns() // 1000)  # the process beside has the system's
    adapters = folder_adapters(settings, create=True, clock=clock)
    with Server(adapters, settings) as server:
        for log in (ACME, LogId("vitne")):
            server.writer.create(log)
        server.senders.source_keys.add(signing.source_signer().vkey, Caller(id="uid:0"))
        sender = new_sender(server)
        sender.open()
        while not server.intake.preparation.ready_pids():
            server.intake.requests.submit(
                b"[" + b" " * 20_000 + b"{}]", "json", sender.key, Arrival()
            )
        batch = sender.sign([sender.event(number) for number in range(1, 101)])
        forged = [*batch.events[:-1], batch.events[-1].replace(b"usr_2", b"usr_3")]

        with pytest.raises(SenderRefusedError) as refused:
            server.intake.requests.submit(
                encode_batch(batch.head, forged), "batch", sender.key, Arrival()
            ).result(60)

        assert [problem.code for problem in refused.value.problems] == ["wrong_root"]
        assert sender.post(batch).accepted == 100
