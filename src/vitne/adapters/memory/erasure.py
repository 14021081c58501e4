"""Erasures and holds in dictionaries (`vitne.ports.ErasureStore`)."""

from collections.abc import Sequence

from msgspec.structs import replace

from vitne.adapters.memory.contents import MemoryContents
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Section
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import ERASED_DIGEST, Hold


class MemoryErasure:
    """In memory."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def note(
        self,
        log: LogId,
        entry: LeafIndex,
        items: Sequence[tuple[LeafIndex, Section]],
        *,
        pruned: bool = False,
    ) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).erasures
            for index, section in items:
                known.setdefault((index, section), (entry, False, pruned))

    def pending(self, log: LogId) -> list[tuple[LeafIndex, Section]]:
        known = self._contents.state(log).erasures
        return sorted(key for key, (_, done, _) in known.items() if not done)

    def settle(self, log: LogId, items: Sequence[tuple[LeafIndex, Section]]) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).erasures
            for item in items:
                if item in known:
                    known[item] = known[item][0], True, known[item][2]

    def reopen(self) -> None:
        for log in list(self._contents.logs):
            with self._contents.writing() as draft:
                known = draft.log(log).erasures
                for key, (entry, _, pruned) in list(known.items()):
                    known[key] = entry, False, pruned

    def erased(self, log: LogId, index: LeafIndex) -> dict[Section, LeafIndex]:
        known = self._contents.state(log).erasures
        return {
            section: entry
            for (at, section), (entry, _, pruned) in known.items()
            if at == index and not pruned
        }

    def overwrite(self, log: LogId, records: Sequence[Record]) -> None:
        with self._contents.writing() as draft:
            state = draft.log(log)
            new = {record.index: record for record in records}
            state.records = [new.get(record.index, record) for record in state.records]
            for record in records:
                if record.event_id in state.seen:
                    known = state.seen[record.event_id]
                    state.seen[record.event_id] = replace(known, digest=ERASED_DIGEST)

    def clear_asides(self, log: LogId, indices: Sequence[LeafIndex]) -> None:
        with self._contents.writing() as draft:
            state = draft.log(log)
            state.asides = [
                replace(aside, body=b"") if aside.index in indices else aside
                for aside in state.asides
            ]

    def scrub(self) -> None:
        """Memory keeps nothing that is deleted."""

    def holds(self, log: LogId) -> list[Hold]:
        return sorted(
            self._contents.state(log).holds.values(), key=lambda hold: (hold.set_us, hold.id)
        )

    def add_hold(self, hold: Hold) -> None:
        with self._contents.writing() as draft:
            known = draft.log(hold.log).holds
            if hold.id in known:
                raise ConflictError(f"there is a hold {hold.id!r} already", where=hold.log)
            known[hold.id] = hold

    def release_hold(self, log: LogId, hold_id: str, at_us: int) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).holds
            if hold_id not in known:
                raise NotFoundError("there is no such hold", where=hold_id)
            if not known[hold_id].released_us:
                known[hold_id] = replace(known[hold_id], released_us=at_us)
