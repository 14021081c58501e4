"""Adapters over a folder, in this process and in those beside it."""

from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

from vitne.adapters.archive.archive import ParquetArchive
from vitne.adapters.clock import SystemClock, SystemIds
from vitne.adapters.keys.vault import FolderVault
from vitne.adapters.lock import FolderLock
from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.store import SqliteStores
from vitne.adapters.witness.http import HttpWitness
from vitne.core.entry import keys
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import ConfigurationError, NotFoundError
from vitne.ports import (
    Clock,
    IdSource,
    KeyVault,
    ObjectStore,
    SegmentCatalog,
    StampAuthority,
    StampReader,
)
from vitne.services.intake import Preparer
from vitne.services.log import Logs, Published, StepHook, no_step
from vitne.services.processes import Loop
from vitne.services.seal import SealPorts
from vitne.settings import Settings
from vitne.wiring.adapters import DATABASE, Adapters
from vitne.wiring.backup import refuse_backup
from vitne.wiring.intake import preparer_of
from vitne.wiring.server import Server


def folder_adapters(
    settings: Settings,
    *,
    serving: bool = True,
    create: bool = False,
    clock: Clock | None = None,
    ids: IdSource | None = None,
) -> Adapters:
    """Adapters over a folder; `open_server` tells of the arguments and errors."""
    folder = Path(settings.folder)
    ids = ids or SystemIds()
    refuse_lost_keys(folder)
    if serving:
        refuse_backup(folder)
    with ExitStack() as stack:
        vault = FolderVault(folder / "keys", ids, create=create)
        if serving:
            stack.callback(FolderLock(folder / "vitne.lock").close)
        rows = SqliteStores(folder / DATABASE)
        stack.callback(rows.close)
        if serving:
            folding = Loop("fold", rows.database.fold_beside, None)
            rows.database.on_long_log = folding.nudge
            folding.start()
            stack.callback(folding.close)
        objects = FolderObjects(folder / "objects")
        stack.callback(objects.close)
        archive = _archive(settings, rows.segments, objects, vault)
        stack.callback(archive.close)
        return Adapters(
            store=rows.records,
            heads=rows.checkpoints,
            segments=rows.segments,
            index_log=rows.index_log,
            erasure=rows.erasure,
            state=rows.state,
            objects=objects,
            archive=archive,
            vault=vault,
            clock=clock or SystemClock(),
            ids=ids,
            sealing=partial(open_sealing, settings) if settings.seal_process else None,
            preparing=partial(open_preparer, settings),
            authorities=_authorities(settings),
            stamps=_stamp_reader(),
            log_policy=_policy_text(settings.log_policy, "log_policy"),
            index_policy=_policy_text(settings.index_policy, "index_policy"),
            witness_at=HttpWitness,
            close=stack.pop_all().close,
        )
    raise AssertionError  # pragma: no cover - the stack never swallows an error


def _authorities(settings: Settings) -> list[StampAuthority]:
    """Those that the settings name. Raises `ConfigurationError`."""
    urls = [url.strip() for url in settings.stamp_urls.split(",") if url.strip()]
    if not urls:
        return []
    stamp_reader()  # says what is missing
    from vitne.adapters.stamps.authority import HttpAuthority  # noqa: PLC0415 - an optional extra

    path = settings.stamp_certificates
    try:
        certificates = Path(path).read_bytes() if path else b""
    except OSError as error:
        raise ConfigurationError(f"not readable: {error.strerror}", where=path) from None
    return [HttpAuthority(url, certificates) for url in urls]


def _policy_text(path: str, setting: str) -> str:
    """The text of a policy file that a setting names. Raises `ConfigurationError`."""
    if not path:
        return ""
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{setting} is not readable: {error}", where=path) from None


def _stamp_reader() -> StampReader | None:
    try:
        return stamp_reader()
    except ConfigurationError:
        return None


