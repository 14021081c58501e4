"""Publish: integrate new entries into the trees, write tiles, sign checkpoints.

One round takes every log that has unpublished entries. It is deterministic on the entries: a
crash at any step is repaired by finishing the staged round, or by doing it again.
"""

import time
from collections.abc import Callable, Sequence
from threading import Lock

from msgspec import Struct

from vitne.core.values import LeafIndex, LogId, TreeSize
from vitne.errors import CheckpointConflictError, IntegrityError, NotFoundError
from vitne.ports import Head, LogInfo, Ports, Swap
from vitne.services.log import (
    KNOWN_LOGS,
    Logs,
    Stage,
    StagedLog,
    StepHook,
    apply_stage,
    encode_stage,
    load_grown_tree,
    no_step,
)

MAX_ENTRIES = 65_536
"""Of one log in one round, and of all logs together twice as many: bounds memory and stall."""


class PublishReport(Struct, frozen=True):
    """What a round did."""

    grown: Sequence[StagedLog]
    halted: dict[LogId, str]
    """Logs that are not published, each with the reason: their stored bytes disagree."""
    more: bool
    """Entries were left for the next round."""
    conflict: bool = False
    """Another publisher was faster: nothing was published, the next round starts anew."""
    took_s: float = 0.0


class PublishRounds:
    """The publisher of one process. One round at a time; a second caller waits."""

    def __init__(
        self,
        ports: Ports,
        logs: Logs,
        step: StepHook = no_step,
        max_entries: int = MAX_ENTRIES,
        cleared: Callable[[LogId], bool] = lambda _log: True,
    ) -> None:
        self._ports = ports
        self._cleared = cleared
        self._logs = logs
        self._step = step
        self._max_entries = max_entries
        self._halted: dict[LogId, str] = {}
        self._pending: Stage | None = None
        self._turn = 0
        self._round_lock = Lock()  # guards: one round at a time: _pending, _turn

    @property
    def halted(self) -> dict[LogId, str]:
        """Logs that are not published any more, each with the reason."""
        return dict(self._halted)

    def run_once(self) -> PublishReport:
        """One round over all logs with unpublished entries.

        Raises:
            StorageError: the disk is full, read-only or failing. Nothing is lost: a round that
                was swapped already is finished first by the next call.
        """
        with self._round_lock:
            started = time.perf_counter()
            if self._pending is not None:
                self._finish(self._pending)
            parts, olds, more = self._compute()
            if not parts:
                return PublishReport((), self.halted, more)
            stage = Stage(parts)
            if not self._swap(stage, olds):
                return PublishReport((), self.halted, True, conflict=True)
            self._finish(stage)
            grown = [part for part in parts if part.log not in self._halted]
            took_s = time.perf_counter() - started
            return PublishReport(grown, self.halted, more, took_s=took_s)

    def halt(self, log: LogId, reason: str) -> None:
        """Publish this log no more: somebody found that its stored bytes disagree."""
        self._halted.setdefault(log, reason)

    def _compute(self) -> tuple[list[StagedLog], list[Head | None], bool]:
        """What each log adds to the round, its head so far, and whether more is left."""
        waiting = [
            info
            for info in self._ports.store.unpublished()
            # Witnesses are asked first whether this store is the one that signed last.
            if info.log not in self._halted and self._cleared(info.log)
        ]
        # Starting where the last round stopped: no log waits for ever behind busier ones.
        turn = self._turn % len(waiting) if waiting else 0
        parts: list[StagedLog] = []
        olds: list[Head | None] = []
        room, more = 2 * self._max_entries, False
        for at, info in enumerate([*waiting[turn:], *waiting[:turn]]):
            if room <= 0:
                self._turn = turn + at
                return parts, olds, True
            old = self._ports.heads.head(info.log)
            try:
                part = self._integrate(info, old, min(room, self._max_entries))
            except (IntegrityError, NotFoundError) as error:
                self.halt(info.log, f"{error.code}: {error}")
                continue
            if part is not None:
                parts.append(part)
                olds.append(old)
                room -= part.head.size - part.old_size
                more |= part.head.size < info.next_index
        return parts, olds, more

    def _integrate(self, info: LogInfo, head: Head | None, most: int) -> StagedLog | None:
        size = head.size if head else TreeSize(0)
        end = min(int(info.next_index), size + most)
        if end <= size:
            return None
        entries = self._ports.store.entries(info.log, LeafIndex(size), LeafIndex(end))
        if len(entries) != end - size:
            raise IntegrityError(
                f"expected the {end - size} rows [{size}, {end}), found {len(entries)}",
                where=info.log,
                hint="stop the server and run: vitne fsck",
            )
        part = load_grown_tree(
            self._ports.objects, self._logs, (info.log, info.origin), head, entries
        )
        if head is None:
            part.fixed[KNOWN_LOGS + info.log] = f"{info.origin}\n".encode()
        return part

    def _swap(self, stage: Stage, olds: Sequence[Head | None]) -> bool:
        """Stage the round and swap the heads; False if another publisher was faster."""
        self._ports.objects.replace({stage.key: encode_stage(stage)})
        self._step("staged")
        swaps = [Swap(part.log, old, part.head) for part, old in zip(stage.logs, olds, strict=True)]
        try:
            self._ports.heads.swap(swaps)
        except CheckpointConflictError:
            self._ports.objects.delete([stage.key])
            return False
        # From here on the round has happened: it is finished, however often that takes.
        self._pending = stage
        self._step("swapped")
        return True

    def _finish(self, stage: Stage) -> None:
        """Write the round. If it fails it is done again from the start: the bytes are equal."""
        refused = apply_stage(self._ports.objects, stage.logs, self._step)
        for log, reason in refused.items():
            self.halt(log, reason)
        if not refused:  # else it stays: it holds the bytes that should be there
            self._ports.objects.delete([stage.key])
        self._step("deleted")
        self._pending = None
