"""All services over one set of adapters."""

import logging
from contextlib import ExitStack
from functools import partial
from typing import Self

from vitne.core.values.types import LogId
from vitne.errors import BadInputError, ConfigurationError
from vitne.services.access.audit_events import OwnEvents
from vitne.services.access.tenants_and_keys import Onboard
from vitne.services.answers.source_summaries import SourceSummaries
from vitne.services.check.fsck import Fsck
from vitne.services.erasure.expiry import Retain, parse_rules
from vitne.services.erasure.holds import Holds
from vitne.services.erasure.logged import RETENTION, Erasing
from vitne.services.intake.dedupe_window import Forget
from vitne.services.intake.intake import Ingest
from vitne.services.intake.refusal_counts import CountReporter
from vitne.services.intake.workers import PrepareHere, PreparePool, processes_for
from vitne.services.log.keys import INDEX_SUFFIX, LogKeys
from vitne.services.log.names import Logs
from vitne.services.log.published_files import Published
from vitne.services.log.staged_round import Step, no_step
from vitne.services.processes.loop import Loop
from vitne.services.publish.loop import Chore, Publisher
from vitne.services.publish.recover import Recover, Recovery
from vitne.services.publish.round import Publish
from vitne.services.seal.index_log import IndexLog
from vitne.services.seal.loop import Sealer
from vitne.services.search.search import Search
from vitne.services.search.show import Show
from vitne.services.senders.signed_batches import Batches
from vitne.services.senders.source_keys import SourceKeys
from vitne.services.trust.contradictions import WitnessIncidents
from vitne.services.trust.cosigned_heads import CosignedHeads
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.time_stamps import Anchor
from vitne.settings import Settings
from vitne.wiring.adapters import Adapters
from vitne.wiring.answering import ask_of, stores_of
from vitne.wiring.services import (
    all_stores,
    erase_of,
    preparer_of,
    runner_of,
    seal_of,
    streams_of,
    writer_of,
)
from vitne.wiring.witnessing import auditors_of, policies_of, witnessing_of

_LOG = logging.getLogger("vitne")
_DAY_US = 86_400_000_000
_FORGET_INTERVAL_S = 10
_ANCHOR_LOOK_S = 60
_SILENCE_LOOK_S = 60
_WITNESS_LOOK_S = 300
_SUMMARY_LOOK_S = 5
_EXPIRE_S = 86_400


