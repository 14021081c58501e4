"""A person's data is erased: nothing of it is left in any file, and every earlier proof holds."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from vitne.core.event.rules import is_address
from vitne.core.filter import search_text
from vitne.core.values.ids import parse_uuid
from vitne.core.values.record import Parts, Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import BadInputError, HeldError, NotFoundError
from vitne.evidence.record import verify as record_proof
from vitne.services.access.audit_events import Caller, OwnEvents
from vitne.services.access.logged_reads import LoggedReads
from vitne.services.erasure.erase import ErasureRequest
from vitne.services.intake.events import person_record
from vitne.services.search.found_event import found_event
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, open_server

ACME = LogId("acme")
FULL = 64
VICTIM = "cus_5"
NAME, MAIL = "Zebedeus Quirk-Østby", "zebedeus.quirk@private.example"
CALLER = Caller("uid:0")


def _event(number: int) -> dict[str, Any]:
    event = sample_event(number)
    if event["targets"][0]["id"] == VICTIM:
        event["targets"][0]["name"] = NAME
        event["changes"] = [{"path": "/email", "op": "replace", "before": MAIL, "after": "gone"}]
        event["category"] = "update"
        event["type"] = "crm.customer.updated"
    return event


def _send(server: Server, first: int, last: int) -> Any:
    body = json.dumps([_event(n) for n in range(first, last)]).encode()
    reply = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(
        timeout=30
    )
    while server.publish.rounds.run_once().more:
        pass
    return reply


def _settings(folder: Path) -> Settings:
    return Settings(folder=str(folder), free_bytes_min=0, seal_entries=FULL, seal_process=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Sealed segments, hot rows and a quarantined event, some of them about the victim."""
    with open_server(_settings(tmp_path / "v"), create=True, serving=False) as opened:
        opened.writer.create(ACME)
        reply = _send(opened, 1, 220)
        assert reply.accepted == 219, reply.results[4]
        far = _event(16) | {
            "id": sample_event(999)["id"],
            "occurred_at": "2099-01-01T00:00:00.000Z",
        }
        far["stream"] = {"id": "other", "seq": 1}
        body = json.dumps(far).encode()
        key = sample_key("acme")
        kept = opened.intake.requests.submit(body, "json", key, Arrival()).result(timeout=30)
        assert kept.quarantined == 1, kept.results
        opened.seal.segments.run_once()
        while opened.publish.rounds.run_once().more:
            pass
        yield opened


def _request(**changes: Any) -> ErasureRequest:
    values: dict[str, Any] = {
        "log": ACME,
        "sections": ("person", "payload"),
        "basis": "gdpr-17",
        "ref": "REQ-12",
        "where": f"target:customer/{VICTIM}",
        "mentions": (NAME, MAIL),
    }
    return ErasureRequest(**values | changes)


