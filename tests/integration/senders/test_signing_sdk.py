"""The SDK signs: with a real server, and processes that die at the worst moment."""

import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry.keys import stream_id
from vitne.errors import ConfigurationError, EventRefusedError
from vitne.sdk.signing.keyfile import index_secret_text, write_secret

WAIT_S = 60.0
ORIGIN = "vitne.local/log/acme"


def record(audit: Any, count: int) -> list[str]:
    return [
        audit.record("crm.customer.viewed", actor="u", target=f"customer/c{at}").id
        for at in range(count)
    ]


def logged(served: Any) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = served.get("/v1/events", q="type:crm.*", limit="200", cursor=cursor)
        ids += [row["event"]["id"] for row in page["events"]]
        cursor = page["next"]
        if not cursor:
            return ids[::-1]


def stream_of(served: Any, number: int) -> Any:
    return sorted(served.streams(), key=lambda one: str(one["name"]))[number]


def test_every_event_is_signed_and_the_stream_ends_cleanly(served: Any, fsck: Any) -> None:
    with served.client(batch_max_events=100) as audit:
        ids = record(audit, 250)
        assert audit.flush(WAIT_S)
        assert audit.receipt(ids[120]) is not None

    [stream] = served.streams()
    assert (stream["mode"], stream["status"], stream["missing"]) == ("body", "closed", 0)
    assert stream["last"] == 251  # and the stream's own last word
    assert logged(served) == ids
    shown = served.get(f"/v1/events/{ids[0]}")["shown"]
    assert len(shown["record"]["signed_by"]) == 8
    assert fsck(served) == []


def test_with_the_index_secret_the_lookup_keys_are_signed_too(
    served: Any, tmp_path: Path, run_verb: Any, fsck: Any
) -> None:
    key = tmp_path / "acme.key"
    run_verb("key", "source", "index-secret", "acme", str(key), "--folder", str(served.folder))

    with served.client(index_secrets={"acme": key}) as audit:
        record(audit, 20)
        assert audit.flush(WAIT_S)

    assert served.streams()[0]["mode"] == "full"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert fsck(served) == []


def test_what_is_left_out_is_filled_in_before_it_is_signed(served: Any) -> None:
    with served.client(issuer="https://id.example") as audit:
        one = audit.record(
            "crm.customer.viewed",
            actor={"id": "u", "name": "e\u0301", "auth": {"method": "oidc"}},
            target="customer/c1",
            outcome="denied:not_owner",
            extra={"note": "card 4111 1111 1111 1111"},
            durable=True,
        )

    shown = served.get(f"/v1/events/{one.id}")["shown"]
    assert one.kept == "logged"
    assert "filled" not in shown["record"]
    assert shown["event"]["severity"] == "warning"
    assert shown["event"]["targets"][0]["role"] == "object"
    assert shown["event"]["actor"]["name"] == "\u00e9"
    assert "4111" not in shown["event"]["extra"]["note"]
    assert shown["event"]["redactions"]


def test_what_cannot_be_signed_gets_no_number_and_is_kept(served: Any) -> None:
    with served.client() as audit:
        refused = audit.record("crm.customer.viewed", actor="per@vendor.example", target="a/b")
        with pytest.raises(EventRefusedError):
            audit.record("nonsense", actor="u", durable=True)
        record(audit, 1)

    assert (refused.kept, audit.stats().invalid) == ("refused", 2)
    assert len(next(served.spool.glob("*/rejected.jsonl")).read_bytes().splitlines()) == 2
    assert stream_of(served, 0)["missing"] == 0


def test_the_log_may_refuse_one_event_and_the_others_go_on(
    served: Any, run_verb: Any, fsck: Any
) -> None:
    words = ["--role", "write", "--source", "crm/crm-bff", "--no-may-assert", "--tenant", "acme"]
    made = run_verb("key", "add", "strict", *words, "--folder", str(served.folder))
    served.writer = made["key"]

    with served.client(attribution="token", batch_max_age_s=5.0) as audit:
        ids = record(audit, 3)
        sly = {"id": "u", "attribution": "asserted"}
        audit.record("crm.customer.viewed", actor=sly, target="customer/c")
        ids += record(audit, 3)
        assert audit.flush(WAIT_S)
        assert audit.stats().rejected == 1

    assert logged(served) == ids
    assert (stream_of(served, 0)["missing"], stream_of(served, 0)["voided"]) == (0, 1)
    assert fsck(served) == []


