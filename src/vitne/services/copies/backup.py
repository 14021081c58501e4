"""Backup: a copy of everything as of one moment, taken while the server serves; and restoring it.

The database is copied first, in one transaction; it says how large each tree was then. Tiles and
segments only ever gain, so they are copied after it, and cut to that size: the copy holds what was
signed at that moment, and no byte of a later one that going on from it would contradict. A segment
that was merged or rewritten in between makes the copy fail; it is taken again.

A backup is older than its log as soon as the log goes on. So it carries a manifest, and no server
serves a folder with one until `restore` has compared it with what was published since.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile import ENTRIES, TILE_HEIGHT, TILE_WIDTH, TileId
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LogId, Origin, TreeSize
from vitne.errors import DecodeError, IntegrityError, NotFoundError, RollbackError, VitneError
from vitne.ports import Head, ObjectStore, Segment
from vitne.services.log import (
    COSIGNED,
    KNOWN_LOGS,
    Published,
    log_key,
    parse_checkpoint,
    right_edge,
)

MANIFEST: Final = "backup.json"
"""Its name in a backup's folder."""
FORMAT: Final = "vitne-backup/v1"
_MOST_MANIFEST_BYTES: Final = 64 << 20
_AT_ONCE: Final = 64
_STAMPS: Final = "anchors/"
"""Objects that are copied as they are."""


class BackedUpTree(Struct, frozen=True):
    """One published tree as the copied database knows it: a log, or the index log of one."""

    log: LogId
    """`acme`, or `acme/index`."""
    origin: Origin
    head: Head | None
    """None: it never published."""


class Manifest(Struct, frozen=True):
    """What a backup holds. The newest state that it knows of each tree is in it."""

    format: str
    made_us: int
    version: str
    """Of the program."""
    trees: dict[LogId, tuple[Origin, TreeSize, Hash]]
    """Per tree its origin, size and root; of those that published."""

    def encode(self) -> bytes:
        """JSON, for people to read too."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest. Raises `DecodeError`."""
    if len(data) > _MOST_MANIFEST_BYTES:
        raise DecodeError("a manifest that is too large", where=MANIFEST)
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise DecodeError(f"this is no manifest of a backup: {error}", where=MANIFEST) from None
    if found.format != FORMAT:
        raise DecodeError(f"expected {FORMAT}, got {found.format[:80]!r}", where=MANIFEST)
    return found


def copy_objects(
    source: ObjectStore,
    target: ObjectStore,
    trees: Sequence[BackedUpTree],
    segments: Sequence[Segment],
) -> tuple[int, int]:
    """Copy what the trees signed, and the segments, into an empty store.

    Every tree is read back from the copy and held against its root.

    Returns:
        How many objects were copied, and how many bytes.

    Raises:
        NotFoundError: an object went away meanwhile; copy database and objects again.
        IntegrityError: what was copied does not give the root that was signed.
    """
    objects = size = 0
    found = _all(source, trees, segments)
    while batch := dict(islice(found, _AT_ONCE)):
        target.put(batch)
        objects, size = objects + len(batch), size + sum(map(len, batch.values()))
    for tree in trees:
        if tree.head is not None:
            right_edge(target, tree.log, tree.head)
            target.replace({log_key(tree.log, "checkpoint"): tree.head.note.encode()})
    return objects, size


def _all(
    source: ObjectStore, trees: Sequence[BackedUpTree], segments: Sequence[Segment]
) -> Iterator[tuple[str, bytes]]:
    for tree in trees:
        if tree.head is None:
            continue
        published = Published(source, tree.log)
        for tile in _tiles(tree.head.size):
            data = published.tile(tile)
            if data is None:
                raise NotFoundError("a tile is missing", where=log_key(tree.log, tile.path))
            yield log_key(tree.log, tile.path), data
        yield from _cosigned(source, tree.log, tree.head)
        if "/" not in tree.log:
            yield KNOWN_LOGS + tree.log, f"{tree.origin}\n".encode()
    for segment in segments:
        for key in filter(None, (segment.key, segment.index_key)):
            yield key, _read(source, key)
    for key in source.keys(_STAMPS):
        yield key, _read(source, key)


def _tiles(size: int) -> Iterator[TileId]:
    """Every tile and bundle of a tree, each as wide as the tree has it."""
    level = ENTRIES
    while (count := size >> (TILE_HEIGHT * max(level, 0))) > 0:
        for index in range(-(-count // TILE_WIDTH)):
            yield TileId(level, index, min(TILE_WIDTH, count - index * TILE_WIDTH))
        level += 1


def _cosigned(source: ObjectStore, log: LogId, head: Head) -> Iterator[tuple[str, bytes]]:
    """The cosigned checkpoint, if it is not of a later size."""
    key = log_key(log, COSIGNED)
    note = source.get(key)
    if note is None:
        return
    try:
        found = parse_checkpoint(note)
    except DecodeError as error:
        raise IntegrityError(f"a cosigned checkpoint is damaged: {error}", where=key) from None
    if found.size <= head.size:
        yield key, note


def _read(source: ObjectStore, key: str) -> bytes:
    data = source.get(key)
    if data is None:
        raise NotFoundError("an object went away while it was being copied", where=key)
    return data


_HINT = (
    "look for a newer backup or the lost disk. To give up what came after it: keep this folder"
    " readable, and begin new logs under another server_name in another folder"
)


class Compared(Struct, frozen=True):
    """What a backup was held against."""

    newest: dict[LogId, int]
    """Per tree the largest size that was brought; not above the backup's own."""
    unseen: list[LogId]
    """Trees that published, and of which no checkpoint was brought."""


def compare(
    objects: ObjectStore,
    trees: Sequence[BackedUpTree],
    keys: Mapping[str, Verifier],
    seen: Sequence[tuple[str, str]],
) -> Compared:
    """Hold every tree against the checkpoints that were brought.

    Args:
        objects: of the backup.
        trees: as its database knows them.
        keys: origin to the key that signs it.
        seen: (where it is from, signed note).

    Raises:
        RollbackError: a checkpoint is of a larger size than the backup has.
        IntegrityError: it is of another history: another root for the same size. It is named.
        VerificationError: a note is not signed by the log that it names.
        DecodeError: no note of a checkpoint.
    """
    by_origin = {str(tree.origin): tree for tree in trees}
    newest: dict[LogId, int] = {}
    for where, note in seen:
        origin = note.partition("\n")[0]
        if origin not in by_origin:
            continue
        tree = by_origin[origin]
        try:
            found, _ = open_checkpoint(note, keys[origin])
        except VitneError as error:
            error.where = where
            raise
        _hold(objects, tree, found, where)
        newest[tree.log] = max(newest.get(tree.log, 0), found.size)
    unseen = [tree.log for tree in trees if tree.head is not None and tree.log not in newest]
    return Compared(newest, unseen)


def _hold(objects: ObjectStore, tree: BackedUpTree, found: Checkpoint, where: str) -> None:
    size = tree.head.size if tree.head else 0
    if found.size > size:
        raise RollbackError(
            f"the backup ends at size {size}, but size {found.size} of {tree.origin} was published",
            where=where,
            hint=_HINT,
        )
    if found.size == 0:
        return
    root = TileReader(Published(objects, tree.log).get, size).root(found.size)
    if root != found.root:
        raise IntegrityError(
            f"two histories of {tree.origin}: size {found.size} has another root here. Keep both,"
            " they are evidence",
            where=where,
        )
