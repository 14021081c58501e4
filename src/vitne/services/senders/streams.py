"""Streams whose senders sign: opening them, their beats and voids; and the state of all streams.

What a sender says here is a control entry of the log (transparency-log §3.2, types 3 to 5), signed
like its batches. The signature is checked here, where the stream stands in the transaction
(`services/writer/stream_acts`). The same message again is answered with the same receipt.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import BEAT_ABANDONED, NO_SIGNATURE, BeatEntry, VoidEntry
from vitne.core.entry.keys import stream_id
from vitne.core.entry.sender import verify_sender
from vitne.core.event.event import Problem
from vitne.core.values import MAX_INT, Hash, LeafIndex, LogId
from vitne.errors import (
    BadInputError,
    DecodeError,
    NotAllowedError,
    SenderRefusedError,
    StreamConflictError,
    TenantNotAllowedError,
    VerificationError,
)
from vitne.ports import ApiKey, Clock, RecordStore, Standing, StreamState
from vitne.services.log import Logs
from vitne.services.senders.source_keys import SourceKeys
from vitne.services.writer import (
    SERVER_STREAM,
    Incident,
    ReceiptSigner,
    StreamAct,
    Writer,
    refused,
    untimed,
    untimed_bytes,
)

MISSING_MAX: Final = 100
"""Ranges that a report names of one stream."""
BEAT_S_MAX: Final = 86_400
_SILENT_BEATS: Final = 3
_US: Final = 1_000_000
_AHEAD_US: Final = 86_400 * _US
_ABANDONED_AT_ONCE: Final = 200
_MAX_NAME_CHARS: Final = 128


class Opening(Struct, frozen=True):
    """What a sender says of a new stream, and its signature over it."""

    tenant: str
    name: str
    mode: Literal["full", "body"]
    beat_s: int
    key: bytes
    sig: bytes
    prev: bytes = b""
    prev_last: int = 0


class Beat(Struct, frozen=True):
    """A heartbeat."""

    tenant: str
    name: str
    last: int
    occurred_us: int
    state: int
    prev: bytes
    sig: bytes


class Void(Struct, frozen=True):
    """Numbers that will never come."""

    tenant: str
    name: str
    first: int
    last: int
    occurred_us: int
    reason: int
    digest: bytes
    sig: bytes


class ActReceipt(Struct, frozen=True):
    """What a sender is answered: its entry, the receipt for it, and where the stream stands."""

    log: LogId
    origin: str
    stream_id: bytes
    index: LeafIndex
    receipt: str
    stand: Standing


class StreamReport(Struct, frozen=True):
    """How complete one stream is."""

    state: StreamState
    status: Literal["open", "silent", "closed", "abandoned", "followed"]
    missing: int
    """Numbers that were given out, and are neither an event nor void."""
    ranges: Sequence[tuple[int, int]]
    """Which; at most `MISSING_MAX` ranges."""
    more_ranges: int
    silent_us: int
    """Since when nothing came, if three promised beats are late; else 0."""


class SenderStreams:
    """Takes what senders say of their streams. Any thread may call."""

    def __init__(
        self,
        store: RecordStore,
        writer: Writer,
        receipts: ReceiptSigner,
        logs: Logs,
        keys: SourceKeys,
        clock: Clock,
    ) -> None:
        self._store = store
        self._writer = writer
        self._receipts = receipts
        self._logs = logs
        self._keys = keys
        self._clock = clock

    # ------------------------------------------------------------ senders

    def log_of(self, key: ApiKey, tenant: str) -> tuple[LogId, str]:
        """Which log a sender writes to, and its origin, which its signatures name.

        Args:
            key: with the role write.
            tenant: `""`: the only one that the key is for.

        Raises:
            BadInputError: the key is for several tenants and none is named.
            TenantNotAllowedError: no tenant of this key.
        """
        if not tenant and len(key.tenants) != 1:
            raise BadInputError(
                "the key is for several tenants, so the request names one", where="tenant"
            )
        log = LogId(tenant) if tenant else key.tenants[0]
        if not key.covers(log) or not self._logs.exists(log):
            raise TenantNotAllowedError("the API key is not for this tenant", where=log[:64])
        return log, self._logs.origin(log)

    def open(self, key: ApiKey, said: Opening) -> ActReceipt:
        """Register a stream; the same registration again is answered as before.

        Raises:
            SenderRefusedError: signature, key or name is not right; `problems` say which.
            StreamConflictError: another stream has the name.
            TenantNotAllowedError, UnavailableError: as they say.
        """
        log, origin = self.log_of(key, said.tenant)
        source = _source(key)
        _check_name(said.name)
        if not 0 <= said.beat_s <= BEAT_S_MAX or not 0 <= said.prev_last <= MAX_INT:
            raise BadInputError(f"beat_s is 0 to {BEAT_S_MAX}", where="beat_s")
        known = self._keys.find(source, said.key)
        entry = StreamEntry(
            self._clock.now_us(),
            stream_id(origin, source, said.name),
            source,
            said.name,
            said.mode,
            "sender",
            said.beat_s,
            said.key,
            said.sig,
            said.prev,
            said.prev_last,
        )
        self._check(log, origin, entry, said.key, said.name, source)
        key_entry = untimed(self._keys.entry(known, "add"))
        act = StreamAct("open", untimed(entry), said.key, key_entry)
        return self._done(log, origin, entry.stream_id, act, said.name)

    def beat(self, key: ApiKey, said: Beat) -> ActReceipt:
        """Take a heartbeat. Errors as `open`, and `StreamConflictError` for a replayed one."""
        log, origin = self.log_of(key, said.tenant)
        if said.occurred_us > self._clock.now_us() + _AHEAD_US:
            raise refused(Problem("out_of_range", "$.occurred_us", "no time ahead of ours", "one"))
        if said.state not in (0, 1):
            raise BadInputError("a sender's beat has state 0 (alive) or 1 (closed)", where="state")
        stream = stream_id(origin, _source(key), said.name)
        entry = BeatEntry(
            1, said.occurred_us, stream, said.last, said.state, Hash(said.prev), said.sig
        )
        public_key = self._key_of(log, stream, said.name)
        self._check(log, origin, entry, public_key, said.name, _source(key))
        return self._done(
            log, origin, stream, StreamAct("beat", untimed(entry), public_key), said.name
        )

    def void(self, key: ApiKey, said: Void) -> ActReceipt:
        """Take a void. Errors as `open`, and `StreamConflictError` if a number was used."""
        log, origin = self.log_of(key, said.tenant)
        stream = stream_id(origin, _source(key), said.name)
        entry = VoidEntry(
            1,
            said.occurred_us,
            stream,
            said.first,
            said.last,
            said.reason,
            Hash(said.digest),
            said.sig,
        )
        public_key = self._key_of(log, stream, said.name)
        self._check(log, origin, entry, public_key, said.name, _source(key))
        return self._done(
            log, origin, stream, StreamAct("void", untimed(entry), public_key), said.name
        )

    def _key_of(self, log: LogId, stream: bytes, name: str) -> bytes:
        state = self._store.stream(log, stream)
        if state is None or state.sender is None:
            problem = Problem("wrong_stream", "$.stream", "a stream that is open", "another")
            raise refused(problem, where=name)
        return state.sender.key

    def _check(
        self,
        log: LogId,
        origin: str,
        entry: StreamEntry | BeatEntry | VoidEntry,
        public_key: bytes,
        name: str,
        source: str,
    ) -> None:
        """The signature. One that fails is told in the log before it is answered."""
        try:
            verify_sender(origin, entry, public_key)
        except (VerificationError, DecodeError):
            self._writer.record_incident(
                log, Incident(source, name, "bad_signature", entry.sig.hex())
            )
            problem = Problem("bad_signature", "$.sig", "the sender's", "another")
            raise refused(problem, where=name) from None

    def _done(
        self, log: LogId, origin: str, stream: bytes, act: StreamAct, name: str
    ) -> ActReceipt:
        """Place an act; if it is no new one, make sure that it is the same one."""
        index = self._writer.place_stream_act(log, act)
        receipt, entry = self._receipts.of(log, self._logs.origin(log), index)
        same = untimed_bytes(entry) == untimed_bytes(act.entry)
        state = self._store.stream(log, stream)
        sender = None if state is None else state.sender
        stand = (
            Standing(state.last_seq, sender.chain, state.closed)
            if state is not None and sender is not None
            else Standing(0, bytes(32), closed=False)
        )
        if not same:
            problem = Problem("replayed", "$", "a message that the log has not", "an earlier one")
            raise StreamConflictError(
                "the stream stands elsewhere", where=name, problems=(problem,), stand=stand
            )
        return ActReceipt(log, origin, stream, index, receipt, stand)

    # ------------------------------------------------------------ the log's own

    def abandon_silent(self, after_s: int) -> int:
        """Give up streams that have been silent for longer; how many.

        A chore of the serving process. One that speaks meanwhile is left alone.
        """
        before_us = self._clock.now_us() - after_s * _US
        done = 0
        for log, state in self._store.silent_streams(before_us, _ABANDONED_AT_ONCE):
            sender = state.sender
            if sender is None:
                continue
            entry = BeatEntry(
                1,
                1,
                state.stream_id,
                state.last_seq,
                BEAT_ABANDONED,
                Hash(sender.chain),
                NO_SIGNATURE,
            )
            act = StreamAct("abandon", untimed(entry), before_us=before_us)
            try:
                self._writer.place_stream_act(log, act)
            except SenderRefusedError:
                continue
            done += 1
        return done

    # ------------------------------------------------------------ readers

    def report(self, log: LogId) -> list[StreamReport]:
        """Every stream of a log, by source and name."""
        now_us = self._clock.now_us()
        return [reported(state, now_us) for state in self._store.streams(log)]


def reported(state: StreamState, now_us: int) -> StreamReport:
    """How complete a stream is at a moment (pure)."""
    is_open = not (state.closed or state.followed)
    late_us = _SILENT_BEATS * state.beat_s * _US
    silent = is_open and state.beat_s > 0 and now_us - state.named_us > late_us
    status: Literal["open", "silent", "closed", "abandoned", "followed"]
    if state.abandoned:
        status = "abandoned"
    elif state.closed:
        status = "closed"
    elif state.followed:
        status = "followed"
    else:
        status = "silent" if silent else "open"
    return StreamReport(
        state,
        status,
        sum(last - first + 1 for first, last in state.missing),
        state.missing[:MISSING_MAX],
        max(0, len(state.missing) - MISSING_MAX),
        state.named_us if silent else 0,
    )


def _source(key: ApiKey) -> str:
    if key.source is None:
        raise NotAllowedError("the key may not write", hint="vitne key add --role write …")
    return key.source.source_id


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _MAX_NAME_CHARS or name.startswith(SERVER_STREAM):
        problem = Problem(
            "bad_format",
            "$.name",
            f"1 to {_MAX_NAME_CHARS} characters, not beginning {SERVER_STREAM}",
            f"string of {len(name)} characters",
        )
        raise refused(problem)
