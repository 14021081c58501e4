"""The command line against a real server: from an empty folder to a verified record."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

VITNE = [sys.executable, "-m", "vitne"]


class Place:
    """A folder with a server, and a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200"}
        self.url = ""
        self._server: subprocess.Popen[str] | None = None

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Call a verb."""
        return subprocess.run(  # noqa: S603  # our own program
            [*VITNE, *words],
            cwd=self.folder,
            env=self.environ | ({"VITNE_URL": self.url} if self.url else {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *words: str, stdin: str = "") -> Any:
        """Call a verb that must succeed, and read its document."""
        done = self.run(*words, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self) -> None:
        """Serve, and wait for the line that says so."""
        self._server = subprocess.Popen(  # noqa: S603  # our own program
            [*VITNE, "serve", "--port", "0", "--json"],
            cwd=self.folder,
            env=self.environ,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert self._server.stderr
        seen = []
        for line in self._server.stderr:
            seen.append(line)
            found = re.search(r'"port": ?(\d+)', line)
            if found:
                self.url = f"http://127.0.0.1:{found[1]}"
                return
        self.end()
        pytest.fail("".join(seen))

    def stop(self) -> None:
        """Ask the server to end, as a service manager does."""
        if self._server:
            self._server.send_signal(signal.SIGTERM)
            _, told = self._server.communicate(timeout=60)
            assert self._server.returncode == 0, told
            self._server = None
            self.url = ""

    def end(self) -> None:
        """Whatever the test left running ends here."""
        if self._server:
            self._server.kill()
            self._server.communicate()
            self._server = None


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    """A folder of its own, with the tenant acme, not served yet."""
    made = Place(tmp_path)
    made.json("init", "--tenant", "acme")
    yield made
    made.end()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A served folder with the tenant acme."""
    made = Place(tmp_path_factory.mktemp("place"))
    made.json("init", "--tenant", "acme")
    made.start()
    yield made
    try:
        made.stop()
    finally:
        made.end()


def _send(place: Place, *words: str) -> str:
    """Send one event; its id."""
    sent = place.json("send", "--type", "crm.customer.viewed", "--target", "customer/cus_1", *words)
    assert sent["counts"] == {"accepted": 1}
    return str(sent["results"][0]["id"])


def _log_key(place: Place) -> str:
    """The key of the log, as its owner would publish it."""
    proof = place.json("prove", _send(place, "--actor", "usr_1"), "-o", "any.json")
    return str(proof["key"])


def test_an_event_sent_from_its_flags_is_shown_proved_and_verified(place: Place) -> None:
    """The newcomer's five minutes."""
    event_id = _send(place, "--actor", "usr_77", "--set", "actor.name=Kari Nordmann")

    shown = place.json("show", event_id)
    proved = place.json("prove", event_id, "-o", "proof.json")
    verified = place.json("verify", "proof.json", "--trust", proved["key"])

    assert shown["shown"]["event"]["actor"]["name"] == "Kari Nordmann"
    assert shown["checked"].startswith("verified: ")
    assert verified["verified"]
    assert verified["event"] == shown["shown"]["event"]
    assert verified["index"] == shown["shown"]["index"] == proved["index"]


def test_a_proof_verifies_after_the_server_has_gone(fresh: Place) -> None:
    """With nothing but the file and the key; the folder passes fsck."""
    place = fresh
    place.start()
    event_id = _send(place, "--actor", "usr_77")
    key = place.json("prove", event_id, "-o", "proof.json")["key"]
    assert place.run("prove", event_id, "-o", "-").stdout.startswith('{"checkpoint":')
    place.stop()

    assert place.json("verify", "proof.json", "--trust", key)["trust"] == "given"
    assert place.json("fsck")["clean"] is True


def test_a_section_can_be_withheld_and_the_rest_verifies(place: Place) -> None:
    """Of the same event, so that what is withheld was there."""
    event_id = _send(place, "--actor", "usr_77", "--set", "actor.name=Kari Nordmann")

    place.json("prove", event_id, "-o", "whole.json")
    place.json("prove", event_id, "--withhold", "person", "-o", "less.json")
    verified = place.json("verify", "less.json")

    assert "Kari" in (place.folder / "whole.json").read_text()
    assert "Kari" not in (place.folder / "less.json").read_text()
    assert verified["withheld"] == ["person"]


