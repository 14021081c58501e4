"""What a witness does with a request: the checks of `core.tree.witness` over what it remembers."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from vitne.core.tree.note import Signer, Verifier
from vitne.core.tree.signature import COSIGNATURE, ED25519, MLDSA_COSIGNATURE
from vitne.core.tree.witness import (
    CosignedHead,
    Refused,
    Signed,
    authenticate_request,
    read_request,
    refuse_request,
)
from vitne.core.values import Origin
from vitne.errors import ConfigurationError, DecodeError
from vitne.ports import Clock, KeptFork, WitnessStore

_US = 1_000_000


class WitnessService:
    """One witness. Any thread may call.

    Args:
        store: what it remembers.
        signers: its keys: one of type 0x04, perhaps one of type 0x06 of the same name.
        logs: vkeys of the logs that it follows; several of one origin while keys change.
        clock: for the time that a cosignature states.

    Raises:
        ConfigurationError: keys that cannot serve so.
    """

    def __init__(
        self, store: WitnessStore, signers: Sequence[Signer], logs: Sequence[str], clock: Clock
    ) -> None:
        self._store = store
        self._signers = check_signers(signers)
        self._logs = trusted(logs)
        self._clock = clock
        self._by_hash = {sha256(log.encode()).hexdigest(): log for log in self._logs}

    @property
    def vkeys(self) -> list[str]:
        """Its public keys."""
        return [signer.vkey for signer in self._signers]

    @property
    def origins(self) -> list[Origin]:
        """The logs that it follows."""
        return sorted(self._logs)

    def add(self, body: bytes) -> str | Refused:
        """Take an add-checkpoint request; the cosignature lines, or why there are none.

        Raises:
            StorageError: what must be remembered could not be stored: nothing is cosigned.
        """
        request = read_request(body)
        signed = (
            request if isinstance(request, Refused) else authenticate_request(request, self._logs)
        )
        if isinstance(signed, Refused):
            return signed
        origin, head = signed.request.head.origin, signed.request.head
        # Deciding and remembering are one transaction, committed before anybody has the
        # signature: else two requests at once could get two inconsistent heads cosigned.
        with self._store.writing() as transaction:
            refused = refuse_request(signed, transaction.seen(origin))
            time_s = self._clock.now_us() // _US
            if refused is not None:
                if refused.fork is not None:
                    transaction.keep(KeptFork(origin, time_s, refused.fork))
                return refused
            lines = self._cosign(signed, time_s)
            transaction.put(origin, CosignedHead(head.size, head.root, signed.note + lines, time_s))
        return lines

    def _cosign(self, signed: Signed, time_s: int) -> str:
        text = signed.request.head.text()
        return "".join(signer.sign(text, time_s) for signer in self._signers)

    def newest(self, origin_hash: str) -> str | None:
        """The newest cosigned head of the log whose origin has this SHA-256 (hexadecimal)."""
        origin = self._by_hash.get(origin_hash)
        seen = None if origin is None else self._store.seen(origin)
        return seen.note if seen else None

    def forks(self, origin_hash: str) -> list[KeptFork] | None:
        """The evidence about one log; None for one that is not followed."""
        origin = self._by_hash.get(origin_hash)
        if origin is None:
            return None
        return [kept for kept in self._store.forks() if kept.origin == origin]


def check_signers(signers: Sequence[Signer]) -> tuple[Signer, ...]:
    """Keys that one witness may sign with. Raises `ConfigurationError`."""
    kinds = [signer.kind for signer in signers]
    if kinds not in ([COSIGNATURE], [COSIGNATURE, MLDSA_COSIGNATURE]):
        raise ConfigurationError(
            "a witness signs with one key of type 0x04, and optionally one of type 0x06",
            hint="vitne witness key NAME --out FILE makes one",
        )
    if len({signer.name for signer in signers}) != 1:
        raise ConfigurationError("both keys of a witness have one name", where=signers[0].name)
    return tuple(signers)


def trusted(vkeys: Sequence[str]) -> Mapping[Origin, Sequence[Verifier]]:
    """Log keys by origin. Raises `ConfigurationError`."""
    found: dict[Origin, list[Verifier]] = {}
    for vkey in vkeys:
        try:
            verifier = Verifier(vkey)
        except DecodeError as error:
            raise ConfigurationError(f"no vkey: {error.message}", where=vkey[:200]) from None
        same = found.setdefault(Origin(verifier.name), [])
        if verifier.kind != ED25519 or any(one.key_id == verifier.key_id for one in same):
            raise ConfigurationError(
                "expected each key of a log once, of type 0x01", where=verifier.name
            )
        same.append(verifier)
    return found
