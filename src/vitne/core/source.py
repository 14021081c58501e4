"""What is registered of an application that sends events."""

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

    @property
    def source_id(self) -> str:
        """`application/service`, as it stands in records and stream registrations."""
        return f"{self.application}/{self.service}"