def _everywhere(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file raw, and what is packed in it too."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield str(path), data
        if data[:2] == b"\x1f\x8b":
            yield f"{path} (unpacked)", gzip.decompress(data)
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            text = json.dumps(table.drop_columns(["event_id"]).to_pylist(), default=str)
            yield f"{path} (rows)", json.dumps(json.loads(text), ensure_ascii=False).encode()


def _left(folder: Path) -> list[str]:
    wanted = [NAME.encode(), MAIL.encode(), json.dumps(NAME)[1:-1].encode(), NAME.lower().encode()]
    return [where for where, data in _everywhere(folder) if any(text in data for text in wanted)]


def _about(server: Server) -> list[Record]:
    archive, store = server.adapters.archive, server.adapters.store
    end = server.adapters.store.log(ACME).next_index
    found = [
        *archive.records(ACME, LeafIndex(0), server.adapters.store.log(ACME).sealed_end),
        *store.records(ACME, server.adapters.store.log(ACME).sealed_end, end),
    ]
    return [one for one in found if f"/{VICTIM}\n" in one.facets.targets]


def test_no_byte_of_a_persons_data_is_left_and_every_older_proof_holds(
    server: Server, tmp_path: Path
) -> None:
    """Sealed, hot and quarantined; raw, gzipped, and in the rows of Parquet files."""
    folder = Path(server.settings.folder)
    about = _about(server)
    proofs = [server.show.by_id(ACME, one.event_id).document() for one in about]
    assert len(about) > 10
    assert len([where for where in _left(folder) if "rows" in where]) >= 3
    assert any("vitne.db" in where for where in _left(folder))

    done = server.erasure.erase.run(_request())
    while server.publish.rounds.run_once().more:
        pass

    assert _left(folder) == []
    assert set(done.plan.records) == {one.index for one in about}
    assert len(done.plan.asides) == 1
    for proof in proofs:
        assert record_proof.verify_record(proof).event()["targets"][0]["id"] == VICTIM
    assert server.fsck.run().clean
    shown = server.show.by_id(ACME, about[0].event_id)
    told = record_proof.verify_record(shown.document())
    assert told.erased == {"person": done.entries[0], "payload": done.entries[0]}
    assert told.withheld == ()
    assert told.event()["targets"][0]["id"] == VICTIM
    del tmp_path


def test_no_cache_of_names_or_addresses_outlives_an_erasure(server: Server) -> None:
    """Of this process; the others are told (`test_prepare_process`)."""
    caches = (search_text.fold_text_cached, is_address, person_record)
    name = NAME + " é"
    search_text.search_text(Parts(core=json.dumps({"name": name}, ensure_ascii=False).encode()))
    is_address("203.0.113.7")
    person_record("203.0.113.7")
    assert all(cache.cache_info().currsize for cache in caches)

    server.erasure.erase.run(_request())

    assert [cache.cache_info().currsize for cache in caches] == [0, 0, 0]


def test_an_answer_before_and_after_counts_the_same_and_the_old_bundle_verifies(
    server: Server,
) -> None:
    keys = {one.entry[50:67] for one in _about(server)}
    segments = server.adapters.segments.segments(ACME)
    before = [server.adapters.archive.gaps(ACME, one, sorted(keys)) for one in segments]

    server.erasure.erase.run(_request(sections=("core", "person", "payload")))

    after = server.adapters.segments.segments(ACME)
    assert [server.adapters.archive.gaps(ACME, one, sorted(keys)) for one in after] == before
    assert [one.run_root for one in after] == [one.run_root for one in segments]
    assert [one.key for one in after] != [one.key for one in segments]
    assert _about(server) == []
    assert server.fsck.run().clean


def test_a_retry_of_an_erased_event_brings_nothing_back(server: Server) -> None:
    server.erasure.erase.run(_request(sections=("core", "person", "payload")))

    reply = _send(server, 1, 220)

    assert (reply.accepted, reply.duplicate) == (0, 219)
    assert _left(Path(server.settings.folder)) == []


def test_a_hold_beats_an_erasure(server: Server) -> None:
    hold = server.erasure.holds.put(
        ACME, f"target:customer/{VICTIM}", "litigation", "CASE-1", CALLER
    )

    assert [one.id for one in server.erasure.erase.plan(_request()).holds] == [hold.id]
    with pytest.raises(HeldError, match="legal hold"):
        server.erasure.erase.run(_request())
    assert len(_left(Path(server.settings.folder))) > 2

    server.erasure.holds.release(ACME, hold.id, CALLER)
    server.erasure.erase.run(_request())
    assert _left(Path(server.settings.folder)) == []


def test_a_hold_on_everything_keeps_quarantined_bytes_too(server: Server) -> None:
    server.erasure.erase.run(_request(mentions=()))
    server.erasure.holds.put(ACME, "", "litigation", "CASE-1", CALLER)

    with pytest.raises(HeldError):
        server.erasure.erase.run(_request())

    assert _left(Path(server.settings.folder)) != []


def test_a_dry_run_changes_nothing(server: Server) -> None:
    folder = Path(server.settings.folder)
    before = {where: data for where, data in _everywhere(folder) if "vitne.db" not in where}

    plan = server.erasure.erase.plan(_request())

    assert plan.segments == 3
    assert {w: d for w, d in _everywhere(folder) if "vitne.db" not in w} == before


def test_a_part_that_goes_without_an_entry_is_tampering(server: Server) -> None:
    victim = _about(server)[-1]
    settings = server.settings
    server.close()
    database = sqlite3.connect(Path(settings.folder) / "vitne.db")
    database.execute(
        "UPDATE record SET person = NULL WHERE pos & ((1 << 40) - 1) = ?", (victim.index,)
    )
    database.commit()
    database.close()

    with open_server(settings, serving=False) as again:
        damages = again.fsck.run().damages

    assert any(one.index == victim.index for one in damages)


def test_a_wish_that_names_nobody_is_refused(server: Server) -> None:
    for changes in (
        {"where": ""},
        {"sections": ()},
        {"basis": ""},
        {"ref": ""},
        {"where": "target:"},
        {"mentions": ("abc",)},
    ):
        with pytest.raises(BadInputError):
            server.erasure.erase.run(_request(**changes))
    with pytest.raises(NotFoundError):
        server.erasure.erase.run(_request(where="", events=(sample_event(5000)["id"],)))


def test_one_event_can_be_erased_by_its_id(server: Server) -> None:
    event = sample_event(5)
    done = server.erasure.erase.run(_request(where="", events=(event["id"],), mentions=()))

    record = server.show.by_id(ACME, parse_uuid(event["id"])).record
    assert len(done.plan.records) == 1
    assert found_event(ACME, record).withheld


def test_what_a_restored_older_file_brings_back_is_erased_again(
    server: Server, tmp_path: Path
) -> None:
    """The database knows of the erasure; files of before it come back with a backup."""
    folder = Path(server.settings.folder)
    shutil.copytree(folder / "objects" / "segments", tmp_path / "old")
    old = server.adapters.segments.segments(ACME)
    server.erasure.erase.run(_request())
    settings = server.settings
    new = server.adapters.segments.segments(ACME)
    server.close()
    shutil.copytree(tmp_path / "old", folder / "objects" / "segments", dirs_exist_ok=True)
    with open_server(settings, serving=False) as back:
        for one, other in zip(new, old, strict=True):
            if one != other:
                back.adapters.segments.replace(ACME, one, other)
        back.adapters.erasure.reopen()
    assert _left(folder) != []

    with open_server(settings):
        pass

    assert _left(folder) == []


def test_what_tells_of_an_erasure_is_not_erased_with_it(server: Server) -> None:
    """It matched the filter too: the log said that the erasure succeeded, and it was refused."""
    request = _request(sections=("core", "payload", "person"), where="-type:zzz", mentions=())

    done = server.erasure.logged.run(request, CALLER)

    assert len(done.plan.records) == 219
    with pytest.raises(BadInputError, match="keep their core"):
        server.erasure.logged.run(request, CALLER)
    told = [row for row in _rows(server) if row.facets.type == "audit.log.erased"]
    assert [row.facets.outcome for row in told] == ["succeeded"]


def _rows(server: Server) -> list[Record]:
    end = server.adapters.store.log(ACME).next_index
    return [
        *server.adapters.archive.records(ACME, LeafIndex(0), end),
        *server.adapters.store.records(ACME, LeafIndex(0), end),
    ]


def test_nobody_erases_that_they_looked(server: Server) -> None:
    """Whoever has an admin key could else read, and have the event of it emptied."""
    LoggedReads(OwnEvents(server.intake.requests, "cli")).asked(
        CALLER, ACME, "who accessed customer/cus_5?"
    )
    own = {"where": "type:audit.log.*", "mentions": ()}

    with pytest.raises(BadInputError, match="keep their core"):
        server.erasure.erase.run(_request(sections=("core", "person"), **own))
    done = server.erasure.erase.run(_request(sections=("person", "payload"), **own))

    assert len(done.plan.records) == 1
    assert server.erasure.erase.plan(
        _request(sections=("core",), where="-type:audit.log.*")
    ).records
