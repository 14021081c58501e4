"""What a folder promises beyond the port: links, leftovers, compression, modes, a full disk."""

import gzip
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.objects.keys import checked_key, file_name, is_compressed, key_of
from vitne.adapters.objects.scratch import TEMPORARY
from vitne.errors import BadInputError, IntegrityError, ObjectConflictError, StorageError

BUNDLE = "log/acme/tile/entries/x001/255"


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    """Over an empty folder."""
    return FolderObjects(tmp_path / "objects")


def test_full_bundles_are_kept_compressed_and_served_so(
    objects: FolderObjects, tmp_path: Path
) -> None:
    body = b"hashes and times " * 5_000
    objects.put({BUNDLE: body})

    kept = (tmp_path / "objects" / f"{BUNDLE}.gz").read_bytes()

    assert objects.get_gzip(BUNDLE) == kept
    assert gzip.decompress(kept) == body
    assert len(kept) < len(body) / 20


@pytest.mark.parametrize(
    ("key", "compressed"),
    [
        (BUNDLE, True),
        ("tile/entries/000", True),
        ("a/tile/entries/x001/x234/067", True),
        ("log/acme/tile/entries/000.p/17", False),
        ("log/acme/tile/0/000", False),
        ("log/acme/checkpoint", False),
        ("tile/entries/0000", False),
        ("tile/entries/x01/000", False),
        ("mytile/entries/000", False),
    ],
)
def test_only_full_bundles_are_compressed(
    objects: FolderObjects, key: str, *, compressed: bool
) -> None:
    objects.put({key: b"x"})

    assert (objects.get_gzip(key) is not None) == compressed
    assert objects.get(key) == b"x"


def test_equal_bytes_give_equal_files(objects: FolderObjects, tmp_path: Path) -> None:
    """No time of writing stands in a compressed file: copies can be compared."""
    other = FolderObjects(tmp_path / "other")
    objects.put({BUNDLE: b"same"})
    other.put({BUNDLE: b"same"})

    assert objects.get_gzip(BUNDLE) == other.get_gzip(BUNDLE)


_PARTS = st.sampled_from(["a", "a.gz", "..", "tile", "entries", "x001", "000", "001.gz", "000.p"])


@given(st.lists(_PARTS, min_size=1, max_size=5).map("/".join))
def test_every_key_has_a_file_of_its_own(key: str) -> None:
    """The name of its file tells the key again, so no two keys share one."""
    try:
        checked_key(key)
    except BadInputError:
        return

    assert key_of(file_name(key)) == key


def test_the_compressed_file_of_a_bundle_is_no_object(objects: FolderObjects) -> None:
    with pytest.raises(BadInputError):
        objects.put({f"{BUNDLE}.gz": b"x"})
    assert not is_compressed(f"{BUNDLE}.gz")


@pytest.mark.parametrize("damage", [b"", b"no gzip", gzip.compress(b"x" * 100, mtime=0)[:-9]])
def test_a_damaged_bundle_is_an_integrity_error(
    objects: FolderObjects, tmp_path: Path, damage: bytes
) -> None:
    objects.put({BUNDLE: b"x" * 100})
    (tmp_path / "objects" / f"{BUNDLE}.gz").write_bytes(damage)

    with pytest.raises(IntegrityError):
        objects.get(BUNDLE)


def test_a_link_in_the_place_of_an_object_is_not_followed(
    objects: FolderObjects, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "objects" / "a").symlink_to(tmp_path / "secret")

    with pytest.raises(StorageError, match="symbolic link"):
        objects.get("a")
    assert list(objects.keys("")) == []


