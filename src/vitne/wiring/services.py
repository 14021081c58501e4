"""How the larger services are put together."""

from collections.abc import Callable

from vitne.ports import (
    Clock,
    IdSource,
)
from vitne.services.check.log import Stores
from vitne.services.erasure.erase import Erase
from vitne.services.intake.dedupe_window import Find
from vitne.services.intake.events import Preparer
from vitne.services.intake.system_events import SystemEvents
from vitne.services.log.keys import LogKeys
from vitne.services.log.names import Logs
from vitne.services.seal.due import SealLimits
from vitne.services.seal.index_log import IndexLog
from vitne.services.seal.segments import Seal
from vitne.services.seal.worker import SealHere, SealPorts, SealProcess, SealRunner
from vitne.services.senders.source_keys import SourceKeys
from vitne.services.senders.streams import SenderStreams
from vitne.services.trust.cosigned_heads import CosignedHeads
from vitne.services.writer.receipts import ReceiptSigner
from vitne.services.writer.writer import Writer, WriterLimits
from vitne.settings import Settings
from vitne.wiring.adapters import Adapters

DATABASE = "vitne.db"
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US


def writer_of(
    adapters: Adapters, settings: Settings, logs: Logs, keys: LogKeys, preparer: Preparer
) -> Writer:
    """The writer."""
    events = SystemEvents(preparer)
    return Writer(
        store=adapters.store,
        objects=adapters.objects,
        keys=keys,
        clock=adapters.clock,
        logs=logs,
        conflict=events.id_conflict,
        incident=events.incident,
        limits=WriterLimits(
            queue_events=settings.queue_events_max,
            queue_bytes=settings.queue_bytes_max,
            commit_events=settings.commit_events_max,
            free_bytes=settings.free_bytes_min,
            late_us=settings.late_s * _SECOND_US,
        ),
    )


def runner_of(adapters: Adapters, logs: Logs) -> SealRunner:
    """Where the heavy part of sealing runs."""
    if adapters.sealing is not None:
        return SealProcess(adapters.sealing)
    ports = SealPorts(
        hot=adapters.store,
        archive=adapters.archive,
        objects=adapters.objects,
        index_log=adapters.index_log,
        origin=logs.origin,
    )
    return SealHere(ports)


def seal_of(
    adapters: Adapters,
    settings: Settings,
    runner: SealRunner,
    index_log: IndexLog,
    append: Writer,
    cosigned: CosignedHeads,
) -> Seal:
    """What seals. Readers prove by cosigned heads, so merged runs wait for those."""
    return Seal(
        store=adapters.store,
        catalog=adapters.segments,
        archive=adapters.archive,
        objects=adapters.objects,
        runner=runner,
        clock=adapters.clock,
        index_log=index_log,
        listed=adapters.index_log,
        tell=append.control,
        covered=cosigned.covers,
        limits=SealLimits(settings.seal_entries, settings.seal_age_s * _SECOND_US),
    )


def erase_of(adapters: Adapters, append: Writer, seal: Seal, forget: Callable[[], None]) -> Erase:
    """What erases."""
    return Erase(
        adapters.store,
        adapters.archive,
        adapters.segments,
        adapters.erasure,
        append.control,
        seal.exclusive,
        adapters.clock,
        forget,
    )


def all_stores(adapters: Adapters, keys: LogKeys) -> Stores:
    """What `fsck` reads."""
    return Stores(
        store=adapters.store,
        heads=adapters.heads,
        objects=adapters.objects,
        keys=keys,
        segments=adapters.segments,
        archive=adapters.archive,
        index_log=adapters.index_log,
        database=DATABASE,
    )


def preparer_of(
    settings: Settings, logs: Logs, keys: LogKeys, sealed: Find, clock: Clock, ids: IdSource
) -> Preparer:
    """What prepares requests."""
    return Preparer(
        logs=logs,
        keys=keys,
        clock=clock,
        ids=ids,
        sealed=sealed,
        dedupe_us=settings.dedupe_days * _DAY_US,
    )


def streams_of(
    adapters: Adapters, append: Writer, logs: Logs, keys: LogKeys, source_keys: SourceKeys
) -> SenderStreams:
    """What takes the words of senders about their streams."""
    receipts = ReceiptSigner(adapters.store, adapters.objects, keys)
    return SenderStreams(adapters.store, append, receipts, logs, source_keys, adapters.clock)
