"""The chapter that seals: segments, their index log, and the loop that makes them."""

from collections.abc import Callable

from vitne.services.seal import (
    IndexLog,
    SealHere,
    SealLimits,
    SealLoop,
    SealPorts,
    SealProcess,
    SealRunner,
    SegmentSealer,
)
from vitne.services.writer import Writer
from vitne.wiring.adapters import Common
from vitne.wiring.trust import Trust

_SECOND_US = 1_000_000

AroundJobs = Callable[[SealRunner], SealRunner]


class Sealing:
    """Old rows become segments. Readers prove by cosigned heads, so merged runs wait for those.

    `around` makes what runs the jobs of what would run them: a test may stand in between.
    """

    def __init__(self, common: Common, writer: Writer, trust: Trust, around: AroundJobs) -> None:
        settings = common.settings
        runner = around(_runner(common))
        self.index_log = IndexLog(
            common.adapters,
            common.logs,
            common.step,
            cleared=trust.witnesses.may_publish,
            moved=trust.witnesses.moved,
        )
        self.segments = SegmentSealer(
            common.adapters,
            runner=runner,
            index_log=self.index_log,
            tell=writer.control,
            covered=trust.cosigned.covers,
            limits=SealLimits(settings.seal_entries, settings.seal_age_s * _SECOND_US),
        )
        self.loop = SealLoop(self.segments, runner, settings.seal_check_ms / 1000)


def _runner(common: Common) -> SealRunner:
    """Where the heavy part of sealing runs."""
    adapters = common.adapters
    if adapters.sealing is not None:
        return SealProcess(adapters.sealing)
    ports = SealPorts(
        hot=adapters.store,
        archive=adapters.archive,
        objects=adapters.objects,
        index_log=adapters.index_log,
        origin=common.logs.origin,
    )
    return SealHere(ports)
