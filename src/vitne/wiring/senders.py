"""The chapter of senders: their streams, and the keys that they sign with."""

from functools import partial

from vitne.services.publish import Chore
from vitne.services.senders import Batches, SenderStreams, SourceKeys
from vitne.services.writer import ReceiptSigner, Writer
from vitne.wiring.adapters import Common
from vitne.wiring.intake import Intake

_SILENCE_LOOK_S = 60


class Senders:
    """What signing senders ask of the server; a chore marks silent streams as abandoned."""

    def __init__(self, common: Common, writer: Writer, intake: Intake) -> None:
        adapters = common.adapters
        self.source_keys = SourceKeys(
            adapters.state,
            adapters.store,
            intake.own_events,
            adapters.clock,
            common.keys,
            writer.place_stream_act,
        )
        self.batches = Batches(adapters.store, adapters.archive)
        receipts = ReceiptSigner(adapters.store, adapters.objects, common.keys)
        self.streams = SenderStreams(
            adapters.store, writer, receipts, common.logs, self.source_keys, adapters.clock
        )
        silence_s = common.settings.stream_abandon_s
        abandon = partial(self.streams.abandon_silent, silence_s)
        self.chores = (Chore(_SILENCE_LOOK_S, abandon),)