class Server:
    """All services over one set of adapters.

    `start` begins to write, and in a serving server to publish; `close` ends both in an order that
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
        preparer = preparer_of(
            settings, self.logs, self.keys, adapters.archive.find, adapters.clock, adapters.ids
        )
        self.append = writer_of(adapters, settings, self.logs, self.keys, preparer)
        processes = processes_for(settings.prepare_processes) if serving else 0
        self.preparation = PreparePool(PrepareHere(preparer), adapters.preparing, processes)
        self.ingest = Ingest(self.preparation, self.append)
        self._make_trust(serving=serving)
        self._make_publishing(step)
        self._make_sealing(step)
        self._make_reading(step)
        self._make_answering()
        self.onboard = Onboard(adapters.state, self.append, self.own, adapters.clock, adapters.ids)
        self._started = False

    def _make_trust(self, *, serving: bool) -> None:
        """Whose cosignatures count, and who asks for them."""
        adapters, settings = self.adapters, self.settings
        self.policies = policies_of(adapters, self.keys, self.logs)
        self.incidents = WitnessIncidents(adapters.objects)
        self.cosigned = CosignedHeads(adapters.objects, self.policies, self.incidents)
        self.witnessed = WitnessedHeads(self.policies, adapters.heads, adapters.objects)
        self.own = OwnEvents(self.ingest, "api" if serving else "cli")
        self.auditors = auditors_of(
            adapters, self.policies, self.witnessed, self.incidents, own=self.own
        )
        self.witnessing = witnessing_of(
            adapters,
            settings,
            self.policies,
            self.witnessed,
            self.incidents,
            own=self.own,
            halt=self._halt,
            serving=serving,
        )

    def _make_publishing(self, step: Step) -> None:
        """What signs the trees, and what is done between two rounds."""
        adapters, settings, own = self.adapters, self.settings, self.own
        self.publish = Publish(
            adapters.store,
            adapters.heads,
            adapters.objects,
            self.keys,
            step,
            cleared=self.witnessing.may_publish,
        )
        forget = Forget(adapters.store, adapters.clock, settings.dedupe_days * _DAY_US)
        self.stats = CountReporter(adapters.store, own, adapters.clock, adapters.ids)
        self.source_keys = SourceKeys(
            adapters.state,
            adapters.store,
            own,
            adapters.clock,
            self.keys,
            self.append.place_stream_act,
        )
        self.batches = Batches(adapters.store, adapters.archive)
        self.streams = streams_of(adapters, self.append, self.logs, self.keys, self.source_keys)
        self.publisher = Publisher(
            self.publish,
            settings.publish_interval_ms / 1000,
            [
                Chore(_FORGET_INTERVAL_S, forget.run_once),
                Chore(settings.stats_interval_s, self.stats.run_once),
                Chore(
                    _SILENCE_LOOK_S,
                    partial(self.streams.abandon_silent, settings.stream_abandon_s),
                ),
            ],
            grown=self.witnessing.moved,
        )

    def _make_sealing(self, step: Step) -> None:
        """What seals, lists, erases and prunes."""
        adapters, settings, own = self.adapters, self.settings, self.own
        self._looking = Loop("witnessing", self._look, _WITNESS_LOOK_S, leave=True)
        self.search = Search(adapters.store, adapters.archive, adapters.segments, adapters.clock)
        runner = runner_of(adapters, self.logs)
        self.index_log = IndexLog(
            adapters.index_log,
            adapters.heads,
            adapters.objects,
            self.keys,
            self.logs,
            step,
            cleared=self.witnessing.may_publish,
            moved=self.witnessing.moved,
        )
        self.seal = seal_of(adapters, settings, runner, self.index_log, self.append, self.cosigned)
        self.sealer = Sealer(self.seal, runner, settings.seal_check_ms / 1000)
        self.erase = erase_of(
            adapters, self.append, self.seal, self.preparation.forget_personal_values
        )
        self.holds = Holds(adapters.erasure, own, adapters.clock, adapters.ids)
        self.retain = Retain(adapters.segments, adapters.archive, self.erase, adapters.clock)
        self.erasing = Erasing(self.erase, self.retain, own)
        try:
            self._rules = parse_rules(settings.retention)
        except BadInputError as error:
            raise ConfigurationError(f"retention: {error.message}", hint=error.hint) from error
        self._expiring = Loop("retention", self.expire, _EXPIRE_S, leave=True)

    def _make_reading(self, step: Step) -> None:
        """What shows and checks."""
        adapters = self.adapters
        self.show = Show(
            adapters.store,
            adapters.archive,
            adapters.objects,
            self.keys,
            nudge=self.publisher.nudge,
            erased=self.erase.erased_by,
        )
        self.recover = Recover(
            adapters.store, adapters.heads, adapters.objects, self.keys, adapters.index_log, step
        )
        self.fsck = Fsck(all_stores(adapters, self.keys))

    def _make_answering(self) -> None:
        """What answers questions, with time stamps."""
        adapters, settings = self.adapters, self.settings
        self.anchor = Anchor(
            adapters.authorities,
            adapters.stamps,
            adapters.objects,
            newest=self.cosigned.log,
            logs=lambda: [info.log for info in adapters.store.logs()],
            clock=adapters.clock,
            interval_s=settings.stamp_interval_s,
        )
        self.sources = SourceSummaries(stores_of(adapters))
        self._summing = Loop("summaries", self.sources.run_once, _SUMMARY_LOOK_S, leave=True)
        self.ask = ask_of(
            adapters,
            self.keys,
            self.logs,
            self.sources,
            cosigned=self.cosigned,
            policies=self.policies,
            witnessed=self.witnessed,
            erased=self.erase.erased_by,
            batches=self.batches,
            index_log=self.index_log,
            publish=self.publish,
            publisher=self.publisher,
            sealer=self.sealer,
            anchor=self.anchor,
        )
        self._anchoring = Loop("anchoring", self.anchor.run_once, _ANCHOR_LOOK_S, leave=True)

    def published(self, log: LogId) -> Published:
        """What a log has published."""
        return Published(self.objects, log)

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
        recovery = None
        if self.serving:
            recovery = self.recover.run()
            for log, reason in sorted(recovery.halted.items()):
                _LOG.error("log %s is not published: %s", log, reason)
                self._halt(log, reason)
            self.witnessing.resume()
        self._started = True  # before the first thread: whatever fails next, `close` ends them
        self.append.start()
        if self.serving:
            self.erase.resume()
            self.publisher.start()
            self.sealer.start()
            self._summing.start()
            if self._rules:
                self._expiring.start()
            if self.witnessing.places:
                _LOG.info("heads are cosigned by %d witnesses", len(self.witnessing.places))
                self.witnessing.start(())
                self._looking.start()
            if adapters_ask := self.adapters.authorities:
                _LOG.info("checkpoints are stamped by %d authorities", len(adapters_ask))
                self._anchoring.start()
        return recovery

    def expire(self) -> int:
        """Let expire what the setting `retention` says, in every log; how many records went."""
        done = 0
        for info in self.store.logs():
            expired = self.erasing.expire(info.log, self._rules, RETENTION)
            done += sum(len(one.records) for one in expired)
        return done

    def _look(self) -> None:
        self.witnessing.look([info.log for info in self.store.logs()])

    def _halt(self, tree: LogId, reason: str) -> None:
        """Publish a log, or the index log of one, no more."""
        log = LogId(tree.removesuffix(INDEX_SUFFIX))
        if log == tree:
            self.publish.halt(log, reason)
        else:
            self.index_log.halt(log, reason)

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
                stack.callback(self._anchoring.close)
                stack.callback(self.witnessing.close)
                stack.callback(self._looking.close)
                stack.callback(self._summing.close)
                stack.callback(self._expiring.close)
            stack.callback(self.append.close)
            stack.callback(self.preparation.close)
            if self.serving and self.append.is_alive:
                stack.callback(self.stats.finish)

    def __enter__(self) -> Self:
        """The server, started."""
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()
