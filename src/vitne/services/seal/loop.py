"""The thread that seals at an interval, and at once when a question asks for it."""

import logging
import threading
import time
from collections import deque

import msgspec
from msgspec import Struct

from vitne.core.values import LogId
from vitne.errors import VitneError
from vitne.services.processes import Loop
from vitne.services.seal.segments import SegmentSealer
from vitne.services.seal.worker import SealRunner

_LOG = logging.getLogger("vitne.seal")
_ROUNDS_BEFORE_REST = 15
_DEMAND_PAUSE_S = 60.0


class SealStats(Struct, frozen=True):
    """How sealing goes, since the start."""

    segments: int = 0
    entries: int = 0
    merged: int = 0
    failures: int = 0
    last_error: str = ""
    """Code and sentence of the newest failure; `""` once a round went well again."""


class _Demand:
    """One question's wish that a log be sealed now."""

    def __init__(self, log: LogId) -> None:
        self.log = log
        self.done = threading.Event()
        self.sealed = False


class SealLoop:
    """Runs `SegmentSealer.run_once` every `interval_s`."""

    def __init__(self, seal: SegmentSealer, runner: SealRunner, interval_s: float = 2.0) -> None:
        self._seal = seal
        self._runner = runner
        self._recovered = False
        self._idle = 0
        self._demand_lock = threading.Lock()  # guards: _last_s
        self._demands: deque[_Demand] = deque()
        self._last_s: dict[LogId, float] = {}
        self._loop = Loop("sealer", self._run, lambda: 0.0 if self._demands else interval_s)
        self.stats = SealStats()

    def start(self) -> None:
        """Begin, with what a crash left."""
        self._loop.start()

    def nudge(self) -> None:
        """Look now rather than at the next interval."""
        self._loop.nudge()

    def seal_on_demand(self, log: LogId, wait_s: float) -> bool:
        """Seal what is published of a log now, for a question that would have a long tail.

        At most once a minute for each log: in between nothing is done. Any thread may ask.

        Args:
            log: whose.
            wait_s: how long to wait for it.

        Returns:
            Whether all that was published when it was asked has been sealed by this.
        """
        demand = _Demand(log)
        with self._demand_lock:
            last_s = self._last_s.get(log)
            if last_s is not None and time.monotonic() < last_s + _DEMAND_PAUSE_S:
                return False
            self._last_s[log] = time.monotonic()
            self._demands.append(demand)
        self._loop.nudge()
        demand.done.wait(wait_s)
        return demand.sealed

    def _meet(self) -> None:
        """Do what was asked for."""
        while self._demands and not self._loop.stopping:
            demand = self._demands.popleft()
            try:
                while self._seal.seal_now(demand.log) is not None:
                    pass
                demand.sealed = True
            except VitneError as error:
                _LOG.error("log %s is not sealed: %s: %s", demand.log, error.code, error)
            demand.done.set()

    def close(self) -> None:
        """Stop; a job that runs is given up, and done again after the next start."""
        self._loop.stop()
        self._runner.close()
        self._loop.close()

    def _run(self) -> None:
        if not self._recovered:
            self._recovered = True
            try:
                self._seal.recover()
            except VitneError as error:
                _LOG.error("leftovers of sealing stay: %s: %s", error.code, error)
        self._meet()
        self._round()

    def _round(self) -> None:
        old = self.stats
        try:
            report = self._seal.run_once()
        except VitneError as error:
            _LOG.error("sealing failed: %s: %s", error.code, error)
            self.stats = msgspec.structs.replace(
                old, failures=old.failures + 1, last_error=f"{error.code}: {error}"
            )
            return
        errors = [f"{failed.code}: {failed}" for failed in report.failed.values()]
        for log, text in zip(report.failed, errors, strict=True):
            if not self._loop.stopping:
                _LOG.error("log %s is not sealed: %s", log, text)
        self._idle = 0 if report.sealed else self._idle + 1
        if self._idle == _ROUNDS_BEFORE_REST:
            self._runner.rest()
        self.stats = SealStats(
            segments=old.segments + len(report.sealed),
            entries=old.entries + sum(s.end - s.start for _, s in report.sealed),
            merged=old.merged + len(report.merged),
            failures=old.failures + len(errors),
            last_error=errors[-1] if errors else "",
        )