@pytest.mark.parametrize("write", ["put", "replace"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(
    objects: FolderObjects, tmp_path: Path, write: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_text("theirs")
    (tmp_path / "objects" / "a").symlink_to(outside)

    for call in (
        lambda: objects.get("a/b"),
        lambda: getattr(objects, write)({"a/c": b"x"}),
        lambda: objects.delete(["a/b"]),
        lambda: list(objects.keys("a/")),
    ):
        with pytest.raises(StorageError, match="symbolic link"):
            call()
    assert [path.name for path in outside.iterdir()] == ["b"]


def test_replacing_a_link_replaces_the_link_itself(objects: FolderObjects, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "objects" / "a").symlink_to(tmp_path / "secret")

    objects.replace({"a": b"new"})

    assert (tmp_path / "secret").read_text() == "outside"
    assert objects.get("a") == b"new"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """Where the whole store stands is the operator's choice."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "objects").symlink_to(tmp_path / "disk")

    FolderObjects(tmp_path / "objects").put({"a": b"x"})

    assert (tmp_path / "disk" / "a").read_bytes() == b"x"


def test_an_object_and_a_folder_cannot_share_a_name(objects: FolderObjects) -> None:
    objects.put({"a": b"x", "b/c": b"y"})

    with pytest.raises(ObjectConflictError):
        objects.put({"a/b": b"z"})
    with pytest.raises(ObjectConflictError):
        objects.replace({"b": b"z"})

    assert {key: objects.get(key) for key in objects.keys("")} == {"a": b"x", "b/c": b"y"}


def test_what_a_killed_writer_left_is_removed_and_a_live_one_left_alone(tmp_path: Path) -> None:
    living = FolderObjects(tmp_path)
    living.put({"a": b"x"})
    dead = tmp_path / TEMPORARY / "dead"
    dead.mkdir()
    (dead / "0").write_bytes(b"half")

    FolderObjects(tmp_path).put({"b": b"x"})
    living.put({"c": b"x"})

    assert not dead.exists()
    assert list(living.keys("")) == ["a", "b", "c"]


def test_nothing_temporary_is_left_by_writes_that_failed_or_ended(
    objects: FolderObjects, tmp_path: Path
) -> None:
    objects.put({"a": b"x", "b/c": b"y"})
    with pytest.raises(ObjectConflictError):
        objects.put({"new": b"1", "a/b": b"z"})

    left = [path for path in (tmp_path / "objects" / TEMPORARY).rglob("*") if path.is_file()]
    assert left == []

    objects.close()
    assert list((tmp_path / "objects" / TEMPORARY).iterdir()) == []
    objects.put({"after": b"close"})
    assert objects.get("after") == b"close"


def test_reading_makes_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    assert objects.get("a/b") is None
    assert list(objects.keys("")) == []

    assert list((tmp_path / "objects").iterdir()) == []


def test_emptied_folders_go_with_their_last_object(objects: FolderObjects, tmp_path: Path) -> None:
    """Else every tile would leave the folder of its partials behind."""
    objects.put({"tile/000.p/17": b"x", "tile/000": b"y"})

    objects.delete(["tile/000.p/17"])
    assert sorted(p.name for p in (tmp_path / "objects" / "tile").iterdir()) == ["000"]

    objects.delete(["tile/000"])
    assert not (tmp_path / "objects" / "tile").exists()
    objects.put({"tile/000.p/18": b"z"})
    assert objects.get("tile/000.p/18") == b"z"


def test_strangers_in_the_folder_are_not_listed(objects: FolderObjects, tmp_path: Path) -> None:
    objects.put({"a/b": b"x"})
    (tmp_path / "objects" / "a" / "no key").write_text("x")
    (tmp_path / "objects" / "no key").mkdir()
    os.mkfifo(tmp_path / "objects" / "a" / "pipe")

    assert list(objects.keys("")) == ["a/b"]
    assert objects.get("a/b") == b"x"


def test_only_the_owner_may_read(objects: FolderObjects, tmp_path: Path) -> None:
    objects.put({"a/b": b"x"})

    modes = {
        path.name: stat.S_IMODE((tmp_path / path).stat().st_mode)
        for path in (Path("objects"), Path("objects/a"), Path("objects/a/b"))
    }
    assert modes == {"objects": 0o700, "a": 0o700, "b": 0o600}


_NAMES = st.sampled_from(["a", "b", "a-b", "a.b", "A", "0", "_", "x.gz", "000", "entries", "tile"])


@given(
    st.sets(
        st.lists(_NAMES, min_size=1, max_size=4).map(
            # Folders have names of their own, so that none stands in the place of an object.
            lambda names: "/".join([*(f"{name}-" for name in names[:-1]), names[-1]])
        ),
        max_size=12,
    )
)
def test_keys_are_listed_in_the_order_of_their_text(keys: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        objects = FolderObjects(Path(folder))
        objects.put(dict.fromkeys(keys, b"x"))

        assert list(objects.keys("")) == sorted(keys)


CHILD = Path(__file__).with_name("failing_child.py")


def _is_whole(told: dict[str, Any]) -> bool:
    return told["acknowledged"] > 0 and told["whole"] and told["temporary"] == []


def test_a_full_disk_keeps_whole_batches_and_no_leftovers(
    on_small_disk: Callable[..., Any],
) -> None:
    """A real one of 2 MB; when there is room again, the refused batch is stored."""
    told = on_small_disk(CHILD, "full", size="2m")

    assert _is_whole(told)
    assert told["code"] == "storage"
    assert "full" in told["text"]
    assert "free some space" in told["hint"]


def test_a_file_that_may_not_grow_is_told(in_child: Callable[..., Any]) -> None:
    told = in_child(CHILD, "limited")

    assert _is_whole(told)
    assert told["acknowledged"] == 15
    assert "grow" in told["text"]


def test_a_read_only_folder_is_told_and_still_read(
    without_powers: Callable[..., Any], tmp_path: Path
) -> None:
    FolderObjects(tmp_path / "objects").put({"old": b"here"})
    for path in (tmp_path / "objects" / TEMPORARY, tmp_path / "objects"):
        path.chmod(0o500)

    try:
        body, text, hint = without_powers(CHILD, "put")
    finally:
        for path in (tmp_path / "objects", tmp_path / "objects" / TEMPORARY):
            path.chmod(0o700)

    assert body == "here"
    assert str(tmp_path) in text
    assert "read-only" in hint


def test_bytes_and_names_reach_the_disk_before_a_write_returns(
    objects: FolderObjects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would leave cannot be seen from here, so the calls themselves are watched.

    Every file is fsynced before the first rename (transparency-log §4.2 P6), every folder that
    got a name after the last; a new folder's name is fsynced in its parent too.
    """
    calls: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        calls.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def watched_rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        calls.append(("rename", target))

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    objects.put({"a/b/1": b"x", "a/b/2": b"y", "c": b"z"})

    root = str(tmp_path / "objects")
    renames = [at for at, (call, _) in enumerate(calls) if call == "rename"]
    files = [at for at, (_, path) in enumerate(calls) if f"/{TEMPORARY}/" in path]
    after = {path for _, path in calls[max(renames) + 1 :]}
    assert len(renames) == len(files) == 3
    assert max(files) < min(renames)
    assert after == {root, f"{root}/a/b"}
    assert {root, f"{root}/a"} <= {path for call, path in calls[: max(renames)] if call == "fsync"}

    calls.clear()
    objects.put({"a/b/1": b"x"})
    assert calls == [("fsync", f"{root}/a/b")]

    calls.clear()
    objects.delete(["a/b/1"])
    assert calls == [("fsync", f"{root}/a/b")]
