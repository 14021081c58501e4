"""Keys that sources sign with: registered, named in each log that they sign for, retired.

A log names a key (an entry of type 6, role source) before the first stream that is signed with it,
so whoever reads the log finds the key before the signature. Retiring it is told in every log that
names it; from then on nothing that it signs is taken, while what it signed before stays proved.
"""

from collections.abc import Callable
from typing import Final, Literal

from vitne.core.entry.control import SigningKeyEntry
from vitne.core.event.event import Problem
from vitne.core.tree.note import Verifier
from vitne.core.tree.signature import ED25519
from vitne.core.values import LogId, format_utc
from vitne.errors import BadInputError, DecodeError, NotFoundError
from vitne.ports import Ports, SourceKey
from vitne.services.access import OPERATOR, Caller, OwnEvents
from vitne.services.log import FIRST_EPOCH, Logs
from vitne.services.writer import StreamAct, refused, untimed
from vitne.wire.tenants import SourceKeyReply

_VKEY_MAX: Final = 300


def to_source_key_reply(key: SourceKey) -> SourceKeyReply:
    """A key as it is listed."""
    retired_at = format_utc(key.retired_us) if key.retired_us else ""
    return SourceKeyReply(key.source, key.vkey, format_utc(key.added_us), retired_at)


class SourceKeys:
    """Registers and retires them. Any thread may call."""

    def __init__(
        self,
        ports: Ports,
        own: OwnEvents,
        logs: Logs,
        act: Callable[[LogId, StreamAct], object],
    ) -> None:
        self._ports = ports
        self._own = own
        self._logs = logs
        self._act = act

    def add(self, vkey: str, caller: Caller) -> SourceKey:
        """Register a key; its name is the source's, `application/service`.

        Raises:
            BadInputError: no Ed25519 vkey, an unsafe key, or not the name of a source.
            ConflictError: a source has the key already.
        """
        try:
            verifier = Verifier(vkey if len(vkey) <= _VKEY_MAX else "")
        except DecodeError as error:
            raise BadInputError(f"no verifier key: {error.message}", where="vkey") from error
        application, slash, service = verifier.name.partition("/")
        if verifier.kind != ED25519 or not (application and slash and service):
            raise BadInputError(
                "a source's key is an Ed25519 key under the name application/service",
                where=verifier.name[:100],
                hint="vitne key source new FILE --source crm/crm-bff makes one",
            )
        key = SourceKey(verifier.name, vkey, verifier.public_key, self._ports.clock.now_us())
        self._record_event("audit.source_key.added", key, caller)
        self._ports.state.add_source_key(key)
        return key

    def all(self) -> list[SourceKey]:
        """All, retired ones included, by source and time of adding."""
        return self._ports.state.source_keys()

    def retire(self, vkey: str, caller: Caller) -> SourceKey:
        """Retire a key, and say so in every log that names it.

        Killed in between, the call can be made again: what is done already changes nothing.

        Raises:
            NotFoundError: no source has it.
        """
        found = next((key for key in self._ports.state.source_keys() if key.vkey == vkey), None)
        if found is None:
            raise NotFoundError("no source has this key", hint="vitne key source list")
        self._ports.state.retire_source_key(found.public_key, self._ports.clock.now_us())
        for log in self._ports.store.logs_announcing(found.public_key):
            self._act(
                log, StreamAct("retire", untimed(self.entry(found, "retire")), found.public_key)
            )
        self._record_event("audit.source_key.retired", found, caller)
        return next(key for key in self._ports.state.source_keys() if key.vkey == vkey)

    def find(self, source: str, public_key: bytes) -> SourceKey:
        """The registered key of a source that is in use.

        Raises:
            SenderRefusedError: it has no such key, or the key is retired.
        """
        for key in self._ports.state.source_keys():
            if key.public_key == public_key and key.source == source:
                if key.retired_us:
                    raise refused(
                        Problem("retired_source_key", "$.key", "a key in use", "a retired one")
                    )
                return key
        raise refused(
            Problem("unknown_source_key", "$.key", f"a key registered for {source}", "another")
        )

    def entry(self, key: SourceKey, state: Literal["add", "retire"]) -> SigningKeyEntry:
        """What a log says of it."""
        return SigningKeyEntry(1, "source", key.source, key.vkey, state)

    def export_index_secret(self, log: LogId, caller: Caller) -> tuple[bytes, int]:
        """K of a log and its epoch, for a sender that signs lookup keys too; logged first.

        Raises:
            NotFoundError: no such log.
        """
        key = self._logs.known_index_secret(log)
        more = {"severity": "critical"}
        self._own.write(log, "audit.index_key.exported", caller, more=more)
        return key, FIRST_EPOCH

    def _record_event(self, kind: str, key: SourceKey, caller: Caller) -> None:
        more = {"extra": {"vkey": key.vkey}}
        self._own.write(OPERATOR, kind, caller, target=("source", key.source), more=more)
