"""Streams of senders and their keys: opening, heartbeats, gaps, closing.

`source_keys` registers and retires public keys; `signed_batches` takes what they sign. `streams`
says which senders are missing, silent or late.
"""

from vitne.services.senders.signed_batches import Batches
from vitne.services.senders.source_keys import SourceKeys, to_source_key_reply
from vitne.services.senders.streams import SenderStreams
