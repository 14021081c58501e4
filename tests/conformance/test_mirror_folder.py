"""Every sentence of `vitne.ports.MirrorFolder`."""

from pathlib import Path

import pytest

from vitne.adapters.mirror.folder import PlainFolder
from vitne.errors import BadInputError, ConflictError
from vitne.ports import MirrorFolder


@pytest.fixture
def folder(tmp_path: Path) -> MirrorFolder:
    return PlainFolder(tmp_path / "copy")


def test_what_was_put_is_read_again_and_overwritten(folder: MirrorFolder) -> None:
    folder.put({"checkpoint": b"one", "tile/0/000.p/5": b"hashes"})
    folder.put({"checkpoint": b"two"})

    assert folder.get("checkpoint") == b"two"
    assert folder.get("tile/0/000.p/5") == b"hashes"


def test_a_file_has_the_time_that_it_was_given(folder: MirrorFolder, tmp_path: Path) -> None:
    folder.put({"checkpoint": b"one"}, 1_764_000_000_000_000)

    assert (tmp_path / "copy/checkpoint").stat().st_mtime_ns == 1_764_000_000_000_000_000


def test_a_name_that_is_no_file_reads_as_none(folder: MirrorFolder) -> None:
    folder.put({"tile/0/000": b"hashes"})

    assert folder.get("tile/1/000") is None
    assert folder.get("tile/0") is None
    assert folder.get("tile/0/000/1") is None


def test_files_move_over_others_and_those_that_are_gone_are_passed_over(
    folder: MirrorFolder,
) -> None:
    folder.put({"a/b": b"new", "c": b"old"})

    folder.move([("a/b", "c"), ("a/none", "d")])

    assert (folder.get("c"), folder.get("d"), folder.get("a/b")) == (b"new", None, None)


def test_deleting_what_is_missing_is_no_error(folder: MirrorFolder) -> None:
    folder.put({"a": b"1"})

    folder.delete(["a", "b"])

    assert folder.get("a") is None


def test_names_are_listed_in_order_without_what_a_killed_writer_left(
    folder: MirrorFolder, tmp_path: Path
) -> None:
    folder.put({"in/b": b"", "in/a/c": b"", "out": b""})
    (tmp_path / "copy/in/b.fresh").write_bytes(b"half")

    assert list(folder.names("in/")) == ["in/a/c", "in/b"]
    assert list(folder.names("nothing/")) == []


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "a/../b", ".", "a\n", "", "ø", "a" * 401])
def test_a_name_that_could_lead_elsewhere_is_refused(folder: MirrorFolder, name: str) -> None:
    with pytest.raises(BadInputError):
        folder.put({name: b""})


def test_links_are_not_followed(folder: MirrorFolder, tmp_path: Path) -> None:
    (tmp_path / "copy/link").symlink_to(tmp_path)

    with pytest.raises(ConflictError):
        folder.put({"link/a": b""})
    with pytest.raises(ConflictError):
        folder.get("link/a")
