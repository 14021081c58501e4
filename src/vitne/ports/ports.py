"""All ports of a server at once, for services that need several."""

from dataclasses import dataclass

from vitne.ports.checkpoints import CheckpointStore
from vitne.ports.clock import Clock, IdSource
from vitne.ports.erasure import ErasureStore
from vitne.ports.index_log import IndexLogStore
from vitne.ports.objects import ObjectStore
from vitne.ports.records import RecordStore
from vitne.ports.segments import Archive, SegmentCatalog
from vitne.ports.state import StateStore
from vitne.ports.vault import KeyVault


@dataclass(frozen=True)
class Ports:
    """One adapter for each port; nothing else is in it, and it does nothing."""

    store: RecordStore
    heads: CheckpointStore
    segments: SegmentCatalog
    index_log: IndexLogStore
    erasure: ErasureStore
    state: StateStore
    objects: ObjectStore
    archive: Archive
    vault: KeyVault
    clock: Clock
    ids: IdSource
