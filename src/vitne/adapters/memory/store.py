"""Checkpoints, segments, tenants and keys in dictionaries, and all of them together."""

from collections.abc import Sequence
from typing import Self

from msgspec.structs import replace

from vitne.adapters.memory.contents import MemoryContents
from vitne.adapters.memory.erasure import MemoryErasure
from vitne.adapters.memory.index_log import MemoryIndexLog
from vitne.adapters.memory.records import MemoryRecords
from vitne.core.values.types import LogId
from vitne.errors import CheckpointConflictError, ConflictError, NotFoundError
from vitne.ports import ApiKey, Head, Segment, SourceKey, Swap, Tenant


class MemoryCheckpoints:
    """`vitne.ports.CheckpointStore` in memory."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def head(self, log: LogId) -> Head | None:
        name, cell = _cell(log)
        found: Head | None = getattr(self._contents.state(name), cell)
        return found

    def swap(self, swaps: Sequence[Swap]) -> None:
        with self._contents.writing() as draft:
            for swap in swaps:
                name, cell = _cell(swap.log)
                state = draft.log(name)
                if getattr(state, cell) != swap.old:
                    raise CheckpointConflictError("the stored head is another", where=swap.log)
                setattr(state, cell, swap.new)


def _cell(log: LogId) -> tuple[LogId, str]:
    """The log of a tree, and where its head is kept."""
    name = LogId(log.removesuffix("/index"))
    return name, "head" if name == log else "index_head"


class MemoryCatalog:
    """`vitne.ports.SegmentCatalog` in memory."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def segments(self, log: LogId) -> list[Segment]:
        return list(self._contents.state(log).segments)

    def add(self, log: LogId, segment: Segment) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).segments
            end = known[-1].end if known else 0
            if segment.start != end or segment.end <= segment.start:
                raise ConflictError(f"segment [{segment.start}, …) does not follow on {end}")
            known.append(segment)

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        with self._contents.writing() as draft:
            state = draft.log(log)
            starts = [segment.start for segment in state.segments]
            ends = [segment.end for segment in state.segments]
            if merged.start not in starts or merged.end not in ends or merged.end <= merged.start:
                raise ConflictError(f"[{merged.start}, {merged.end}) covers no whole segments")
            first, last = starts.index(merged.start), ends.index(merged.end) + 1
            replaced = state.segments[first:last]
            state.segments[first:last] = [merged]
        return replaced

    def replace(self, log: LogId, old: Segment, new: Segment) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).segments
            if old not in known or (old.start, old.end) != (new.start, new.end):
                raise ConflictError("the listed segment is another", where=old.key)
            known[known.index(old)] = new


class MemoryState:
    """`vitne.ports.StateStore` in memory."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def add_tenant(self, tenant: Tenant) -> None:
        with self._contents.lock:
            if tenant.id in self._contents.tenants:
                raise ConflictError(f"tenant {tenant.id!r} exists")
            self._contents.tenants[tenant.id] = tenant

    def tenants(self) -> list[Tenant]:
        return [tenant for _, tenant in sorted(self._contents.tenants.items())]

    def tenant(self, tenant: LogId) -> Tenant | None:
        return self._contents.tenants.get(tenant)

    def add_key(self, key: ApiKey) -> None:
        with self._contents.lock:
            if key.id in self._contents.keys:
                raise ConflictError(f"API key {key.id!r} exists")
            self._contents.keys[key.id] = key

    def keys(self) -> list[ApiKey]:
        return sorted(self._contents.keys.values(), key=lambda key: (key.created_us, key.id))

    def key(self, key_id: str) -> ApiKey | None:
        return self._contents.keys.get(key_id)

    def revoke_key(self, key_id: str, at_us: int) -> None:
        with self._contents.lock:
            if key_id not in self._contents.keys:
                raise NotFoundError(f"there is no API key {key_id!r}")
            key = self._contents.keys[key_id]
            if not key.revoked_us:
                self._contents.keys[key_id] = replace(key, revoked_us=at_us)

    def add_source_key(self, key: SourceKey) -> None:
        with self._contents.lock:
            if key.public_key in self._contents.source_keys:
                raise ConflictError("a source has this key already")
            self._contents.source_keys[key.public_key] = key

    def source_keys(self) -> list[SourceKey]:
        found = self._contents.source_keys.values()
        return sorted(found, key=lambda key: (key.source, key.added_us, key.public_key))

    def retire_source_key(self, public_key: bytes, at_us: int) -> None:
        with self._contents.lock:
            key = self._contents.source_keys.get(public_key)
            if key is None:
                raise NotFoundError("no source has this key")
            if not key.retired_us:
                self._contents.source_keys[public_key] = replace(key, retired_us=at_us)


class MemoryStores:
    """Records, checkpoints, segments and state over the same contents, like `SqliteStores`."""

    def __init__(self) -> None:
        contents = MemoryContents()
        self.records = MemoryRecords(contents)
        self.checkpoints = MemoryCheckpoints(contents)
        self.segments = MemoryCatalog(contents)
        self.index_log = MemoryIndexLog(contents)
        self.state = MemoryState(contents)
        self.erasure = MemoryErasure(contents)

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        """The stores themselves."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held."""
