"""Merged runs wait for readers, and whatever changes segments waits for each other."""

import json
import threading
from pathlib import Path
from typing import Any

from vitne.core.tree.note import Signer, parse_note
from vitne.core.tree.signature import COSIGNATURE
from vitne.core.values.types import LogId
from vitne.services.seal.worker import SealJob
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, open_server

ACME = LogId("acme")


def send(server: Server, first: int, last: int) -> None:
    """Take these events, and publish them."""
    body = json.dumps([sample_event(number) for number in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
    server.writer.write(server.writer.queue.take(1_000))
    while server.publish.rounds.run_once().more:
        pass


def test_a_merged_run_waits_for_the_head_that_readers_prove_by(tmp_path: Path) -> None:
    """It took over once it was published: a reader under the cosigned head found nothing there."""
    auditor = Signer("auditor.example/index", bytes(32), COSIGNATURE)
    policy = tmp_path / "index-policy.txt"
    policy.write_text(f"witness auditor {auditor.vkey}\nquorum auditor\n")
    settings = Settings(folder=str(tmp_path / "v"), free_bytes_min=0, index_policy=str(policy))
    server = open_server(settings, create=True, serving=False)
    server.writer.create(ACME)
    for first, last in ((1, 5), (5, 17)):
        send(server, first, last)
        server.seal.segments.seal_now(ACME)
    before = server.adapters.segments.segments(ACME)

    assert server.seal.segments.merge(ACME) is None
    assert server.seal.segments.settle(ACME) == []
    assert server.adapters.segments.segments(ACME) == before

    head = server.publish.files(LogId("acme/index")).checkpoint()
    assert head is not None
    text, _ = parse_note(head)
    cosigned = head + auditor.sign(text, 1_800_000_000)
    server.adapters.objects.replace({"log/acme/index/checkpoint.cosigned": cosigned.encode()})
    (merged,) = server.seal.segments.settle(ACME)
    assert (merged.start, merged.end, merged.level) == (0, before[-1].end, 1)
    assert server.adapters.segments.segments(ACME) == [merged]
    assert server.fsck.run().clean
    server.close()


def test_nothing_is_erased_or_merged_while_a_question_has_a_log_sealed(spine: Any) -> None:
    """A question's sealing held no lock: rows read before an erasure came back as a segment."""
    spine.send([sample_event(number) for number in range(1, 5)])
    spine.publish()
    seal, free = spine.server.seal.segments, list[bool]()

    def look(_job: SealJob) -> None:
        lock = seal.segments_lock
        other = threading.Thread(target=lambda: free.append(lock.acquire(blocking=False)))
        other.start()
        other.join()

    spine.jobs.before = look

    assert seal.seal_now(ACME) is not None
    assert free == [False]
