"""The chapter that finds and shows records."""

from vitne.services.search.search import Search
from vitne.services.search.show import Show
from vitne.wiring.adapters import Common
from vitne.wiring.erasure import Erasure
from vitne.wiring.publish import Publishing


class Searching:
    """`pages` of records that a filter finds; single `records` with their proofs."""

    def __init__(self, common: Common, publish: Publishing, erasure: Erasure) -> None:
        adapters = common.adapters
        self.pages = Search(adapters.store, adapters.archive, adapters.segments, adapters.clock)
        self.records = Show(
            adapters.store,
            adapters.archive,
            adapters.objects,
            common.keys,
            nudge=publish.loop.nudge,
            erased=erasure.erase.erased_by,
        )
