"""A server: its chapters, and the order in which they start and stop."""

import logging
from contextlib import ExitStack
from typing import Self

from vitne.core.values import LogId
from vitne.services.access import Onboard
from vitne.services.check import Fsck, Stores
from vitne.services.log import INDEX_SUFFIX, Logs, StepHook, no_step
from vitne.services.publish import Recovery
from vitne.services.search import Search, Show
from vitne.settings import Settings
from vitne.wiring.adapters import DATABASE, Adapters, Common
from vitne.wiring.answers import Answering
from vitne.wiring.erasure import Erasure
from vitne.wiring.intake import Intake
from vitne.wiring.publish import Publishing
from vitne.wiring.seal import AroundJobs, Sealing
from vitne.wiring.senders import Senders
from vitne.wiring.trust import Trust

_LOG = logging.getLogger("vitne")


class Server:
    """All chapters over one set of adapters; each is built from those above it.

    `start` begins to write, and in a serving server to publish; `close` ends both in an order that
    loses nothing: the counts of what was not taken are recorded, intake refuses, what waits is
    written, what is written is published.
    """

    def __init__(
        self,
        adapters: Adapters,
        settings: Settings,
        *,
        serving: bool = True,
        step: StepHook = no_step,
        around_jobs: AroundJobs = lambda own: own,
    ) -> None:
        self.adapters = adapters
        self.settings = settings
        self.serving = serving
        self.logs = logs = Logs(adapters.store, adapters.vault, settings.server_name)
        common = Common(adapters, settings, logs, serving, step)
        self.intake = Intake(common)
        self.writer = self.intake.writer
        self.onboard = Onboard(adapters, self.writer, self.intake.own_events)
        self.trust = Trust(common, self.intake.own_events, self._halt)
        self.senders = Senders(common, self.intake)
        chores = (*self.intake.chores, *self.senders.chores)
        self.publish = Publishing(common, self.trust, chores)
        self.seal = Sealing(common, self.writer, self.trust, around_jobs)
        self.erasure = Erasure(common, self.intake, self.seal)
        self.search = Search(adapters)
        self.show = Show(
            adapters,
            logs,
            nudge=self.publish.loop.nudge,
            erased=self.erasure.erase.erased_by,
        )
        self.answers = Answering(
            common, self.trust, self.senders, self.publish, self.seal, self.erasure
        )
        self.fsck = Fsck(Stores(adapters, logs, DATABASE))
        self._started = False

    def start(self) -> Recovery | None:
        """Begin; a serving server first finishes or forgets what a crash left.

        A server that cannot begin is closed: nothing of it goes on.

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
        recovery = self._recover() if self.serving else None
        self._started = True  # before the first thread: whatever fails next, `close` ends them
        self.writer.start()
        if self.serving:
            # An erasure that a crash left writes its entry, so it comes after the writer, and
            # before what reads or seals records.
            for chapter in (self.erasure, self.publish.loop, self.seal.loop):
                chapter.start()
            self.answers.start()
            self.trust.start()
        return recovery

    def _recover(self) -> Recovery:
        recovery = self.publish.recovery.run()
        for log, reason in sorted(recovery.halted.items()):
            _LOG.error("log %s is not published: %s", log, reason)
            self._halt(log, reason)
        self.trust.witnesses.resume()
        return recovery

    def _halt(self, tree: LogId, reason: str) -> None:
        """Publish a log, or the index log of one, no more."""
        log = LogId(tree.removesuffix(INDEX_SUFFIX))
        if log == tree:
            self.publish.rounds.halt(log, reason)
        else:
            self.seal.index_log.halt(log, reason)

    def close(self) -> None:
        """Stop: take no more, write what waits, publish it, let go of everything."""
        with ExitStack() as stack:  # last in, first out; each is closed whatever the others do
            stack.callback(self.adapters.close)
            if not self._started:  # what prepares and seals starts with its first job
                stack.callback(self.intake.preparation.close)
                stack.callback(self.seal.loop.close)
                return
            self._started = False
            if self.serving:
                stack.callback(self.publish.loop.finish)
                stack.callback(self.publish.loop.close)
                stack.callback(self.seal.loop.close)
                stack.callback(self.trust.close)
                stack.callback(self.answers.close)
                stack.callback(self.erasure.close)
            stack.callback(self.writer.close)
            stack.callback(self.intake.preparation.close)
            if self.serving and self.writer.is_alive:
                stack.callback(self.intake.counts.finish)

    def __enter__(self) -> Self:
        """The server, started."""
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()
