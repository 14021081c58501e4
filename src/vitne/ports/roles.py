"""The roles of API keys: what a key of each may do, and for which tenants."""

from typing import Final, Literal

from msgspec import Struct

from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId

Role = Literal["write", "read", "admin"]
ROLES: Final[dict[Role, str]] = {
    "write": "send events in the name of one source",
    "read": "search, show, prove and ask; read checkpoints and tiles",
    "admin": "erase, hold and let expire; register source keys; read /metrics unless it is public",
}
"""What a key of each role may do: help, errors and pages are made from this."""


class ApiKey(Struct, frozen=True):
    """An API key as stored: only a hash of its secret."""

    id: str
    name: str
    secret_sha256: bytes
    roles: tuple[Role, ...]
    tenants: tuple[LogId, ...]
    """Which tenants it is for; empty = all (an operator's key)."""
    source: SourceRegistration | None
    """Needed by role `write`."""
    person: str = ""
    """For readers: the opaque id of the person who holds it; names the actor of read events."""
    created_us: int = 0
    revoked_us: int = 0

    def covers(self, tenant: LogId) -> bool:
        """Whether the key is for this tenant."""
        return not self.tenants or tenant in self.tenants
