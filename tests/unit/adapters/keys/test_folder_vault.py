"""What the vault in a folder promises beyond the port: modes, backups, and what was swapped."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vitne.adapters.clock import SystemIds
from vitne.adapters.keys.vault import FolderVault
from vitne.core.values.types import LogId, Origin
from vitne.errors import BadInputError, ConfigurationError, IntegrityError, StorageError
from vitne.testing import SeededIds

ACME, BETA = LogId("acme"), LogId("beta")


def _make(folder: Path) -> FolderVault:
    return FolderVault(folder, SystemIds(), create=True)


def _reopen(folder: Path) -> FolderVault:
    return FolderVault(folder, SystemIds())


def test_seeds_are_derived_as_written_down(tmp_path: Path) -> None:
    """So that they can be had again from the master secret by any tool."""
    vault = _make(tmp_path / "keys")
    master = (tmp_path / "keys" / "master.key").read_bytes()

    info = b"vitne-seed/v1" + b"receipt" + b"\0" + b"vitne.test/log/acme"
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)

    assert vault.seed(Origin("vitne.test/log/acme"), "receipt") == expected


def test_the_files_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    vault = _make(tmp_path / "keys")
    vault.create_index_secret(ACME, 1)
    vault.create_index_secret(ACME, 2)
    vault.destroy_index_secret(ACME, 2)

    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "keys", *(tmp_path / "keys").rglob("*"))
    }
    assert modes == {
        "keys": 0o700,
        "keys/master.key": 0o600,
        "keys/index": 0o700,
        "keys/index/acme": 0o700,
        "keys/index/acme/1": 0o600,
        "keys/index/acme/2.destroyed": 0o600,
    }


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620])
def test_a_master_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    _make(tmp_path / "keys")
    (tmp_path / "keys" / "master.key").chmod(mode)

    for create in (False, True):
        with pytest.raises(ConfigurationError, match=f"{mode:04o}") as caught:
            FolderVault(tmp_path / "keys", SystemIds(), create=create)
        assert "chmod 0600" in caught.value.hint


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    _make(tmp_path / "keys")
    (tmp_path / "keys").chmod(0o755)

    with pytest.raises(ConfigurationError, match="0755") as caught:
        _reopen(tmp_path / "keys")
    assert "chmod 0700" in caught.value.hint


def test_a_master_secret_behind_a_link_is_refused(tmp_path: Path) -> None:
    _make(tmp_path / "keys")
    path = tmp_path / "keys" / "master.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="link"):
        _reopen(tmp_path / "keys")


def test_no_keys_are_made_unless_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no master secret") as caught:
        _reopen(tmp_path / "keys")

    assert "vitne init" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_making_again_keeps_the_secret(tmp_path: Path) -> None:
    seeds = [_make(tmp_path / "keys").seed(Origin("o"), "log") for _ in range(2)]

    assert seeds[0] == seeds[1]


def test_a_lost_master_secret_is_not_made_anew(tmp_path: Path) -> None:
    """A new one would sign the old logs with other keys, and open none of the index secrets."""
    _make(tmp_path / "keys").create_index_secret(ACME, 1)
    (tmp_path / "keys" / "master.key").unlink()

    with pytest.raises(ConfigurationError, match="gone") as caught:
        _make(tmp_path / "keys")
    assert "backup" in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"x" * 31, b"x" * 33])
def test_a_master_secret_of_another_length_is_refused(tmp_path: Path, body: bytes) -> None:
    _make(tmp_path / "keys")
    (tmp_path / "keys" / "master.key").write_bytes(body)

    with pytest.raises(ConfigurationError, match="expected 32"):
        _reopen(tmp_path / "keys")


def test_an_index_secret_is_not_stored_in_the_clear(tmp_path: Path) -> None:
    key = _make(tmp_path / "keys").create_index_secret(ACME, 1)

    assert key not in (tmp_path / "keys" / "index" / "acme" / "1").read_bytes()


@pytest.mark.parametrize("place", [0, 12, -1])
def test_a_changed_index_secret_is_an_integrity_error(tmp_path: Path, place: int) -> None:
    vault = _make(tmp_path / "keys")
    vault.create_index_secret(ACME, 1)
    path = tmp_path / "keys" / "index" / "acme" / "1"
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(body)

    with pytest.raises(IntegrityError):
        vault.index_secret(ACME, 1)


@pytest.mark.parametrize("body", [b"", b"short"])
def test_a_cut_index_secret_is_an_integrity_error(tmp_path: Path, body: bytes) -> None:
    vault = _make(tmp_path / "keys")
    vault.create_index_secret(ACME, 1)
    (tmp_path / "keys" / "index" / "acme" / "1").write_bytes(body)

    with pytest.raises(IntegrityError):
        vault.index_secret(ACME, 1)


@pytest.mark.parametrize("other", [(ACME, 2), (BETA, 1)])
def test_index_secrets_cannot_change_places(tmp_path: Path, other: tuple[LogId, int]) -> None:
    vault = _make(tmp_path / "keys")
    vault.create_index_secret(ACME, 1)
    vault.create_index_secret(*other)
    folder = tmp_path / "keys" / "index"
    (folder / other[0] / str(other[1])).replace(folder / "acme" / "1")

    with pytest.raises(IntegrityError):
        vault.index_secret(ACME, 1)


def test_a_destruction_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    """Killed between its two steps, it leaves the mark and the key."""
    vault = _make(tmp_path / "keys")
    vault.create_index_secret(ACME, 1)
    (tmp_path / "keys" / "index" / "acme" / "1.destroyed").touch(mode=0o600)

    vault.destroy_index_secret(ACME, 1)

    assert not (tmp_path / "keys" / "index" / "acme" / "1").exists()


@pytest.mark.parametrize(
    ("log", "epoch"), [("../x", 1), ("a/b", 1), ("", 1), (".", 1), ("Acme", 1), ("acme", -1)]
)
def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path, log: str, epoch: int) -> None:
    vault = _make(tmp_path / "keys")

    for call in (vault.index_secret, vault.create_index_secret, vault.destroy_index_secret):
        with pytest.raises(BadInputError):
            call(LogId(log), epoch)


def test_randomness_comes_from_the_port(tmp_path: Path) -> None:
    keys = [
        FolderVault(tmp_path / name, SeededIds("one"), create=True).create_index_secret(ACME, 1)
        for name in ("a", "b")
    ]

    assert keys[0] == keys[1]


def test_what_the_system_refuses_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError) as caught:
        _make(tmp_path / "file" / "keys")

    assert "owner and mode" in caught.value.hint
