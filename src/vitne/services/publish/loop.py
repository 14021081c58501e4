"""The thread that publishes at an interval."""

import logging
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from vitne.core.values import LogId
from vitne.errors import VitneError
from vitne.services.processes import Loop
from vitne.services.publish.round import PublishRounds

_LOG = logging.getLogger("vitne.publish")


class PublishStats(Struct, frozen=True):
    """How publishing goes, since the start."""

    rounds: int
    """That published something."""
    entries: int
    conflicts: int
    failures: int
    """Rounds that ended in an error; each is tried again."""
    last_error: str
    """Code and sentence of the newest failure; `""` once a round went well again."""
    last_took_s: float
    halted: dict[str, str]
    """Logs that are not published, each with the reason."""


class Chore(Struct, frozen=True):
    """Small work that is done between two rounds."""

    interval_s: float
    run: Callable[[], object]


class PublishLoop:
    """Runs `PublishRounds.run_once` every `interval_s`, at once again while more is waiting.

    Args:
        publish: whose rounds it runs.
        interval_s: pause between two rounds; may be changed while it runs.
        chores: each is done first after the start, then at its own interval.
        grown: told which logs have a new checkpoint; returns at once.
    """

    def __init__(
        self,
        publish: PublishRounds,
        interval_s: float = 1.0,
        chores: Sequence[Chore] = (),
        grown: Callable[[Sequence[LogId]], None] = lambda _logs: None,
    ) -> None:
        self._grown = grown
        self._publish = publish
        self.interval_s = interval_s
        self._chores = tuple(chores)
        self._due_s = [0.0] * len(self._chores)
        self._more = False
        self._loop = Loop("publisher", self._run, self._pause_s)
        self.stats = PublishStats(0, 0, 0, 0, "", 0.0, {})

    def start(self) -> None:
        """Begin to publish at the interval."""
        self._loop.start()

    def nudge(self) -> None:
        """Publish now rather than at the next interval."""
        self._loop.nudge()

    def close(self) -> None:
        """Stop after the round that runs; entries may be left unpublished."""
        self._loop.close()

    def finish(self) -> None:
        """After `close`, publish what is left; what cannot be published is after the next start."""
        try:
            while self._publish.run_once().more:
                pass
        except VitneError as error:
            _LOG.warning("entries are left unpublished: %s: %s", error.code, error)

    def _run(self) -> None:
        self._more = self._round()
        self._do_chores()

    def _pause_s(self) -> float:
        return 0.0 if self._more else self.interval_s

    def _do_chores(self) -> None:
        for at, chore in enumerate(self._chores):
            if self._loop.stopping or time.monotonic() < self._due_s[at]:
                continue
            self._due_s[at] = time.monotonic() + chore.interval_s
            try:
                chore.run()
            except VitneError as error:
                _LOG.warning("a chore was left undone: %s: %s", error.code, error)

    def _round(self) -> bool:
        """One round; whether the next one should follow at once."""
        old = self.stats
        try:
            report = self._publish.run_once()
        except VitneError as error:
            # The next round finishes what this one began; readers keep what is published.
            _LOG.error("publishing failed: %s: %s", error.code, error)
            self.stats = msgspec.structs.replace(
                old, failures=old.failures + 1, last_error=f"{error.code}: {error}"
            )
            return False
        if report.grown:
            self._grown([one.log for one in report.grown])
        for log in sorted(report.halted.keys() - old.halted.keys()):
            _LOG.error("log %s is not published any more: %s", log, report.halted[log])
        self.stats = PublishStats(
            rounds=old.rounds + bool(report.grown),
            entries=old.entries + sum(one.head.size - one.old_size for one in report.grown),
            conflicts=old.conflicts + report.conflict,
            failures=old.failures,
            last_error="",
            last_took_s=report.took_s or old.last_took_s,
            halted={str(log): reason for log, reason in report.halted.items()},
        )
        return report.more and not report.conflict