def test_a_tlog_proof_verifies_with_the_key_of_the_log(place: Place) -> None:
    """As any C2SP verifier would read it."""
    event_id = _send(place, "--actor", "usr_77")

    place.json("prove", event_id, "--tlog-proof", "-o", "entry.tlog-proof")

    assert place.json("verify", "entry.tlog-proof", "--trust", _log_key(place))["verified"]


def test_one_changed_letter_is_told_by_its_rule(place: Place) -> None:
    """Exit status 1."""
    event_id = _send(place, "--actor", "usr_77", "--set", "actor.name=Kari Nordmann")
    place.json("prove", event_id, "-o", "proof.json")
    file = place.folder / "proof.json"
    file.write_text(file.read_text().replace("Kari", "Karl"))

    done = place.run("verify", "proof.json")

    assert done.returncode == 1
    assert "rule body_root fails" in done.stderr


def test_what_was_sent_is_found_newest_first(place: Place) -> None:
    """By the filter language; every page together holds each event once."""
    ids = [_send(place, "--actor", "usr_findme") for _ in range(5)]

    page = place.json("search", "actor:usr_findme")
    first = place.json("search", "actor:usr_findme", "--limit", "2")
    second = place.json("search", "actor:usr_findme", "--limit", "5", "--cursor", first["next"])

    assert [event["id"] for event in page["events"]] == ids[::-1]
    assert (page["total"], page["total_is"], page["next"]) == (5, "exact", "")
    assert [e["id"] for e in first["events"] + second["events"]] == ids[::-1]


def test_a_search_tells_how_many_of_what_and_when(place: Place) -> None:
    """Facets and a histogram, for people too."""
    _send(place, "--actor", "usr_counted")

    page = place.json("search", "actor:usr_counted", "--facets", "type", "--histogram", "5")
    told = place.run("search", "actor:usr_counted", "--facets", "type", "--histogram", "5").stdout

    assert page["facets"]["type"]["values"] == {"crm.customer.viewed": 1}
    assert sum(page["histogram"]["counts"]) == 1
    assert "1 of 1 event; searched all" in told
    assert "\u2588" in told


def test_all_events_come_one_a_line(place: Place) -> None:
    """However many pages that takes."""
    lines = _lines(450, start=70_000).replace("crm.customer.viewed", "crm.order.updated")
    place.json("send", "-", stdin=lines)

    done = place.run("search", "type:crm.order.updated", "--all", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]

    assert len({event["id"] for event in found}) == len(found) == 450
    indices = [event["index"] for event in found]
    assert indices == sorted(indices, reverse=True)


def test_reading_stands_in_the_log_with_its_purpose(place: Place) -> None:
    """Nobody reads unseen."""
    event_id = _send(place, "--actor", "usr_watched")
    place.json("show", event_id, "--purpose", "support_case:CASE-9917")

    page = place.json("search", f"type:audit.log.viewed target:event/{event_id}")

    assert len(page["events"]) == 1
    purpose = page["events"][0]["event"]["purpose"]
    assert (purpose["code"], purpose["reference"]) == ("support_case", "CASE-9917")


def test_a_filter_that_does_not_parse_is_told_with_its_place(place: Place) -> None:
    """Status 2."""
    done = place.run("search", "actor:usr_1 (")

    assert done.returncode == 2
    assert "at: column" in done.stderr


def _lines(count: int, start: int = 0) -> str:
    events = (
        {"type": "crm.customer.viewed", "actor": {"id": f"usr_{n}"}, "target": f"customer/c_{n}"}
        for n in range(start, start + count)
    )
    return "".join(json.dumps(event) + "\n" for event in events)


def test_a_file_sent_twice_is_stored_once(place: Place) -> None:
    """Its events have no ids: they derive from the file."""
    (place.folder / "events.ndjson").write_text(_lines(2_300))

    first = place.json("send", "events.ndjson")
    again = place.json("send", "events.ndjson")

    assert first["counts"] == {"accepted": 2_300}
    assert again["counts"] == {"duplicate": 2_300}
    indices = [[result["index"] for result in sent["results"]] for sent in (first, again)]
    assert indices[0] == indices[1]


