"""The one writer: many prepared requests, one durable transaction, then receipts and replies.

`queue` is where requests wait, `plan` decides what is new, repeated or refused (pure), `writer`
stores it. Nothing here hashes a tree.
"""

from vitne.services.writer.control_entries import untimed, untimed_bytes
from vitne.services.writer.pending_request import Arrival, Form, PendingRequest
from vitne.services.writer.prepared import (
    SERVER_STREAM,
    LogBatch,
    PreparedEvent,
    PreparedVoid,
    SignedBatch,
    StreamAct,
    StreamRef,
)
from vitne.services.writer.receipts import ReceiptSigner
from vitne.services.writer.refusals import Incident, refused
from vitne.services.writer.stream_numbers import StreamCursor
from vitne.services.writer.writer import Writer, WriterLimits
