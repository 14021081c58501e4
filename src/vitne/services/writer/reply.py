"""How a request came: its form, its address and its headers."""

from typing import Literal

from msgspec import Struct

Form = Literal["json", "ndjson", "import", "batch"]
"""One event or an array, one event a line, import lines with their originals, a signed batch."""


class Arrival(Struct, frozen=True):
    """What is known of a request beside its body and its key."""

    peer_ip: str = ""
    """Address of the connection; `""` when the request did not come over a network."""
    idempotency_key: str = ""
    """The `Idempotency-Key` header: ids of events that lack one derive from it."""
    traceparent: str = ""
    """The W3C `traceparent` header, as it came."""
    auth: Literal["mtls", "jwt", "api_key", "hmac"] = "api_key"
