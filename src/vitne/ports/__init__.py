"""What the services need of the world, as promises in prose.

Each sentence of a promise is tested by `tests/conformance`, which every adapter passes whole.
Nothing here knows SQL, S3 or HTTP. All calls are synchronous and may come from any thread unless
a docstring says otherwise. A store never retries: its caller decides. A full, read-only or
failing disk surfaces as `StorageError`; nothing of the failed call is then stored.
"""

from vitne.ports.checkpoints import CheckpointStore, Head, Swap
from vitne.ports.clock import Clock, IdSource
from vitne.ports.erasure import ErasureStore, Hold
from vitne.ports.index_log import IndexLogStore, SealedRun
from vitne.ports.mirror import MirrorFolder
from vitne.ports.objects import ObjectStore
from vitne.ports.ports import Ports
from vitne.ports.records import (
    ERASED_DIGEST,
    AnnouncedKey,
    AppendTransaction,
    Aside,
    Count,
    CountReport,
    LogInfo,
    RecordStore,
    Seen,
    SenderState,
    Standing,
    StreamState,
    Tail,
)
from vitne.ports.roles import ROLES, ApiKey, Role
from vitne.ports.searching import Searchable
from vitne.ports.segments import (
    Archive,
    GapAnswer,
    Segment,
    SegmentCatalog,
    SegmentIndex,
    SegmentList,
    SegmentStore,
    SegmentSummaries,
)
from vitne.ports.stamps import StampAuthority, Stamped, StampReader
from vitne.ports.state import SourceKey, StateStore, Tenant
from vitne.ports.vault import KeyRole, KeyVault
from vitne.ports.witness import (
    KeptFork,
    Witness,
    WitnessReply,
    WitnessStore,
    WitnessTransaction,
)

__all__ = [
    "ERASED_DIGEST",
    "ROLES",
    "AnnouncedKey",
    "ApiKey",
    "AppendTransaction",
    "Archive",
    "Aside",
    "CheckpointStore",
    "Clock",
    "Count",
    "CountReport",
    "ErasureStore",
    "GapAnswer",
    "Head",
    "Hold",
    "IdSource",
    "IndexLogStore",
    "KeptFork",
    "KeyRole",
    "KeyVault",
    "LogInfo",
    "MirrorFolder",
    "ObjectStore",
    "Ports",
    "RecordStore",
    "Role",
    "SealedRun",
    "Searchable",
    "Seen",
    "Segment",
    "SegmentCatalog",
    "SegmentIndex",
    "SegmentList",
    "SegmentStore",
    "SegmentSummaries",
    "SenderState",
    "SourceKey",
    "StampAuthority",
    "StampReader",
    "Stamped",
    "Standing",
    "StateStore",
    "StreamState",
    "Swap",
    "Tail",
    "Tenant",
    "Witness",
    "WitnessReply",
    "WitnessStore",
    "WitnessTransaction",
]
