"""Restore: compare a backup with what was published since, before a server continues from it.

Going on from a state that is older than a checkpoint that somebody holds signs a second history: a
fork, and evidence against the log. Checkpoints are brought from where they are kept: a mirror, the
monitoring page of a witness, a bundle, the disk of the lost machine.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.types import LogId
from vitne.errors import IntegrityError, RollbackError, VitneError
from vitne.ports import Head, ObjectStore
from vitne.services.copies.backup import BackedUpTree
from vitne.services.log.published_files import Published

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
        tree, found = _opened(by_origin, keys, where, note)
        if tree is None or found is None:
            continue
        _hold(objects, tree, found, where)
        newest[tree.log] = max(newest.get(tree.log, 0), found.size)
    unseen = [tree.log for tree in trees if tree.head is not None and tree.log not in newest]
    return Compared(newest, unseen)


def _opened(
    trees: Mapping[str, BackedUpTree], keys: Mapping[str, Verifier], where: str, note: str
) -> tuple[BackedUpTree | None, Checkpoint | None]:
    """The tree and the checkpoint of a note; None of a log that is not in the backup."""
    origin = note.partition("\n")[0]
    if origin not in trees:
        return None, None
    try:
        return trees[origin], open_checkpoint(note, keys[origin])[0]
    except VitneError as error:
        error.where = where
        raise


def _hold(objects: ObjectStore, tree: BackedUpTree, found: Checkpoint, where: str) -> None:
    head = tree.head or Head(found.size, found.root, "")
    size = tree.head.size if tree.head else 0
    if found.size > size:
        raise RollbackError(
            f"the backup ends at size {size}, but size {found.size} of {tree.origin} was published",
            where=where,
            hint=_HINT,
        )
    if found.size == 0:
        return
    root = TileReader(Published(objects, tree.log).get, head.size).root(found.size)
    if root != found.root:
        raise IntegrityError(
            f"two histories of {tree.origin}: size {found.size} has another root here. Keep both,"
            " they are evidence",
            where=where,
        )
