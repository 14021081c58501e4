"""From the bytes of a request to a prepared request that waits for the writer.

Everything that needs no transaction happens before the writer, in the caller's thread or in a
process beside: decode, validate, the policy, sections, commitments, entries. The writer only places
what is ready.
"""

from concurrent.futures import Future

from vitne.errors import NotAllowedError
from vitne.ports import ApiKey
from vitne.services.intake.workers import Job, PreparePool
from vitne.services.writer import Arrival, Form, Writer
from vitne.wire.events import IntakeReply


class Ingest:
    """The way in. Any thread may call."""

    def __init__(self, preparation: PreparePool, writer: Writer) -> None:
        self._preparation = preparation
        self._writer = writer

    def submit(
        self, body: bytes, form: Form, key: ApiKey, arrival: Arrival
    ) -> "Future[IntakeReply]":
        """Prepare one request and hand it to the writer.

        Args:
            body: unpacked bytes.
            form: one event or an array, one event a line, or import lines with their originals.
            key: who sends; its registration bounds what the events may claim.
            arrival: what is known of the request beside its body and key.

        Returns:
            Done once everything the reply says is durable. It may end in `UnavailableError`
            (nothing was stored) or another `VitneError`.

        Raises:
            UnreadableBodyError: the body is none of the form.
            TooLargeError: too many events or bytes.
            NotAllowedError: the key may not write, or may not import.
            OverloadedError: too much is waiting; refused whole, nothing is stored.
        """
        if key.source is None or "write" not in key.roles:
            raise NotAllowedError("the key may not write", hint="vitne key add --role write …")
        if form == "import" and not key.source.may_import:
            raise NotAllowedError(
                "the key's source may not import", hint="vitne key add --may-import …"
            )
        self._writer.queue.check(len(body))
        request = self._preparation.prepare(Job(body, form, key, key.source, arrival))
        self._writer.queue.put(request)
        return request.future
