"""Ledgers of signed streams: who holds them, which are taken over, which are followed."""

import stat
from pathlib import Path

import pytest

from vitne.errors import ConfigurationError, ConflictError, DecodeError, NotFoundError
from vitne.sdk.signing.keyfile import (
    index_secret_text,
    make_signing_key,
    read_index_secret,
    read_signing_key,
    write_secret,
)
from vitne.sdk.signing.ledger import Ledger, StreamDescription
from vitne.sdk.signing.orphans import Orphans, ledger_path

VKEY = "crm/bff+00000000+x"


def about(run: str, tenant: str = "acme", vkey: str = VKEY) -> StreamDescription:
    return StreamDescription(run, tenant, f"crm/bff/{run}", vkey, origin="o/log/acme")


def left_behind(folder: Path, run: str, *, opened: bool = True, issued: int = 3) -> Path:
    path = ledger_path(folder, run, 1)
    ledger = Ledger(path, about(run))
    ledger.issue(issued)
    if opened:
        ledger.opened()
    ledger.close()
    return path


def test_a_ledger_is_held_by_one_process_and_is_its_own(tmp_path: Path) -> None:
    path = ledger_path(tmp_path, "run", 1)
    ledger = Ledger(path, about("run"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BlockingIOError):
        Ledger(path)
    ledger.close()
    Ledger(path).close(remove=True)
    assert not path.exists()


@pytest.mark.parametrize("data", [b"", b"x" * 4096, b"vitled1\n" + b"\xff" * 4088])
def test_what_is_no_ledger_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.led"
    path.write_bytes(data)

    with pytest.raises(DecodeError):
        Ledger(path)


def test_the_newest_stream_of_the_tenant_is_followed_once(tmp_path: Path) -> None:
    for run in ("01", "02"):
        left_behind(tmp_path, run)
    orphans = Orphans(tmp_path, "03", VKEY)
    orphans.take_over()

    newest = orphans.to_follow("acme", "o/log/acme")
    assert newest is not None
    assert newest.about.run == "02"
    orphans.named(newest)
    older = orphans.to_follow("acme", "o/log/acme")
    assert older is not None
    assert older.about.run == "01"
    assert orphans.to_follow("globex", "o/log/globex") is None
    assert orphans.to_follow("acme", "another") is None
    orphans.close()


def test_ledgers_of_the_living_of_other_keys_and_of_nothing_are_left_alone(tmp_path: Path) -> None:
    living = Ledger(ledger_path(tmp_path, "01", 1), about("01"))
    Ledger(ledger_path(tmp_path, "02", 1), about("02", vkey="other")).close()
    (tmp_path / "streams" / "03-000001.led").write_bytes(b"damaged")
    orphans = Orphans(tmp_path, "04", VKEY)

    orphans.take_over()

    assert list(orphans.unfinished()) == []
    living.close()
    orphans.close()


def test_a_stream_whose_events_still_wait_is_not_finished(tmp_path: Path) -> None:
    left_behind(tmp_path, "01")
    waiting = tmp_path / "runs" / "01"
    waiting.mkdir(parents=True)
    (waiting / "00000001.seg").write_bytes(b"")
    orphans = Orphans(tmp_path, "02", VKEY)
    orphans.take_over()

    assert list(orphans.unfinished()) == []
    (waiting / "00000001.seg").unlink()
    assert [ledger.about.run for ledger in orphans.unfinished()] == ["01"]
    orphans.close()


def test_a_stream_of_which_nothing_came_is_forgotten(tmp_path: Path) -> None:
    path = left_behind(tmp_path, "01", opened=False, issued=0)
    orphans = Orphans(tmp_path, "02", VKEY)
    orphans.take_over()

    assert list(orphans.unfinished()) == []
    assert not path.exists()


def test_only_the_newest_finished_stream_is_kept(tmp_path: Path) -> None:
    paths = [left_behind(tmp_path, run) for run in ("01", "02")]
    orphans = Orphans(tmp_path, "03", VKEY)
    orphans.take_over()

    for ledger in list(orphans.unfinished()):
        ledger.closed()
        orphans.finished(ledger)

    assert [path.exists() for path in paths] == [False, True]
    orphans.close()


def test_a_private_key_is_made_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "crm.skey"
    made = make_signing_key(path, "crm/crm-bff")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_signing_key(path).vkey == made.vkey
    assert "seed=***" in repr(read_signing_key(path))
    with pytest.raises(ConflictError):
        make_signing_key(path, "crm/crm-bff")


@pytest.mark.parametrize("text", ["", "nonsense", "PRIVATE+KEY+crm/bff+00000000+AAAA"])
def test_what_is_no_private_key_is_refused_without_repeating_it(tmp_path: Path, text: str) -> None:
    write_secret(tmp_path / "k", text)

    with pytest.raises(ConfigurationError) as refused:
        read_signing_key(tmp_path / "k")

    assert not text or text not in str(refused.value)


def test_a_key_file_that_is_missing_or_open_to_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_signing_key(tmp_path / "none")
    write_secret(tmp_path / "k", index_secret_text(b"\x01" * 32))
    assert read_index_secret(tmp_path / "k") == b"\x01" * 32
    (tmp_path / "k").chmod(0o604)
    with pytest.raises(ConfigurationError):
        read_index_secret(tmp_path / "k")
