"""The chapter that answers questions, with all that other chapters know of what limits them."""

from vitne.core.values import LeafIndex, LogId
from vitne.services.answers import Answers, FactSources, SourceSummaries
from vitne.services.log import index_log_id
from vitne.services.processes import Loop
from vitne.wiring.adapters import Common
from vitne.wiring.erasure import Erasure
from vitne.wiring.publish import Publishing
from vitne.wiring.seal import Sealing
from vitne.wiring.senders import Senders
from vitne.wiring.trust import Trust

_SUMMARY_LOOK_S = 5


class Answering:
    """Verdicts with their evidence; the summaries of sources are kept ready by a loop."""

    def __init__(
        self,
        common: Common,
        trust: Trust,
        senders: Senders,
        publish: Publishing,
        seal: Sealing,
        erasure: Erasure,
    ) -> None:
        def trouble(log: LogId) -> str:
            reasons = (
                publish.rounds.halted.get(log),
                seal.index_log.halted.get(log),
                trust.incidents.reason(log),
            )
            return next(filter(None, reasons), "")

        facts = FactSources(
            log_note=trust.cosigned.newest,
            index_note=trust.cosigned.index,
            policies=trust.policies.texts,
            counter=seal.index_log.troubles,
            senders=lambda log, index: senders.batches.sender_proof(log, LeafIndex(index)),
            erased=erasure.erase.erased_by,
            seal_on_demand=seal.loop.seal_on_demand,
            stamps=trust.stamp_facts,
            trouble=trouble,
            objection=trust.cosigned.objection,
            behind=lambda log: trust.heads.behind(index_log_id(log)),
            nudge=publish.loop.nudge,
        )
        self.summaries = SourceSummaries(common.adapters)
        self.questions = Answers(common.adapters, common.logs, self.summaries, facts)
        self._loop = Loop("summaries", self.summaries.run_once, _SUMMARY_LOOK_S, leave=True)

    def start(self) -> None:
        """Begin to keep summaries ready."""
        self._loop.start()

    def close(self) -> None:
        """Keep none ready any more."""
        self._loop.close()
