"""Every option of a client: one table with name, default and unit."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Required, TypedDict

from msgspec import Struct

Deployment = Literal["saas", "customer_hosted", "edge"]
Environment = Literal["prod", "staging", "test", "dev"]
Layer = Literal["ui", "bff", "gateway", "joint_service", "internal_service", "database"]
Fsync = Literal["write", "close", "never"]
"""When spooled bytes are forced to disk: after every write, when a segment is full or the client
closes, or never (they survive the process's death, but not a power cut)."""
Role = Literal["primary", "backstop", "part"]
ClockSync = Literal["ntp", "device", "server", "unknown"]
Party = Literal["tenant", "vendor", "partner", "consumer"]
Attribution = Literal["token", "session", "ticket", "checkout", "inferred", "asserted", "none"]


def default_spool_dir() -> Path:
    """`$VITNE_SPOOL_DIR`, else `vitne/spool` in the user's state folder (XDG)."""
    chosen = os.environ.get("VITNE_SPOOL_DIR")
    if chosen:
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "vitne" / "spool"


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of `Client`; `Options` says what each is for."""

    application: Required[str]
    service: Required[str]
    tenant: str
    version: str
    environment: Environment
    deployment: Deployment
    instance: str
    region: str
    layer: Layer
    role: Role
    issuer: str
    party: Party
    attribution: Attribution
    clock_sync: ClockSync
    strict: bool
    coalesce_s: Mapping[str, float]
    spool_dir: str | os.PathLike[str] | None
    spool_max_bytes: int
    spool_fsync: Fsync
    queue_max_events: int
    queue_max_bytes: int
    batch_max_events: int
    batch_max_bytes: int
    batch_max_age_s: float
    request_timeout_s: float
    backoff_first_s: float
    backoff_max_s: float
    durable_wait_s: float
    durable_timeout_s: float
    close_timeout_s: float
    receipts_max_bytes: int
    receipt_vkeys: tuple[str, ...]
    compress: bool
    signing_key: str | os.PathLike[str]
    index_secrets: Mapping[str, str | os.PathLike[str]]
    origins: Mapping[str, str]
    beat_s: int
    stream_idle_s: float


class Options(Struct, frozen=True, kw_only=True):
    """The options of a client, with their defaults."""

    application: str
    """`source.application`: as registered with the API key."""
    service: str
    """`source.service`: as registered with the API key."""
    tenant: str = ""
    """Tenant of events that name none; empty: each names its own, or the key has only one."""
    version: str = ""
    environment: Environment = "prod"
    deployment: Deployment = "saas"
    instance: str = ""
    """Opaque name of this process's machine or pod; part of the stream's name."""
    region: str = ""
    layer: Layer = "bff"
    role: Role = "primary"
    issuer: str = ""
    """Filled into `actor.issuer`."""
    party: Party = "tenant"
    attribution: Attribution = "asserted"
    """Filled into `actor.attribution`; a bound actor from a verified token says `token`."""
    clock_sync: ClockSync = "unknown"
    """How this machine's clock is kept."""
    strict: bool = False
    """Raise at a faulty event (for development and tests) instead of logging it once."""
    coalesce_s: Mapping[str, float] = {}
    """Event type → seconds in which the same view, in the same session, of the same target is
    counted instead of sent. Empty by default: which views may be folded is the catalog's to say."""
    spool_dir: str | os.PathLike[str] | None = None
    """Where events wait on disk; `Client` fills the default folder unless None is given."""
    spool_max_bytes: int = 256 * 1024 * 1024
    """Of this run; what earlier runs left is on disk already, and comes on top."""
    spool_fsync: Fsync = "write"
    queue_max_events: int = 10_000
    queue_max_bytes: int = 16 * 1024 * 1024
    batch_max_events: int = 500
    batch_max_bytes: int = 1024 * 1024
    batch_max_age_s: float = 1.0
    """How long an event may wait for company."""
    request_timeout_s: float = 30.0
    backoff_first_s: float = 0.25
    """Bound of the first random wait after a failure; it doubles with each further one."""
    backoff_max_s: float = 60.0
    durable_wait_s: float = 1.0
    """How long a durable event waits for its receipt before it is spooled instead."""
    durable_timeout_s: float = 10.0
    """How long `durable=True` waits in all before it raises."""
    close_timeout_s: float = 5.0
    """How long the program's end may wait for the server; what is left is spooled."""
    receipts_max_bytes: int = 16 * 1024 * 1024
    """Of the newest receipts kept beside the spool (twice as much on disk at most)."""
    receipt_vkeys: tuple[str, ...] = ()
    """Verifier keys of receipts (`<origin>/receipt+…`); with any, every receipt must verify."""
    compress: bool = True
    """Send batches of 4 KiB and more as gzip."""
    signing_key: str | os.PathLike[str] = ""
    """File of the source's private key (`vitne key source new`); with it, streams are signed."""
    index_secrets: Mapping[str, str | os.PathLike[str]] = {}
    """Tenant → file of its index secret; such streams sign the lookup keys too (mode full)."""
    origins: Mapping[str, str] = {}
    """Tenant → origin of its log, which signatures name; others are asked of the server."""
    beat_s: int = 60
    """Seconds between the heartbeats of a signed stream."""
    stream_idle_s: float = 3600.0
    """A signed stream that has been quiet for so long is closed; the next event begins another."""
