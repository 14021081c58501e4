"""One run of a client: its stream names and numbers, its place on disk, its pipeline.

A process start is a run, and so is a forked child's life: both begin their streams at number 1.
"""

import hashlib
import logging
import os
import re
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vitne.core.tree.note import Signer
from vitne.core.values import RANDOM_BYTES, uuid7
from vitne.errors import ConfigurationError
from vitne.sdk.delivery.event_item import RECORD_KEY_BYTES, EventItem, KeptState
from vitne.sdk.delivery.numbering import NAME_ROOM_CHARS, NumberedStream, NumberedStreams
from vitne.sdk.delivery.pipeline import Pipeline
from vitne.sdk.delivery.receipts import ReceiptStore
from vitne.sdk.delivery.spool import Spool, adopt_spools
from vitne.sdk.delivery.transport import SDK_NAME, HttpTransport
from vitne.sdk.events.prepare import Checker
from vitne.sdk.options import Options

if TYPE_CHECKING:  # only a client that signs loads what signs
    from vitne.sdk.signing.signing_transport import SigningTransport

_log = logging.getLogger("vitne.sdk")

_MAX_NAME_CHARS: Final = 128 - NAME_ROOM_CHARS


class ClientRun:
    """Everything that must begin anew when a process starts or forks."""

    def __init__(self, url: str, api_key: str, options: Options, *, default_spool: bool) -> None:
        signer = _signer(options)
        self.run_id = uuid7(time.time_ns() // 1000, os.urandom(RANDOM_BYTES)).hex()
        self.options = options
        self.streams = NumberedStreams(_stream_name(options, self.run_id), SDK_NAME)
        self.closed = False
        self.ordinal = 0
        self._folder = _folder(url, options)
        self.spool = self._open_spool(optional=default_spool)
        self.receipts = ReceiptStore(
            self._folder if self.spool is not None else None, options.receipts_max_bytes
        )
        self.signed = self._sign_with(signer, url, api_key) if signer is not None else None
        self.pipeline = Pipeline(
            options,
            self.signed or HttpTransport(url, api_key, options),
            self.spool,
            on_answer=self.receipts.on_answer,
            in_order=self.signed is not None,
        )
        if self.spool is not None:
            self.pipeline.every(60.0, self._adopt)

    def _open_spool(self, *, optional: bool) -> Spool | None:
        if self._folder is None:
            return None
        options = self.options
        try:
            return Spool(
                self._folder / "runs" / self.run_id,
                max_bytes=options.spool_max_bytes,
                fsync=options.spool_fsync,
                keyed=bool(options.signing_key),
            )
        except OSError as error:
            if not optional:
                raise ConfigurationError(
                    f"cannot write the spool folder {self._folder}: {error}",
                    hint="choose another one with spool_dir=, or None for no spool",
                ) from error
            _log.warning(
                "cannot write the spool folder, so events wait in memory only; %s: %s",
                self._folder,
                error,
            )
            return None

    def _adopt(self) -> None:
        """Take over what processes that are gone left behind."""
        if self._folder is not None:
            most = self.options.spool_max_bytes
            signs = self.signed is not None
            runs = self._folder / "runs"
            self.pipeline.adopt(adopt_spools(runs, self.run_id, max_bytes=most, keyed=signs))

    def _sign_with(self, signer: Signer, url: str, api_key: str) -> "SigningTransport":
        """What signs, and sends what is signed."""
        from vitne.sdk.signing.signing_transport import SigningTransport  # noqa: PLC0415 - see above

        checker = Checker(self.options)
        return SigningTransport(
            url,
            api_key,
            self.options,
            run=self.run_id,
            folder=self._folder if self.spool is not None else None,
            signer=signer,
            context=lambda tenant: checker.context(time.time_ns() // 1000, tenant),
            keep=self.receipts.keep,
            end_idle=self._end_idle,
        )

    def _end_idle(self, stream: NumberedStream) -> bool:
        """Let the next event begin another stream; False if this one is no longer quiet."""
        with self.pipeline.queue.lock:
            waits = len(self.pipeline.queue) or self.pipeline.queue.under_way
            return not waits and self.streams.end(stream)

    def submit(
        self, event_id: str, tenant: str, event: bytes, *, durable: bool = False, end: bool = False
    ) -> tuple[EventItem, bool]:
        """Number an encoded event and queue it; False if it is lost (counted, a visible gap)."""
        self.pipeline.start()
        waiter: Future[KeptState] | None = Future() if durable else None
        due_at = time.monotonic() + self.options.durable_wait_s if durable else 0.0
        queue = self.pipeline.queue
        with queue.lock:
            if queue.stopping or (self.closed and not end):
                queue.stats.after_close += 1
                return EventItem(0, event_id, tenant, event, waiter), False
            stream = self.streams.of(tenant)
            signed = self.signed if tenant else None
            if signed is not None and not stream.last_seq:
                signed.streams.begin(stream)
            body = self.streams.number(event, stream, end=end)
            self.ordinal += 1
            item = EventItem(
                self.ordinal, event_id, tenant, body, waiter, due_at, stream.last_seq, stream.name
            )
            if signed is not None:
                signed.streams.issue(stream)
                item.record_key = os.urandom(RECORD_KEY_BYTES)
            queue.stats.recorded += 1
            taken = queue.put(item)
            if not taken:
                stream.lose(stream.last_seq)
                queue.stats.lost += 1
                queue.settle([item.ordinal])
            lost = queue.stats.lost
        if not taken and lost & (lost - 1) == 0:  # at 1, 2, 4, 8, …; outside the lock
            _log.error("queue and spool are full; events lost so far: %d", lost)
        return item, taken

    def count(self, name: str, many: int = 1) -> None:
        """Add to one of the counts of `Stats`."""
        queue = self.pipeline.queue
        with queue.lock:
            setattr(queue.stats, name, getattr(queue.stats, name) + many)

    def stop(self, timeout_s: float) -> None:
        """Send or spool what waits, and end the threads."""
        left = self.pipeline.stop(timeout_s)
        if left:
            _log.error("no answer from the server and no room on disk; events lost: %d", len(left))

    def abandon(self) -> None:
        """In a forked child: close what belongs to the parent process, without changing it."""
        if self.spool is not None:
            self.spool.abandon()
        if self.signed is not None:
            self.signed.streams.abandon()


def _folder(url: str, options: Options) -> Path | None:
    """Where one application's runs for one server lie, so that test events never reach prod."""
    if options.spool_dir is None:
        return None
    source = re.sub(r"[^A-Za-z0-9._-]", "_", f"{options.application}.{options.service}")
    server = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:8]
    return Path(options.spool_dir) / f"{source}-{server}"


def _stream_name(options: Options, run_id: str) -> str:
    """`application/service/instance/run`, so that people can tell the streams apart."""
    parts = [options.application, options.service, options.instance]
    front = "/".join(part for part in parts if part)
    return f"{front[: _MAX_NAME_CHARS - len(run_id) - 1]}/{run_id}"


def _signer(options: Options) -> Signer | None:
    """The key that the streams are signed with. Raises `ConfigurationError`, `NotFoundError`."""
    if not options.signing_key:
        return None
    from vitne.sdk.signing.keyfile import read_signing_key  # noqa: PLC0415 - see above

    signer = read_signing_key(Path(options.signing_key))
    source = f"{options.application}/{options.service}"
    if signer.name != source:
        raise ConfigurationError(
            f"the signing key belongs to {signer.name}, but this client is {source}",
            where=str(options.signing_key),
        )
    return signer
