"""What is registered of an application that sends events."""

from functools import lru_cache

from msgspec import Struct


class SourceRegistration(Struct, frozen=True):
    """What an API key says about the application that sends with it (event-schema §2).

    These values fill what a minimal event leaves out, and bound what a complete one may claim.
    """

    application: str
    service: str
    layer: str = "bff"
    environment: str = "prod"
    deployment: str = "saas"
    issuer: str = ""
    """Filled into `actor.issuer` when the sender names none."""
    party: str = "tenant"
    may_assert: bool = True
    """May state who acted on its own word (attribution `asserted`)."""
    may_import: bool = False
    """May send old events (no quarantine for age), with their original kept in `raw`."""
    faces_user: bool = False
    """The connection's address is the user's: it fills `client.ip`."""
    types: tuple[str, ...] = ()
    """Event types that the source declares, each whole or up to a `*` at its end; empty: it
    declares none, and nothing is said about those it sends."""

    @property
    def source_id(self) -> str:
        """`application/service`, as it stands in records and stream registrations."""
        return f"{self.application}/{self.service}"

    def declares(self, event_type: str) -> bool:
        """Whether the type is declared, or need not be: statistics of a stream are Vitne's own."""
        return not self.types or _is_declared(self.types, event_type)


@lru_cache(4096)
def _is_declared(types: tuple[str, ...], event_type: str) -> bool:
    if event_type.startswith(_OWN_TYPES):
        return True
    return any(
        event_type.startswith(one[:-1]) if one.endswith("*") else event_type == one for one in types
    )


_OWN_TYPES = ("audit.", "system.")
