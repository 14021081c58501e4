"""Backups of a folder, and what happens before a server continues from one."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from vitne.adapters.clock import SystemClock, SystemIds
from vitne.adapters.keys.vault import FolderVault
from vitne.adapters.lock import FolderLock
from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.engine.copying import copy_database
from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values import format_utc
from vitne.errors import ConfigurationError, ConflictError, NotFoundError
from vitne.ports import Segment
from vitne.services.copies import (
    FORMAT,
    MANIFEST,
    BackedUpTree,
    Compared,
    Manifest,
    compare,
    copy_objects,
    read_manifest,
)
from vitne.services.log import Logs, index_log_id, index_origin
from vitne.settings import FILE_NAME, Settings
from vitne.version import __version__
from vitne.wiring.adapters import DATABASE

_TRIES: Final = 3
_PRIVATE: Final = 0o700


class Backed(Struct, frozen=True):
    """A backup that was made."""

    manifest: Manifest
    objects: int
    """How many were copied."""
    bytes: int


def make_backup(settings: Settings, target: Path, *, with_keys: bool) -> Backed:
    """Copy a folder, beside a server that may be serving it.

    Args:
        settings: of the server.
        target: an empty folder, or one to be made.
        with_keys: the secret keys too. Without them a backup can be kept where it may leak, and
            cannot go on.

    Raises:
        ConflictError: the target holds something.
        NotFoundError: segments were merged faster than they were copied; try again.
        IntegrityError: what was copied does not hash to what was signed.
        StorageError: a disk is full or failing.
    """
    folder = Path(settings.folder)
    if target.exists() and any(target.iterdir()):
        raise ConflictError("expected an empty folder for the backup", where=str(target))
    target.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    made = _copy_patiently(folder, target)
    if (folder / FILE_NAME).exists():
        shutil.copy2(folder / FILE_NAME, target / FILE_NAME)
    if with_keys:
        shutil.copytree(folder / "keys", target / "keys", copy_function=shutil.copy2)
    # Last: a folder without a manifest is no whole backup.
    (target / MANIFEST).write_bytes(made.manifest.encode())
    return made


def _copy_patiently(folder: Path, target: Path) -> Backed:
    """Again from the start if a segment was merged or rewritten while it was being copied."""
    for _ in range(_TRIES - 1):
        try:
            return _copy(folder, target)
        except NotFoundError:
            _clear(target)
    return _copy(folder, target)


def _copy(folder: Path, target: Path) -> Backed:
    copy_database(folder / DATABASE, target / DATABASE)
    with ExitStack() as stack:
        rows = stack.enter_context(SqliteStores(target / DATABASE))
        source = FolderObjects(folder / "objects")
        stack.callback(source.close)
        copy = FolderObjects(target / "objects")
        stack.callback(copy.close)
        trees, segments = _trees(rows), _segments(rows)
        count, size = copy_objects(source, copy, trees, segments)
    signed = {t.log: (t.origin, t.head.size, t.head.root) for t in trees if t.head is not None}
    manifest = Manifest(FORMAT, SystemClock().now_us(), __version__, signed)
    return Backed(manifest, count, size)


def _trees(rows: SqliteStores) -> list[BackedUpTree]:
    """Every tree that the database knows."""
    return [
        BackedUpTree(tree, origin, rows.checkpoints.head(tree))
        for info in rows.records.logs()
        for tree, origin in (
            (info.log, info.origin),
            (index_log_id(info.log), index_origin(info.origin)),
        )
    ]


def _segments(rows: SqliteStores) -> list[Segment]:
    return [found for info in rows.records.logs() for found in rows.segments.segments(info.log)]


def _clear(target: Path) -> None:
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (target / name).unlink(missing_ok=True)
    shutil.rmtree(target / "objects", ignore_errors=True)


# ---------------------------------------------------------------- going on from one


def refuse_backup(folder: Path) -> None:
    """Say no to serving or changing a folder that is a backup.

    Raises:
        ConfigurationError: it is one.
        DecodeError: its manifest is damaged.
    """
    if not (folder / MANIFEST).exists():
        return
    made_us = read_manifest((folder / MANIFEST).read_bytes()).made_us
    raise ConfigurationError(
        f"this folder is a backup of {format_utc(made_us)}: going on from it could sign a second"
        " history of its logs",
        where=str(folder / MANIFEST),
        hint=f"vitne restore {folder} --seen CHECKPOINT…  (docs/howto/back-up-and-restore.md)",
    )


def compare_backup(settings: Settings, seen: Sequence[tuple[str, str]]) -> Compared:
    """Hold a backup against checkpoints that were published. Errors as `restore.compare`.

    Raises:
        ConfigurationError: it is no backup, has no keys, or is being served.
        NotFoundError: no such folder.
    """
    with _backup(settings) as (rows, objects, logs):
        trees = _trees(rows)
        verifiers = {str(one.origin): logs.tree_signer(one.origin).verifier for one in trees}
        return compare(objects, trees, verifiers, seen)


def accept_backup(settings: Settings) -> None:
    """Make a folder of a backup: from now on it may be served.

    Erasures are looked at again at its first start: files may be older than what is noted.
    """
    with SqliteStores(Path(settings.folder) / DATABASE) as rows:
        rows.erasure.reopen()
    (Path(settings.folder) / MANIFEST).unlink()


@contextmanager
def _backup(settings: Settings) -> Iterator[tuple[SqliteStores, FolderObjects, Logs]]:
    folder = Path(settings.folder)
    if not (folder / DATABASE).exists():
        raise NotFoundError("there is no backup", where=str(folder))
    if not (folder / MANIFEST).exists():
        raise ConfigurationError(
            "this folder is no backup: it has no manifest",
            where=str(folder / MANIFEST),
            hint="serve it with `vitne serve`; a rollback that shows in it is refused there",
        )
    read_manifest((folder / MANIFEST).read_bytes())
    with ExitStack() as stack:
        vault = FolderVault(folder / "keys", SystemIds(), create=False)
        stack.callback(FolderLock(folder / "vitne.lock").close)
        rows = stack.enter_context(SqliteStores(folder / DATABASE))
        objects = FolderObjects(folder / "objects")
        stack.callback(objects.close)
        yield rows, objects, Logs(rows.records, vault, settings.server_name)
