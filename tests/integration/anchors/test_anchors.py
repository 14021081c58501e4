"""Checkpoints stamped by a real authority, kept, listed and verified."""

import json
from pathlib import Path
from typing import Any

import pytest

from vitne.cli.base.app import run
from vitne.core.values.types import LogId
from vitne.errors import ConfigurationError, UnavailableError, VerificationError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, open_server

ACME = LogId("acme")


def _send(server: Server, first: int, last: int) -> None:
    body = json.dumps([sample_event(n) for n in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(timeout=30)
    while server.publish.rounds.run_once().more:
        pass


def _settings(folder: Path, authority: Any) -> Settings:
    return Settings(
        folder=str(folder / "v"),
        free_bytes_min=0,
        stamp_urls=authority.url,
        stamp_certificates=str(authority.root),
    )


@pytest.fixture
def server(tmp_path: Path, authority: Any) -> Any:
    """A server that writes and publishes when told, over a folder with one log."""
    with open_server(_settings(tmp_path, authority), create=True, serving=False) as found:
        found.writer.create(ACME)
        _send(found, 1, 4)
        yield found


def test_a_checkpoint_is_stamped_once_and_again_when_it_is_due_and_the_log_has_grown(
    server: Server, authority: Any
) -> None:
    first = server.trust.stamps.run_once()
    again = server.trust.stamps.run_once()

    stamp = first.stamps[0]
    assert (len(first.stamps), len(again.stamps), first.failed) == (1, 0, {})
    assert stamp.note == server.publish.files(ACME).checkpoint()
    assert server.trust.stamps.stamps(ACME) == [stamp]
    assert server.trust.stamps.check(stamp, authority.root.read_bytes()).signer == "CN=Test TSA"
    assert len(authority.asked) == 1

    _send(server, 4, 6)
    assert server.trust.stamps.run_once().stamps == []  # the last one is fresh
    assert server.trust.stamps.stamp_now(ACME).stamps[0].size > stamp.size


def test_an_authority_that_is_away_is_told_and_asked_again(server: Server, authority: Any) -> None:
    authority.answers = False
    failed = server.trust.stamps.run_once()
    with pytest.raises(UnavailableError, match="503"):
        server.trust.stamps.stamp_now(ACME)

    authority.answers = True

    assert failed.stamps == []
    assert "503" in failed.failed[authority.url]
    assert len(server.trust.stamps.run_once().stamps) == 1


def test_a_replayed_stamp_is_refused(server: Server, authority: Any) -> None:
    """Of another checkpoint, and of the same one but another question."""
    old = server.trust.stamps.stamp_now(ACME).stamps[0]
    authority.replay = old.token
    with pytest.raises(UnavailableError, match="another question"):
        server.trust.stamps.stamp_now(ACME)

    _send(server, 4, 6)
    with pytest.raises(UnavailableError, match="other bytes"):
        server.trust.stamps.stamp_now(ACME)
    assert server.trust.stamps.stamps(ACME) == [old]


def test_a_kept_stamp_over_another_checkpoint_does_not_verify(
    server: Server, authority: Any
) -> None:
    stamp = server.trust.stamps.stamp_now(ACME).stamps[0]
    key = stamp.key.rpartition("/")[0] + "/checkpoint"
    server.adapters.objects.replace({key: stamp.note.replace("\n7\n", "\n8\n").encode() + b"x"})

    changed = server.trust.stamps.stamps(ACME)[0]

    assert changed.note != stamp.note
    with pytest.raises(VerificationError, match="other bytes"):
        server.trust.stamps.check(changed, authority.root.read_bytes())


def test_without_an_authority_nothing_is_stamped_and_asking_says_why(tmp_path: Path) -> None:
    settings = Settings(folder=str(tmp_path / "v"), free_bytes_min=0)
    with open_server(settings, create=True) as server:
        server.writer.create(ACME)

        assert server.trust.stamps.run_once().stamps == []
        with pytest.raises(ConfigurationError, match="no time-stamp authority"):
            server.trust.stamps.stamp_now(ACME)


@pytest.mark.parametrize("urls", ["ftp://a", "tsa.example", "http://a,http://b,c"])
def test_an_address_that_is_none_stops_the_start(tmp_path: Path, urls: str) -> None:
    settings = Settings(folder=str(tmp_path / "v"), free_bytes_min=0, stamp_urls=urls)

    with pytest.raises(ConfigurationError):
        open_server(settings, create=True)


def test_the_verb_stamps_lists_verifies_and_checks_files(
    tmp_path: Path, server: Server, authority: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "v")
    (tmp_path / "v" / "vitne.toml").write_text(
        f'stamp_urls = "{authority.url}"\nstamp_certificates = "{authority.root}"\n'
        "free_bytes_min = 0\n"
    )
    root = str(authority.root)

    assert run(["anchor", "now", "acme", "--folder", folder, "--json"]) == 0
    stamp = json.loads(capsys.readouterr().out)["stamps"][0]
    assert stamp["signer"] == "CN=Test TSA"
    assert run(["anchor", "list", "acme", "--folder", folder]) == 0
    assert run(["anchor", "verify", "acme", "--certificates", root, "--folder", folder]) == 0
    assert "1 stamp verified" in capsys.readouterr().out

    found = server.trust.stamps.stamps(ACME)[0]
    (tmp_path / "a.tsr").write_bytes(found.token)
    (tmp_path / "a.note").write_text(found.note)
    (tmp_path / "b.note").write_text(found.note + "x")
    files = [str(tmp_path / "a.tsr"), str(tmp_path / "a.note")]
    other = [str(tmp_path / "a.tsr"), str(tmp_path / "b.note")]
    assert run(["anchor", "check", *files, "--certificates", root]) == 0
    assert run(["anchor", "check", *other, "--certificates", root]) == 1
    assert run(["anchor", "now", "nobody", "--folder", folder]) == 3
