"""The only place that picks adapters for services: settings in, a running house out."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Self

from vitne.adapters.archive.archive import ParquetArchive
from vitne.adapters.clock import SystemClock, SystemIds
from vitne.adapters.keys.vault import FolderVault
from vitne.adapters.lock import FolderLock
from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.house import SqliteHouse
from vitne.core import keys
from vitne.core.record import Record
from vitne.core.types import LeafIndex, LogId
from vitne.errors import ConfigurationError, NotFoundError
from vitne.ports import (
    Archive,
    CheckpointStore,
    Clock,
    IdSource,
    KeyVault,
    ObjectStore,
    RecordStore,
    SegmentCatalog,
    StateStore,
)
from vitne.services.append import Append, AppendLimits
from vitne.services.archived import Find
from vitne.services.conflict import Conflicts
from vitne.services.forget import Forget
from vitne.services.fsck import Fsck
from vitne.services.fsck_log import Stores
from vitne.services.ingest import Ingest
from vitne.services.logkeys import LogKeys
from vitne.services.logs import Logs
from vitne.services.onboard import Onboard
from vitne.services.own_events import OwnEvents
from vitne.services.prepare import Preparer
from vitne.services.prepare_process import PrepareHere, PreparePool, processes_for
from vitne.services.publish import Publish
from vitne.services.published import Published
from vitne.services.publisher import Chore, Publisher
from vitne.services.recover import Recover, Recovery
from vitne.services.seal import Seal
from vitne.services.seal_policy import SealLimits
from vitne.services.seal_worker import OpenPorts, SealHere, SealPorts, SealProcess, SealRunner
from vitne.services.sealer import Sealer
from vitne.services.search import Search
from vitne.services.show import Show
from vitne.services.stage import Step, no_step
from vitne.services.stats import Stats
from vitne.settings import Settings

_LOG = logging.getLogger("vitne")
_DATABASE = "vitne.db"
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_FORGET_INTERVAL_S = 300


@dataclass(frozen=True)
class Adapters:
    """One adapter for each port."""

    store: RecordStore
    heads: CheckpointStore
    segments: SegmentCatalog
    state: StateStore
    objects: ObjectStore
    archive: Archive
    vault: KeyVault
    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=SystemIds)
    sealing: OpenPorts | None = None
    """Opens what sealing needs in a process of its own; None: it is done in this one."""
    preparing: Callable[[], Preparer] | None = None
    """Makes what prepares requests in a process of its own; None: that is done in this one."""
    close: Callable[[], None] = lambda: None


class House:
    """All services over one set of adapters.

    `start` begins to write, and in a serving house to publish; `close` ends both in an order that
    loses nothing: the counts of what was not taken are told, intake refuses, what waits is
    written, what is written is published.
    """

    def __init__(
        self, adapters: Adapters, settings: Settings, *, serving: bool = True, step: Step = no_step
    ) -> None:
        self.settings = settings
        self.adapters = adapters
        self.serving = serving
        self.clock = adapters.clock
        self.store = adapters.store
        self.state = adapters.state
        self.objects = adapters.objects
        self.keys = LogKeys(adapters.vault)
        self.logs = Logs(adapters.store, settings.server_name)
        preparer = _preparer(
            settings, self.logs, self.keys, adapters.archive.find, adapters.clock, adapters.ids
        )
        self.append = _writer(adapters, settings, self.logs, self.keys, Conflicts(preparer))
        processes = processes_for(settings.prepare_processes) if serving else 0
        self.preparation = PreparePool(PrepareHere(preparer), adapters.preparing, processes)
        self.ingest = Ingest(self.preparation, self.append)
        self.publish = Publish(adapters.store, adapters.heads, adapters.objects, self.keys, step)
        forget = Forget(adapters.store, adapters.clock, settings.dedupe_days * _DAY_US)
        own = OwnEvents(self.ingest, "api" if serving else "cli")
        self.stats = Stats(adapters.store, own, adapters.clock, adapters.ids)
        self.publisher = Publisher(
            self.publish,
            settings.publish_interval_ms / 1000,
            [
                Chore(_FORGET_INTERVAL_S, forget.run_once),
                Chore(settings.stats_interval_s, self.stats.run_once),
            ],
        )
        self.search = Search(adapters.store, adapters.archive, adapters.segments, adapters.clock)
        self.show = Show(
            adapters.store,
            adapters.archive,
            adapters.objects,
            self.keys,
            nudge=self.publisher.nudge,
        )
        runner = _runner(adapters)
        self.seal = _seal(adapters, settings, runner)
        self.sealer = Sealer(self.seal, runner, settings.seal_check_ms / 1000)
        self.recover = Recover(adapters.store, adapters.heads, adapters.objects, self.keys, step)
        self.fsck = Fsck(_all_stores(adapters, self.keys))
        self.onboard = Onboard(adapters.state, self.append, own, adapters.clock, adapters.ids)
        self._started = False

    def published(self, log: LogId) -> Published:
        """What a log has published."""
        return Published(self.objects, log)

    def start(self) -> Recovery | None:
        """Begin; a serving house first finishes or forgets what a crash left.

        A house that cannot begin is closed: nothing of it goes on.

        Raises:
            RollbackError: the database is older than what was signed.
            StorageError: the disk is full, read-only or failing.
        """
        try:
            return self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> Recovery | None:
        recovery = None
        if self.serving:
            recovery = self.recover.run()
            for log, reason in sorted(recovery.halted.items()):
                _LOG.error("log %s is not published: %s", log, reason)
                self.publish.halt(log, reason)
        self._started = True  # before the first thread: whatever fails next, `close` ends them
        self.append.start()
        if self.serving:
            self.publisher.start()
            self.sealer.start()
        return recovery

    def close(self) -> None:
        """Stop: take no more, write what waits, publish it, let go of everything."""
        with ExitStack() as stack:  # last in, first out; each is closed whatever the others do
            stack.callback(self.adapters.close)
            if not self._started:
                return
            self._started = False
            if self.serving:
                stack.callback(self.publisher.finish)
                stack.callback(self.publisher.close)
                stack.callback(self.sealer.close)
            stack.callback(self.append.close)
            stack.callback(self.preparation.close)
            if self.serving and self.append.is_alive:
                stack.callback(self.stats.finish)

    def __enter__(self) -> Self:
        """The house, started."""
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


def folder_adapters(
    settings: Settings,
    *,
    serving: bool = True,
    create: bool = False,
    clock: Clock | None = None,
    ids: IdSource | None = None,
) -> Adapters:
    """Adapters over a folder; `open_house` tells of the arguments and errors."""
    folder = Path(settings.folder)
    ids = ids or SystemIds()
    refuse_lost_keys(folder)
    with ExitStack() as stack:
        vault = FolderVault.open(folder / "keys", ids, create=create)
        if serving:
            stack.callback(FolderLock.take(folder / "vitne.lock").close)
        rows = SqliteHouse.open(folder / _DATABASE)
        stack.callback(rows.close)
        objects = FolderObjects.open(folder / "objects")
        stack.callback(objects.close)
        archive = _archive(settings, rows.segments, objects, vault)
        stack.callback(archive.close)
        return Adapters(
            store=rows.records,
            heads=rows.checkpoints,
            segments=rows.segments,
            state=rows.state,
            objects=objects,
            archive=archive,
            vault=vault,
            clock=clock or SystemClock(),
            ids=ids,
            sealing=partial(open_sealing, settings) if settings.seal_process else None,
            preparing=partial(open_preparer, settings),
            close=stack.pop_all().close,
        )
    raise AssertionError  # pragma: no cover - the stack never swallows an error


def refuse_lost_keys(folder: Path) -> None:
    """Say no before anybody makes new keys for logs that were signed with others.

    Raises:
        ConfigurationError: the folder has a database, and no keys.
    """
    master = folder / "keys" / "master.key"
    if (folder / _DATABASE).exists() and not master.exists():
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
            key = None if vault is None else vault.index_key(log, epoch)
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


def _writer(
    adapters: Adapters, settings: Settings, logs: Logs, keys: LogKeys, conflicts: Conflicts
) -> Append:
    return Append(
        store=adapters.store,
        objects=adapters.objects,
        keys=keys,
        clock=adapters.clock,
        logs=logs,
        conflict=conflicts.draft,
        limits=AppendLimits(
            queue_events=settings.queue_events_max,
            queue_bytes=settings.queue_bytes_max,
            commit_events=settings.commit_events_max,
            free_bytes=settings.free_bytes_min,
        ),
    )


def _runner(adapters: Adapters) -> SealRunner:
    if adapters.sealing is None:
        return SealHere(SealPorts(adapters.store, adapters.archive))
    return SealProcess(adapters.sealing)


def _seal(adapters: Adapters, settings: Settings, runner: SealRunner) -> Seal:
    return Seal(
        store=adapters.store,
        catalog=adapters.segments,
        archive=adapters.archive,
        objects=adapters.objects,
        runner=runner,
        clock=adapters.clock,
        limits=SealLimits(settings.seal_entries, settings.seal_age_s * _SECOND_US),
    )


def _all_stores(adapters: Adapters, keys: LogKeys) -> Stores:
    return Stores(
        store=adapters.store,
        heads=adapters.heads,
        objects=adapters.objects,
        keys=keys,
        segments=adapters.segments,
        archive=adapters.archive,
        database=_DATABASE,
    )


def _preparer(
    settings: Settings, logs: Logs, keys: LogKeys, sealed: Find, clock: Clock, ids: IdSource
) -> Preparer:
    return Preparer(
        logs=logs,
        keys=keys,
        clock=clock,
        ids=ids,
        sealed=sealed,
        dedupe_us=settings.dedupe_days * _DAY_US,
    )


def open_preparer(settings: Settings) -> Preparer:
    """What a preparing process needs: the index keys, and the database for reading only."""
    folder = Path(settings.folder)
    rows = SqliteHouse.open(folder / _DATABASE, read_only=True)
    vault = FolderVault.open(folder / "keys", SystemIds())

    @cache
    def archive() -> ParquetArchive:
        # Opened when it is needed: an old event comes, perhaps again.
        objects = FolderObjects.open(folder / "objects")
        return _archive(settings, rows.segments, objects, vault)

    def sealed(log: LogId, event_id: bytes) -> Record | None:
        if not rows.records.log(log).sealed_end:
            return None
        archive().refresh(log)  # the serving process adds segments
        return archive().find(log, event_id)

    logs, keys = Logs(rows.records, settings.server_name), LogKeys(vault)
    return _preparer(settings, logs, keys, sealed, SystemClock(), SystemIds())


def open_sealing(settings: Settings) -> SealPorts:
    """What a sealing process needs: the database for reading only, and no keys."""
    folder = Path(settings.folder)
    rows = SqliteHouse.open(folder / _DATABASE, read_only=True)
    objects = FolderObjects.open(folder / "objects")
    return SealPorts(rows.records, _archive(settings, rows.segments, objects, None))


def open_house(
    settings: Settings, *, serving: bool = True, create: bool = False, step: Step = no_step
) -> House:
    """A house over a folder, not started yet.

    Args:
        settings: of the server; `folder` says where.
        serving: the one process that publishes; takes the folder's lock. Without it the house
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
        house = House(adapters, settings, serving=serving, step=step)
        stack.pop_all()  # from here on the house closes them
    return house
