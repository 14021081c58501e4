"""The chapter that publishes: rounds, the loop that runs them, and what finishes a crashed one."""

from collections.abc import Sequence

from vitne.core.values import LogId
from vitne.services.log import Published
from vitne.services.publish import Chore, PublishLoop, PublishRounds, Recover
from vitne.wiring.adapters import Common
from vitne.wiring.trust import Trust


class Publishing:
    """Signs the trees of all logs; between two rounds it does small chores of other chapters."""

    def __init__(self, common: Common, trust: Trust, chores: Sequence[Chore]) -> None:
        self._objects = common.adapters.objects
        self.rounds = PublishRounds(
            common.adapters,
            common.logs,
            common.step,
            cleared=trust.witnesses.may_publish,
        )
        self.loop = PublishLoop(
            self.rounds,
            common.settings.publish_interval_ms / 1000,
            chores,
            grown=trust.witnesses.moved,
        )
        self.recovery = Recover(common.adapters, common.logs, common.step)

    def files(self, log: LogId) -> Published:
        """What a log has published."""
        return Published(self._objects, log)
