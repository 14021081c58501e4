"""Private keys and index secrets."""

from typing import Literal, Protocol

from vitne.core.values import LogId, Origin

KeyRole = Literal["log", "receipt", "index-log"]


class KeyVault(Protocol):
    """Private keys and index secrets. Neither is ever logged, exported or shown by `repr`."""

    def seed(self, origin: Origin, role: KeyRole) -> bytes:
        """The 32-byte Ed25519 seed of a log's key; the same at every call, after a restart too."""

    def index_secret(self, log: LogId, epoch: int) -> bytes:
        """The 32 random bytes K of an epoch.

        Raises:
            NotFoundError: no such epoch, or its key was destroyed.
        """

    def create_index_secret(self, log: LogId, epoch: int) -> bytes:
        """Make K of a new epoch, durably; the same bytes if it exists already."""
