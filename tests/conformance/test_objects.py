"""Objects by key: immutable ones, mutable ones, and what is no key."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from vitne.errors import BadInputError, ObjectConflictError
from vitne.ports import ObjectStore

BUNDLE = "log/acme/tile/entries/x001/255"
PARTIAL = "log/acme/tile/entries/x001/256.p/17"

NO_KEYS = [
    *("", "/", "a/", "/a", "a//b", ".", "..", "a/.", "a/..", "../a", "./a", "a/../b", "a b"),
    *("a\n", "a\x00", "å", "a\\b", "~tmp", "a:b", "a" * 401, "a/" * 200 + "b", "a?", "\u0661"),
]
KEYS = ["a", "...", ".a", "a.", "-", "_", "A-Z.0_9", "a/b/c", "a/..b/c", "a" * 200, BUNDLE, PARTIAL]


def test_an_object_that_was_never_stored_is_none(objects: ObjectStore) -> None:
    assert objects.get("a") is None
    assert objects.get("a/b/c") is None
    assert objects.get(BUNDLE) is None


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 40_000], ids=["empty", "long"])
def test_bytes_come_back_as_they_were_put(objects: ObjectStore, key: str, body: bytes) -> None:
    objects.put({key: body})

    assert objects.get(key) == body
    assert list(objects.keys("")) == [key]


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_is_refused_by_every_call(objects: ObjectStore, key: str) -> None:
    for call in (
        lambda: objects.get(key),
        lambda: objects.get_all(["a", key]),
        lambda: objects.put({key: b""}),
        lambda: objects.replace({key: b""}),
        lambda: objects.delete([key]),
    ):
        with pytest.raises(BadInputError):
            call()
    assert list(objects.keys("")) == []


def test_a_batch_is_stored_whole(objects: ObjectStore) -> None:
    batch = {f"log/{n % 7}/tile/{n}": bytes([n]) * n for n in range(200)}

    objects.put(batch)

    assert {key: objects.get(key) for key in objects.keys("")} == batch


def test_many_objects_are_read_at_once(objects: ObjectStore) -> None:
    """More than are open together, bundles among them; what is not there is left out."""
    batch = {f"log/{n % 7}/tile/entries/{n:03d}": bytes([n]) * n for n in range(200)} | {"a/b": b""}
    objects.put(batch)
    keys = [*batch, "a/c", "b/c", "a/b/c", "a/b", "a"]

    assert objects.get_all(keys) == batch
    assert objects.get_all([]) == {}


@pytest.mark.parametrize("key", ["a/b", BUNDLE])
def test_equal_bytes_under_an_existing_key_are_no_error(objects: ObjectStore, key: str) -> None:
    objects.put({key: b"same"})
    objects.put({key: b"same", "new": b"1"})

    assert (objects.get(key), objects.get("new")) == (b"same", b"1")


@pytest.mark.parametrize("key", ["a/b", BUNDLE])
def test_other_bytes_under_an_existing_key_are_a_conflict(objects: ObjectStore, key: str) -> None:
    objects.put({key: b"old"})

    with pytest.raises(ObjectConflictError):
        objects.put({key: b"new"})

    assert objects.get(key) == b"old"


def test_put_refuses_what_replace_has_stored(objects: ObjectStore) -> None:
    objects.replace({"a": b"old"})

    with pytest.raises(ObjectConflictError):
        objects.put({"a": b"new"})


@pytest.mark.parametrize("key", ["log/acme/checkpoint", BUNDLE])
def test_replacing_overwrites(objects: ObjectStore, key: str) -> None:
    for body in (b"one", b"two, longer", b""):
        objects.replace({key: body})
        assert objects.get(key) == body


def test_nothing_is_stored_by_an_empty_batch(objects: ObjectStore) -> None:
    objects.put({})
    objects.replace({})
    objects.delete([])

    assert list(objects.keys("")) == []


def test_deleted_objects_are_gone_and_missing_ones_no_error(objects: ObjectStore) -> None:
    objects.put({"a/b": b"1", "a/c": b"2", BUNDLE: b"3"})

    objects.delete(["a/b", BUNDLE, "none", "none/at/all", "a/b/c"])

    assert list(objects.keys("")) == ["a/c"]
    assert objects.get(BUNDLE) is None


def test_a_deleted_key_can_be_put_with_other_bytes(objects: ObjectStore) -> None:
    objects.put({"a/b/c": b"1"})
    objects.delete(["a/b/c"])

    objects.put({"a/b/c": b"2"})

    assert objects.get("a/b/c") == b"2"


def test_a_folder_of_keys_is_no_object(objects: ObjectStore) -> None:
    objects.put({"a/b": b"1"})

    objects.delete(["a"])

    assert objects.get("a") is None
    assert objects.get("a/b") == b"1"


def test_keys_under_a_folder_come_in_order(objects: ObjectStore) -> None:
    """In the order of the whole keys, in which `-` and `.` come before `/`."""
    stored = ["a-b", "a.b", "a/b", "a/b-c", "a/b.c/d", "a/c", "a0", "ab/c", BUNDLE, PARTIAL]
    objects.put(dict.fromkeys(reversed(stored), b"x"))

    assert list(objects.keys("")) == sorted(stored)
    assert list(objects.keys("a/")) == ["a/b", "a/b-c", "a/b.c/d", "a/c"]
    assert list(objects.keys("log/")) == [BUNDLE, PARTIAL]
    assert list(objects.keys("none/")) == []
    assert list(objects.keys("a/b/")) == []


@pytest.mark.parametrize("prefix", ["a", "/", "../", "a//", "a/b"])
def test_a_prefix_is_a_whole_folder(objects: ObjectStore, prefix: str) -> None:
    with pytest.raises(BadInputError):
        list(objects.keys(prefix))


def test_a_gzip_frame_is_of_the_bytes_that_get_gives(objects: ObjectStore) -> None:
    """Or there is none: a store need not keep any object so."""
    objects.put({BUNDLE: b"hashes " * 900, "a": b"x"})

    for key in (BUNDLE, "a", "none"):
        frame = objects.get_gzip(key)
        assert frame is None or gzip.decompress(frame) == objects.get(key)
    with pytest.raises(BadInputError):
        objects.get_gzip("../a")


def test_room_is_told_in_bytes(objects: ObjectStore) -> None:
    assert objects.free_bytes() > 0


def test_objects_are_there_after_reopening(open_objects: Callable[[], ObjectStore]) -> None:
    open_objects().put({"a/b": b"1", BUNDLE: b"2"})
    open_objects().replace({"a/c": b"3"})

    again = open_objects()

    assert [again.get(key) for key in ("a/b", BUNDLE, "a/c")] == [b"1", b"2", b"3"]


def test_a_reader_sees_old_bytes_or_new_and_never_a_part(
    open_objects: Callable[[], ObjectStore], threads: Any
) -> None:
    bodies = {bytes([n]) * 100_000 for n in range(8)}
    store = open_objects()
    store.replace({"a": min(bodies)})

    def write() -> None:
        for body in sorted(bodies) * 5:
            store.replace({"a": body})

    def read() -> None:
        for _ in range(200):
            assert store.get("a") in bodies

    threads(write, read, read)


def test_of_racing_puts_one_wins_and_the_others_are_told(
    open_objects: Callable[[], ObjectStore], threads: Any
) -> None:
    store = open_objects()
    won: list[tuple[int, int]] = []

    def put(mine: int) -> Callable[[], None]:
        def run() -> None:
            for n in range(20):
                try:
                    store.put({f"a/{n}": bytes([mine])})
                except ObjectConflictError:
                    continue
                won.append((n, mine))

        return run

    threads(put(1), put(2), put(3))

    assert sorted(n for n, _ in won) == list(range(20))
    assert all(store.get(f"a/{n}") == bytes([mine]) for n, mine in won)
