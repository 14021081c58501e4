"""The writer, and the chapter that prepares requests for it."""

from vitne.ports import Clock, IdSource
from vitne.services.access import OwnEvents
from vitne.services.intake import (
    CountReporter,
    Find,
    Forget,
    Ingest,
    PreparePool,
    Preparer,
    SystemEvents,
    processes_for,
)
from vitne.services.log import Logs
from vitne.services.publish import Chore
from vitne.services.writer import Writer, WriterLimits
from vitne.settings import Settings
from vitne.wiring.adapters import Common

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_FORGET_INTERVAL_S = 10


def preparer_of(
    settings: Settings, logs: Logs, sealed: Find, clock: Clock, ids: IdSource
) -> Preparer:
    """What prepares requests."""
    return Preparer(
        logs=logs,
        clock=clock,
        ids=ids,
        sealed=sealed,
        dedupe_us=settings.dedupe_days * _DAY_US,
    )


def _writer(common: Common, preparer: Preparer) -> Writer:
    settings, events = common.settings, SystemEvents(preparer)
    return Writer(
        common.adapters,
        logs=common.logs,
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


class Intake:
    """Requests are prepared, in processes beside where that is worth it, and wait for the writer.

    `forget` and `counts` are chores: old event ids leave the window of retries, and what was
    refused is counted in events.
    """

    def __init__(self, common: Common) -> None:
        adapters, settings = common.adapters, common.settings
        preparer = preparer_of(
            settings, common.logs, adapters.archive.find, adapters.clock, adapters.ids
        )
        self.writer = _writer(common, preparer)
        processes = processes_for(settings.prepare_processes) if common.serving else 0
        self.preparation = PreparePool(preparer, adapters.preparing, processes)
        self.requests = Ingest(self.preparation, self.writer)
        self.own_events = OwnEvents(self.requests, "api" if common.serving else "cli")
        self.counts = CountReporter(adapters, self.own_events)
        self.forget = Forget(adapters, settings.dedupe_days * _DAY_US)
        self.chores = (
            Chore(_FORGET_INTERVAL_S, self.forget.run_once),
            Chore(settings.stats_interval_s, self.counts.run_once),
        )