def stamp_reader() -> StampReader:
    """What reads time stamps. Raises `ConfigurationError` if that is not installed."""
    try:
        from vitne.adapters.stamps.tokens import Rfc3161Reader  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ConfigurationError(
            "time stamps need the package rfc3161-client, which is not installed",
            hint="pip install '.[anchors]' in the source tree",
        ) from None
    return Rfc3161Reader()


def refuse_lost_keys(folder: Path) -> None:
    """Say no before anybody makes new keys for logs that were signed with others.

    Raises:
        ConfigurationError: the folder has a database, and no keys.
    """
    master = folder / "keys" / "master.key"
    if (folder / DATABASE).exists() and not master.exists():
        raise ConfigurationError(
            "there is a database, but its keys are gone",
            where=str(master),
            hint="restore `keys/` from the backup (docs/howto/back-up-and-restore.md); never run"
            " `vitne init` here: new keys cannot sign for the logs that are there",
        )


def _archive(
    settings: Settings, catalog: SegmentCatalog, objects: ObjectStore, vault: KeyVault | None
) -> ParquetArchive:
    """The segments below a folder; without a vault they are written, and not looked up."""

    def key_of(log: LogId, epoch: int, kind: int, parts: tuple[str, ...]) -> bytes | None:
        try:
            key = None if vault is None else vault.index_secret(log, epoch)
        except NotFoundError:
            key = None
        return None if key is None else keys.key(kind, keys.secret(key, kind, *parts))

    def entries(log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        return Published(objects, log).entries(start, end)

    return ParquetArchive(
        (Path(settings.folder) / "objects").resolve(),
        objects,
        catalog,
        entries,
        key_of=key_of,
        memory_mb=settings.archive_memory_mb,
        threads=settings.archive_threads,
        frugal=vault is None,
    )


def open_preparer(settings: Settings) -> Preparer:
    """What a preparing process needs: the index secrets, and the database for reading only."""
    folder = Path(settings.folder)
    rows = SqliteStores(folder / DATABASE, read_only=True)
    vault = FolderVault(folder / "keys", SystemIds())

    @cache
    def archive() -> ParquetArchive:
        # Opened when it is needed: an old event comes, perhaps again.
        objects = FolderObjects(folder / "objects")
        return _archive(settings, rows.segments, objects, vault)

    def sealed(log: LogId, event_id: bytes) -> Record | None:
        if not rows.records.log(log).sealed_end:
            return None
        archive().refresh(log)  # the serving process adds segments
        return archive().find(log, event_id)

    logs = Logs(rows.records, vault, settings.server_name)
    return preparer_of(settings, logs, sealed, SystemClock(), SystemIds())


def open_sealing(settings: Settings) -> SealPorts:
    """What a sealing process needs: the database for reading only, and no keys."""
    folder = Path(settings.folder)
    rows = SqliteStores(folder / DATABASE, read_only=True)
    objects = FolderObjects(folder / "objects")
    return SealPorts(
        hot=rows.records,
        archive=_archive(settings, rows.segments, objects, None),
        objects=objects,
        index_log=rows.index_log,
        origin=lambda log: rows.records.log(log).origin,
    )


def open_server(
    settings: Settings, *, serving: bool = True, create: bool = False, step: StepHook = no_step
) -> Server:
    """A server over a folder, not started yet.

    Args:
        settings: of the server; `folder` says where.
        serving: the one process that publishes; takes the folder's lock. Without it the server
            can append beside a serving one, but publishes nothing.
        create: make the folder and its keys where there are none.
        step: told of each step of publishing.

    Raises:
        ConfigurationError: another process serves the folder, it was never initialised, or its
            keys are gone.
        StorageError: it cannot be read or written.
    """
    adapters = folder_adapters(settings, serving=serving, create=create)
    with ExitStack() as stack:
        stack.callback(adapters.close)
        server = Server(adapters, settings, serving=serving, step=step)
        stack.pop_all()  # from here on the server closes them
    return server
