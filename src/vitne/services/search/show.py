"""Show one record whole, with the proof that it is in the log and unchanged."""

import time
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from vitne.core.entry.keyring import erased_sections
from vitne.core.tree.merkle import leaf_hash, verify_inclusion
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LeafIndex, LogId, Record, Section, uuid_text
from vitne.errors import IntegrityError, NotFoundError, UnavailableError, VerificationError
from vitne.evidence.record import tlog_proof
from vitne.evidence.record.document import build_document
from vitne.ports import Ports
from vitne.services.log import Logs, Published, parse_checkpoint

_LOOK_EVERY_S = 0.02

NOT_PUBLISHED = "not_published"
"""Why a record has no proof yet: no checkpoint covers it."""


class ShownRecord(Struct, frozen=True):
    """A record, and its way to the newest published checkpoint if there is one."""

    record: Record
    checkpoint: str = ""
    """The signed note; `""` if the record is not published yet."""
    path: tuple[Hash, ...] = ()
    keys: tuple[str, ...] = ()
    """Vkeys of the log."""
    erased: Mapping[Section, int] = {}
    """Section → the erase entry that names it."""
    reason: str = ""
    """Why there is no proof: `not_published`; `""` if there is one."""

    def document(self, withhold: Collection[Section] = ()) -> bytes:
        """The proof as `vitne-record/v1`.

        Args:
            withhold: sections of which only the hash is given.

        Raises:
            UnavailableError: the record is not published yet.
            TooLargeError: the record does not fit into a document.
        """
        self._need_proof()
        return build_document(
            self.record, self.checkpoint, self.path, self.keys, withhold, self.erased
        )

    def tlog_proof(self) -> bytes:
        """The proof of the entry alone, as C2SP tlog-proof.

        Raises:
            UnavailableError: the record is not published yet.
        """
        self._need_proof()
        return tlog_proof.encode_tlog_proof(
            self.record.index, self.path, self.checkpoint, extra=self.record.entry
        )

    def _need_proof(self) -> None:
        if self.reason:
            raise UnavailableError(
                f"entry {self.record.index} is stored, but no checkpoint covers it yet",
                where=uuid_text(self.record.event_id),
                hint="ask again in a second",
            )


class Show:
    """Finds a record in the hot rows or the archive, and its proof in the tiles.

    Any thread may call.

    Args:
        logs: their keys.
        erased: tells which erase entry names a section.
        nudge: called when a proof is waited for: publish now rather than at the next interval.
        pause: how to wait, in seconds.
    """

    def __init__(
        self,
        ports: Ports,
        logs: Logs,
        *,
        nudge: Callable[[], None] = lambda: None,
        erased: Callable[[LogId, LeafIndex], Mapping[Section, int]] = lambda _log, _index: {},
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ports = ports
        self._logs = logs
        self._nudge = nudge
        self._erased = erased
        self._pause = pause

    def by_id(self, log: LogId, event_id: bytes, wait_s: float = 0.0) -> ShownRecord:
        """One event's record.

        Args:
            log: whose.
            event_id: 16 bytes of the UUID.
            wait_s: how long to wait for a checkpoint that covers it; without one in that time the
                answer has no proof, and says why.

        Raises:
            NotFoundError: the log holds no such event.
            IntegrityError: the published tiles contradict the record or the checkpoint.
        """
        record = self._find(log, event_id)
        erased = self._erased(log, record.index) if erased_sections(record) else {}
        checkpoint = self._covering(log, record, wait_s)
        if checkpoint is None:
            return ShownRecord(record, erased=erased, reason=NOT_PUBLISHED)
        head = parse_checkpoint(checkpoint)
        tiles = TileReader(Published(self._ports.objects, log).get, head.size)
        path = tiles.inclusion_proof(record.index)
        try:
            verify_inclusion(leaf_hash(record.entry), record.index, head.size, path, head.root)
        except VerificationError as error:
            raise IntegrityError(
                f"entry {record.index} is not what was published: {error.message}",
                where=head.origin,
                hint="vitne fsck tells what is damaged",
            ) from error
        key = self._logs.log_signer(head.origin).vkey
        return ShownRecord(record, checkpoint, tuple(path), (key,), erased)

    def _find(self, log: LogId, event_id: bytes) -> Record:
        # Sealing lists a segment before its rows leave the hot store, so a record that is in
        # neither at this order of looking was never there.
        record = self._ports.store.find(log, event_id) or self._ports.archive.find(log, event_id)
        if record is None:
            raise NotFoundError("this log holds no event of that id", where=uuid_text(event_id))
        return record

    def _covering(self, log: LogId, record: Record, wait_s: float) -> str | None:
        """The published checkpoint, once it covers the record."""
        published = Published(self._ports.objects, log)
        waited = 0.0
        while True:
            checkpoint = published.checkpoint()
            if checkpoint and parse_checkpoint(checkpoint).size > record.index:
                return checkpoint
            if waited >= wait_s:
                return None
            self._nudge()
            self._pause(_LOOK_EVERY_S)
            waited += _LOOK_EVERY_S