def test_events_come_from_standard_input_too(place: Place) -> None:
    """As NDJSON, and as an array."""
    array = json.dumps([json.loads(line) for line in _lines(3, start=50_000).splitlines()])

    assert place.json("send", "-", stdin=_lines(2, start=40_000))["counts"] == {"accepted": 2}
    assert place.json("send", "-", stdin=array)["counts"] == {"accepted": 3}


def test_receipts_are_kept(place: Place) -> None:
    """Each with the ids that it is for."""
    event_id = _send(place, "--actor", "usr_77", "--receipts", "kept.ndjson")
    kept = json.loads((place.folder / "kept.ndjson").read_text())

    assert kept["ids"] == [event_id]
    assert kept["receipt"].startswith("vitne-receipt/v1\n")


def test_a_rejected_event_is_told_with_every_fault(place: Place) -> None:
    """Status 1, in a file and by itself, though the server answers the latter with a problem."""
    good, bad = _lines(1, start=60_000), '{"type":"Nonsense","actor":{"id":7}}\n'

    one = place.run("send", "-", stdin=bad)
    both = place.run("send", "-", stdin=good + bad)

    flags = place.run("send", "--type", "Nonsense", "--actor", "usr_1", "--json")

    assert (one.returncode, one.stderr) == (1, "")
    assert "1 rejected" in one.stdout
    assert "wrong_type at $.actor.id: expected" in one.stdout
    assert flags.returncode == 1
    assert json.loads(flags.stdout)["results"][0]["problems"]
    assert both.returncode == 1
    assert "1 accepted, 1 rejected" in both.stdout
    assert "wrong_type at $.actor.id" in both.stdout


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("show", "0190a000-0000-7000-8000-000000000000"), 3, "no event of that id"),
        (("show", "nonsense"), 2, "expected a UUID"),
        (("show", "0190a000-0000-7000-8000-000000000000", "--api-key", "vk_no"), 4, "key"),
        (("show", "x", "--url", "http://127.0.0.1:1"), 6, "does not answer"),
        (("show", "x", "--url", "nonsense://x"), 7, "not an address of a server"),
        (("send",), 2, "nothing to send"),
        (("send", "missing.json"), 2, "cannot read the file"),
    ],
)
def test_what_goes_wrong_is_a_sentence_with_a_status(
    place: Place, words: Sequence[str], status: int, sentence: str
) -> None:
    """And never a traceback."""
    done = place.run(*words)

    assert (done.returncode, done.stdout) == (status, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_id_that_is_taken_by_another_event_is_a_rejected_event(place: Place) -> None:
    """The server answers 409."""
    event_id = _send(place, "--actor", "usr_77")

    done = place.run("send", "--type", "crm.order.updated", "--actor", "usr_1", "--id", event_id)

    assert done.returncode == 1
    assert "id_conflict at $.id" in done.stdout


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("tenant", "list"), ("init",)])
def test_lost_keys_are_to_be_restored_and_never_made_anew(
    fresh: Place, words: Sequence[str]
) -> None:
    """Whether or not client.toml is left, from which init knows the folder."""
    data = fresh.folder / "vitne-data"
    shutil.rmtree(data / "keys")
    (data / "client.toml").unlink()

    done = fresh.run(*words)

    assert done.returncode == 7
    assert "its keys are gone" in done.stderr
    assert "restore `keys/` from the backup" in done.stderr
    assert "never run `vitne init`" in done.stderr
    assert not (data / "keys").exists()


def test_damage_on_disk_is_told_with_its_file_and_status_1(fresh: Place) -> None:
    """One byte of one tile."""
    fresh.start()
    _send(fresh, "--actor", "usr_77")
    fresh.stop()
    tile = next((fresh.folder / "vitne-data/objects/log/acme/tile/0").rglob("*.p/*"))
    data = tile.read_bytes()
    tile.write_bytes(bytes([data[0] ^ 1]) + data[1:])

    done = fresh.run("fsck")

    assert done.returncode == 1
    assert "tile/0/000.p" in done.stdout
    assert "damaged" in done.stdout


def test_the_small_benchmark_measures_every_step(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    place = Place(tmp_path)

    figures = place.json("bench", "--events", "1000", "--folder", str(tmp_path))["figures"]

    assert {"bulk intake, durable", "verify one proof", "search by actor", "fsck"} <= {
        figure["what"] for figure in figures
    }
    assert all(figure["value"] > 0 for figure in figures if figure["unit"] != "ms")
    assert list(tmp_path.iterdir()) == []
