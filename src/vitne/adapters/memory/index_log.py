"""The records of index logs in lists (`vitne.ports.IndexLogStore`)."""

from collections.abc import Sequence

from vitne.adapters.memory.contents import MemoryContents
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import SealedRun


class MemoryIndexLog:
    """Records in memory."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def size(self, log: LogId) -> int:
        if log not in self._contents.logs:
            raise NotFoundError(f"there is no log {log!r}")
        return len(self._contents.state(log).runs)

    def append(self, log: LogId, run: SealedRun, counter: bytes) -> None:
        segment = run.segment
        with self._contents.writing() as draft:
            state = draft.log(log)
            if segment.record != len(state.runs):
                raise ConflictError(f"the index log has {len(state.runs)} records", where=log)
            if segment.level == 0:
                if segment.start != state.counter[0]:
                    raise ConflictError("the run does not follow on the last one", where=log)
                state.counter = segment.end, counter
            state.runs.append(run)

    def records(self, log: LogId, start: int, end: int) -> list[bytes]:
        return [run.record for run in self._contents.state(log).runs[start:end]]

    def run(self, log: LogId, position: int) -> SealedRun | None:
        runs = self._contents.state(log).runs
        return runs[position] if 0 <= position < len(runs) else None

    def runs_from(self, log: LogId, position: int) -> Sequence[SealedRun]:
        return self._contents.state(log).runs[position:]

    def counter(self, log: LogId) -> tuple[LeafIndex, bytes]:
        return self._contents.state(log).counter

    def told(self, log: LogId) -> int:
        return self._contents.state(log).told_runs

    def set_told(self, log: LogId, count: int) -> None:
        with self._contents.writing() as draft:
            draft.log(log).told_runs = count