def test_a_stream_that_is_quiet_for_long_is_closed_and_the_next_event_begins_another(
    served: Any,
) -> None:
    with served.client(stream_idle_s=0.0, beat_s=1) as audit:
        record(audit, 2)
        assert audit.flush(WAIT_S)
        while served.streams()[0]["status"] != "closed":
            pass
        record(audit, 1)
        assert audit.flush(WAIT_S)

    first, second = (stream_of(served, number) for number in (0, 1))
    assert second["name"] == f"{first['name']}/2"
    assert (first["last"], second["missing"]) == (2, 0)


def test_heartbeats_say_how_far_a_living_sender_is(served: Any) -> None:
    with served.client(beat_s=1) as audit:
        record(audit, 1)
        assert audit.flush(WAIT_S)
        seen = served.streams()[0]["last_seen"]

        while served.streams()[0]["last_seen"] == seen:
            pass

        assert served.streams()[0]["status"] == "open"


@pytest.mark.parametrize("sent", [0, 10])
@pytest.mark.crash
def test_what_was_numbered_and_died_with_the_process_is_told_by_the_next_run(
    served: Any, sent: int, fsck: Any
) -> None:
    status, ids = served.application("numbered", sent, 5)
    assert status == -signal.SIGKILL

    with served.client() as audit:
        record(audit, 1)
        assert audit.flush(WAIT_S)
        while len(served.streams()) < 2 or stream_of(served, 0)["status"] == "open":
            pass

    dead, alive = stream_of(served, 0), stream_of(served, 1)
    assert (dead["last"], dead["missing"], dead["voided"]) == (sent + 5, 0, 5)
    assert dead["status"] == "closed"
    assert logged(served)[:sent] == ids
    assert alive["status"] == "closed"
    assert fsck(served) == []


@pytest.mark.crash
def test_a_sender_killed_before_the_answer_sends_the_same_batch_and_nothing_twice(
    served: Any, fsck: Any
) -> None:
    status, ids = served.application("answered")
    assert status == -signal.SIGKILL
    before = logged(served)

    with served.client() as audit:
        while audit.stats().adopted < 20:
            pass
        assert audit.stats().duplicate == 20
        assert audit.receipt(ids[7]) is not None
        while stream_of(served, 0)["status"] != "closed":
            pass

    assert before == ids
    assert logged(served) == ids
    assert stream_of(served, 0)["missing"] == 0
    assert fsck(served) == []


@pytest.mark.crash
def test_a_sender_killed_between_numbering_and_sending_loses_nothing_that_it_spooled(
    served: Any, fsck: Any
) -> None:
    served.kill()
    status, ids = served.application("away", 100)
    assert status == -signal.SIGKILL
    served.start()

    with served.client() as audit:
        while audit.stats().adopted < 100:
            assert audit.flush(WAIT_S)
        record(audit, 1)
        assert audit.flush(WAIT_S)

    assert logged(served)[:100] == ids
    dead, after = stream_of(served, 0), stream_of(served, 1)
    assert (dead["last"], dead["missing"], dead["voided"]) == (100, 0, 0)
    assert after["missing"] == 0
    assert fsck(served) == []


@pytest.mark.crash
def test_a_server_killed_in_mid_flight_has_every_signed_event_once(served: Any, fsck: Any) -> None:
    ids: list[str] = []
    with served.client(batch_max_events=50) as audit:
        for _ in range(3):
            ids += record(audit, 600)
            seen = audit.stats().requests
            while audit.stats().requests <= seen and not audit.stats().away:
                pass  # until a batch has just been answered: the next one is under way
            served.kill()
            ids += record(audit, 1)
            served.start()
        assert audit.flush(WAIT_S)

    assert logged(served) == ids
    assert stream_of(served, 0)["missing"] == 0
    assert fsck(served) == []


def test_the_next_run_names_the_one_before(served: Any) -> None:
    for _ in range(2):
        with served.client() as audit:
            record(audit, 3)
            assert audit.flush(WAIT_S)

    first, second = stream_of(served, 0), stream_of(served, 1)
    assert first["stream"] == stream_id(ORIGIN, "crm/crm-bff", first["name"]).hex()
    assert (first["status"], second["status"]) == ("closed", "closed")
    assert len(list(served.spool.glob("*/streams/*.led"))) == 1  # for the next one to name


def test_a_private_key_that_others_may_read_is_not_used(served: Any) -> None:
    served.key_file.chmod(0o640)

    with pytest.raises(ConfigurationError, match="others may read"):
        served.client()


def test_the_key_of_another_source_is_not_used(served: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="this client is crm/other"):
        served.client(service="other")
    write_secret(tmp_path / "k", index_secret_text(b"short"))
    with pytest.raises(ConfigurationError, match="no index secret"):
        served.client(index_secrets={"acme": tmp_path / "k"})
