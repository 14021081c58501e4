"""Witnesses: asking one, and what one remembers itself (C2SP tlog-witness)."""

from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from vitne.core.tree.witness import CosignedHead, Fork
from vitne.core.values import Origin


class WitnessReply(Struct, frozen=True):
    """What a witness answered, bounded in size and not looked into."""

    status: int
    body: bytes


class Witness(Protocol):
    """One witness that can be asked. Slow: up to half a minute, over the network."""

    @property
    def name(self) -> str:
        """Its address, the prefix of its resources."""

    def add(self, body: bytes) -> WitnessReply:
        """Ask it to cosign: the body of an add-checkpoint request, and whatever it answers.

        Raises:
            UnavailableError: not reached in time, or an answer that is too long.
        """

    def newest(self, origin: Origin) -> bytes | None:
        """The newest head of a log that it shows (below the same prefix); None if it shows none.

        Errors as `add`.
        """


class KeptFork(Struct, frozen=True):
    """Evidence that a witness keeps."""

    origin: Origin
    at_s: int
    """When it came, in seconds since 1970."""
    fork: Fork


class WitnessTransaction(Protocol):
    """Reads and writes that happen together, durably, or not at all."""

    def seen(self, origin: Origin) -> CosignedHead | None:
        """The head of a log that was cosigned last; None if none was."""

    def put(self, origin: Origin, seen: CosignedHead) -> None:
        """Remember a head as cosigned."""

    def keep(self, fork: KeptFork) -> None:
        """Keep evidence; the same again changes nothing.

        Of one log at most 100 certain pieces, the oldest, and 10 others, the newest.
        """


class WitnessStore(Protocol):
    """What a witness remembers. Serialisable; a transaction is durable when its block ends."""

    def writing(self) -> AbstractContextManager[WitnessTransaction]:
        """One transaction at a time; undone if the block raises.

        Raises:
            StorageError: it could not be stored; nothing of it is.
        """

    def seen(self, origin: Origin) -> CosignedHead | None:
        """As in a transaction."""

    def forks(self) -> list[KeptFork]:
        """All evidence, by log and age."""
