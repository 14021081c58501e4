"""How the service that answers questions is put together."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from vitne.core.values.types import LeafIndex, LogId, Section
from vitne.evidence.bundle.facts import StampFacts
from vitne.services.answers.answer import Answers
from vitne.services.answers.inputs import FactSources, LogStores
from vitne.services.answers.source_summaries import SourceSummaries
from vitne.services.log.keys import LogKeys, index_log_id
from vitne.services.log.names import Logs
from vitne.services.publish.loop import Publisher
from vitne.services.publish.round import Publish
from vitne.services.seal.index_log import IndexLog
from vitne.services.seal.loop import Sealer
from vitne.services.senders.signed_batches import Batches
from vitne.services.trust.cosigned_heads import CosignedHeads
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.policies import PolicyTexts
from vitne.services.trust.time_stamps import Anchor
from vitne.wiring.adapters import Adapters

Erased = Callable[[LogId, int], Mapping[Section, int]]
"""(log, index) → the erase entry of each erased section."""


def stores_of(adapters: Adapters) -> LogStores:
    """What answers read."""
    return LogStores(adapters.store, adapters.archive, adapters.segments, adapters.objects)


def ask_of(  # noqa: PLR0913 - what it stands on
    adapters: Adapters,
    keys: LogKeys,
    logs: Logs,
    summaries: SourceSummaries,
    *,
    cosigned: CosignedHeads,
    policies: PolicyTexts,
    erased: Erased,
    witnessed: WitnessedHeads,
    batches: Batches,
    index_log: IndexLog,
    publish: Publish,
    publisher: Publisher,
    sealer: Sealer,
    anchor: Anchor,
) -> Answers:
    """What answers questions."""

    def stamps(log: LogId, note: str) -> Sequence[StampFacts]:
        # Looking for stamps reads a folder; without an authority there is none.
        found = anchor.of_note(log, note) if adapters.authorities else ()
        over = sha256(note.encode()).digest()
        return [StampFacts("rfc3161", over, stamp.token) for stamp in found]

    def trouble(log: LogId) -> str:
        told = (publish.halted.get(log), index_log.halted.get(log), cosigned.incident(log))
        return next(filter(None, told), "")

    facts = FactSources(
        log_note=cosigned.log,
        index_note=cosigned.index,
        policies=policies.texts,
        counter=index_log.troubles,
        senders=lambda log, index: batches.sender_proof(log, LeafIndex(index)),
        erased=erased,
        seal_on_demand=sealer.seal_on_demand,
        stamps=stamps,
        trouble=trouble,
        objection=cosigned.objection,
        behind=lambda log: witnessed.behind(index_log_id(log)),
        nudge=publisher.nudge,
    )
    return Answers(stores_of(adapters), keys, logs, summaries, facts)
