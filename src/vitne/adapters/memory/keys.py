"""Keys that a test can foresee (`vitne.ports.KeyVault`)."""

from hashlib import sha256

from vitne.core.values.types import LogId, Origin
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import KeyRole


class MemoryVault:
    """Derives everything from a name, so equal names sign equal bytes. Never for production."""

    def __init__(self, name: str = "vitne") -> None:
        self._name = name
        self._index_secrets: dict[tuple[LogId, int], bytes | None] = {}

    def __repr__(self) -> str:
        """Never the secrets."""
        return "MemoryVault(***)"

    def seed(self, origin: Origin, role: KeyRole) -> bytes:
        return self._derive("seed", role, origin)

    def index_secret(self, log: LogId, epoch: int) -> bytes:
        key = self._index_secrets.get((log, epoch))
        if key is None:
            gone = "was destroyed" if (log, epoch) in self._index_secrets else "does not exist"
            raise NotFoundError(f"index secret {epoch} of log {log!r} {gone}")
        return key

    def create_index_secret(self, log: LogId, epoch: int) -> bytes:
        """See the port.

        Raises:
            ConflictError: the key of this epoch was destroyed; a new key needs a new epoch.
        """
        key = self._index_secrets.setdefault((log, epoch), self._derive("index", log, str(epoch)))
        if key is None:
            raise ConflictError(f"index secret {epoch} of log {log!r} was destroyed")
        return key

    def destroy_index_secret(self, log: LogId, epoch: int) -> None:
        """Destroy K of an epoch for good; nothing happens if it was destroyed already.

        Raises:
            NotFoundError: there never was such an epoch.
        """
        if (log, epoch) not in self._index_secrets:
            raise NotFoundError(f"index secret {epoch} of log {log!r} does not exist")
        self._index_secrets[log, epoch] = None

    def _derive(self, *words: str) -> bytes:
        return sha256("\0".join((self._name, *words)).encode()).digest()
