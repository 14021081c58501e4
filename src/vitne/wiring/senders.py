"""The chapter of senders: their streams, and the keys that they sign with."""

from functools import partial

from vitne.services.publish import Chore
from vitne.services.senders import Batches, SenderStreams, SourceKeys
from vitne.services.writer import ReceiptSigner
from vitne.wiring.adapters import Common
from vitne.wiring.intake import Intake

_SILENCE_LOOK_S = 60


class Senders:
    """What signing senders ask of the server; a chore marks silent streams as abandoned."""

    def __init__(self, common: Common, intake: Intake) -> None:
        adapters = common.adapters
        self.source_keys = SourceKeys(
            adapters,
            intake.own_events,
            common.logs,
            intake.writer.place_stream_act,
        )
        self.batches = Batches(adapters)
        receipts = ReceiptSigner(adapters, common.logs)
        self.streams = SenderStreams(
            adapters, intake.writer, receipts, common.logs, self.source_keys
        )
        silence_s = common.settings.stream_abandon_s
        abandon = partial(self.streams.abandon_silent, silence_s)
        self.chores = (Chore(_SILENCE_LOOK_S, abandon),)
