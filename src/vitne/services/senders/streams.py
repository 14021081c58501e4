"""Streams whose senders sign: opening them, their beats and voids; and the state of all streams.

What a sender says here is a control entry of the log (transparency-log §3.2, types 3 to 5), signed
like its batches. The signature is checked here, where the stream stands in the transaction
(`services/writer/stream_acts`). The same message again is answered with the same receipt.
"""

from typing import Final, Literal

from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import BEAT_ABANDONED, NO_SIGNATURE, BeatEntry, VoidEntry
from vitne.core.entry.keys import stream_id
from vitne.core.entry.sender import verify_sender
from vitne.core.event.event import Problem
from vitne.core.values import (
    MAX_INT,
    Hash,
    LogId,
    decode_base64,
    encode_base64,
    format_utc,
)
from vitne.errors import (
    BadInputError,
    DecodeError,
    NotAllowedError,
    SenderRefusedError,
    StreamConflictError,
    TenantNotAllowedError,
    VerificationError,
)
from vitne.ports import ApiKey, Ports, Standing, StreamState
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
from vitne.wire.streams import (
    HeartbeatRequest,
    OpenStreamRequest,
    StreamMessageReply,
    StreamReply,
    VoidRequest,
)

MISSING_MAX: Final = 100
"""Ranges that a report names of one stream."""
BEAT_S_MAX: Final = 86_400
_SILENT_BEATS: Final = 3
_US: Final = 1_000_000
_AHEAD_US: Final = 86_400 * _US
_ABANDONED_AT_ONCE: Final = 200
_MAX_NAME_CHARS: Final = 128


class SenderStreams:
    """Takes what senders say of their streams. Any thread may call."""

    def __init__(
        self,
        ports: Ports,
        writer: Writer,
        receipts: ReceiptSigner,
        logs: Logs,
        keys: SourceKeys,
    ) -> None:
        self._ports = ports
        self._writer = writer
        self._receipts = receipts
        self._logs = logs
        self._keys = keys

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

    def open(self, key: ApiKey, said: OpenStreamRequest) -> StreamMessageReply:
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
        public_key = _bytes(said.key, 32, "key")
        known = self._keys.find(source, public_key)
        entry = StreamEntry(
            self._ports.clock.now_us(),
            stream_id(origin, source, said.name),
            source,
            said.name,
            said.mode,
            "sender",
            said.beat_s,
            public_key,
            _bytes(said.sig, 64, "sig"),
            _bytes(said.prev, 16, "prev") if said.prev else b"",
            said.prev_last,
        )
        self._check(log, origin, entry, public_key, said.name, source)
        key_entry = untimed(self._keys.entry(known, "add"))
        act = StreamAct("open", untimed(entry), public_key, key_entry)
        return self._done(log, origin, entry.stream_id, act, said.name)

    def beat(self, key: ApiKey, said: HeartbeatRequest) -> StreamMessageReply:
        """Take a heartbeat. Errors as `open`, and `StreamConflictError` for a replayed one."""
        log, origin = self.log_of(key, said.tenant)
        if said.occurred_us > self._ports.clock.now_us() + _AHEAD_US:
            raise refused(Problem("out_of_range", "$.occurred_us", "no time ahead of ours", "one"))
        if said.state not in (0, 1):
            raise BadInputError("a sender's beat has state 0 (alive) or 1 (closed)", where="state")
        stream = stream_id(origin, _source(key), said.name)
        entry = BeatEntry(
            1,
            said.occurred_us,
            stream,
            said.last,
            said.state,
            Hash(_bytes(said.prev, 32, "prev")),
            _bytes(said.sig, 64, "sig"),
        )
        return self._signed(key, "beat", entry, log, origin, said.name)

    def void(self, key: ApiKey, said: VoidRequest) -> StreamMessageReply:
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
            Hash(_bytes(said.digest, 32, "digest")),
            _bytes(said.sig, 64, "sig"),
        )
        return self._signed(key, "void", entry, log, origin, said.name)

    def _signed(
        self,
        key: ApiKey,
        kind: Literal["beat", "void"],
        entry: BeatEntry | VoidEntry,
        log: LogId,
        origin: str,
        name: str,
    ) -> StreamMessageReply:
        """Place what is said of a stream that is open, and signed with its key."""
        state = self._ports.store.stream(log, entry.stream_id)
        if state is None or state.sender is None:
            problem = Problem("wrong_stream", "$.stream", "a stream that is open", "another")
            raise refused(problem, where=name)
        public_key = state.sender.key
        self._check(log, origin, entry, public_key, name, _source(key))
        act = StreamAct(kind, untimed(entry), public_key)
        return self._done(log, origin, entry.stream_id, act, name)

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
    ) -> StreamMessageReply:
        """Place an act; if it is no new one, make sure that it is the same one."""
        index = self._writer.place_stream_act(log, act)
        receipt, entry = self._receipts.of(log, self._logs.origin(log), index)
        same = untimed_bytes(entry) == untimed_bytes(act.entry)
        state = self._ports.store.stream(log, stream)
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
        return StreamMessageReply(
            log, origin, stream.hex(), index, receipt, stand.last, encode_base64(stand.chain)
        )

    # ------------------------------------------------------------ the log's own

    def abandon_silent(self, after_s: int) -> int:
        """Give up streams that have been silent for longer; how many.

        A chore of the serving process. One that speaks meanwhile is left alone.
        """
        before_us = self._ports.clock.now_us() - after_s * _US
        done = 0
        for log, state in self._ports.store.silent_streams(before_us, _ABANDONED_AT_ONCE):
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

    def report(self, log: LogId) -> list[StreamReply]:
        """Every stream of a log, by source and name."""
        now_us = self._ports.clock.now_us()
        return [reported(state, now_us) for state in self._ports.store.streams(log)]


def reported(state: StreamState, now_us: int) -> StreamReply:
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
    return StreamReply(
        source=state.source,
        name=state.name,
        stream=state.stream_id.hex(),
        mode=state.sender.mode if state.sender else "none",
        numbers=state.numbers,
        status=status,
        last=state.last_seq,
        missing=sum(last - first + 1 for first, last in state.missing),
        missing_ranges=list(state.missing[:MISSING_MAX]),
        more_ranges=max(0, len(state.missing) - MISSING_MAX),
        voided=state.voided,
        beat_s=state.beat_s,
        last_seen=format_utc(state.named_us),
        silent_since=format_utc(state.named_us) if silent else "",
        late=state.late,
        late_max_s=state.late_max_us // _US,
    )


def _source(key: ApiKey) -> str:
    if key.source is None:
        raise NotAllowedError("the key may not write", hint="vitne key add --role write …")
    return key.source.source_id


def _bytes(text: str, size: int, where: str) -> bytes:
    try:
        return decode_base64(text, size, where)
    except DecodeError as error:
        raise BadInputError(error.message, where=where) from None


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _MAX_NAME_CHARS or name.startswith(SERVER_STREAM):
        problem = Problem(
            "bad_format",
            "$.name",
            f"1 to {_MAX_NAME_CHARS} characters, not beginning {SERVER_STREAM}",
            f"string of {len(name)} characters",
        )
        raise refused(problem)
