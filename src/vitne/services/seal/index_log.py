"""The index log: a second, witnessed tree that lists every sealed run (transparency-log §5.3).

It is published like a log, in the folder `index/` of the log it is about, with a key of its own.
A record is durable before its tree is signed, and a range is listed once for ever: what a crash
leaves unpublished is published by the next round, with equal bytes.
"""

from collections.abc import Callable, Sequence
from threading import Lock

from vitne.core.index.coverage import CoverageCounter
from vitne.core.values import LogId, TreeSize
from vitne.errors import CheckpointConflictError, IntegrityError, UnavailableError
from vitne.ports import Head, Ports, SealedRun, Swap
from vitne.services.log import (
    Logs,
    Stage,
    StepHook,
    apply_stage,
    encode_stage,
    index_log_id,
    index_origin,
    load_grown_tree,
    log_key,
    no_step,
)


class IndexLog:
    """Appends and publishes records. Reading is for any thread; writing for the one that seals."""

    def __init__(
        self,
        ports: Ports,
        logs: Logs,
        step: StepHook = no_step,
        cleared: Callable[[LogId], bool] = lambda _tree: True,
        moved: Callable[[Sequence[LogId]], None] = lambda _trees: None,
    ) -> None:
        self._ports = ports
        self._cleared = cleared
        self._moved = moved
        self._logs = logs
        self._step = step
        self._pending: dict[LogId, Stage] = {}
        self._halted: dict[LogId, str] = {}
        self._round_lock = Lock()  # guards: one round at a time: _pending

    @property
    def halted(self) -> dict[LogId, str]:
        """Logs whose index is not published any more, each with the reason."""
        return dict(self._halted)

    def halt(self, log: LogId, reason: str) -> None:
        """Publish the index of this log no more: its stored bytes disagree."""
        self._halted.setdefault(log, reason)

    def append(self, log: LogId, run: SealedRun, counter: bytes) -> None:
        """List a run, durably, then publish. Errors as the store's, and `publish`'s."""
        self._ports.index_log.append(log, run, counter)
        self._step("listed")
        self.publish(log)

    def publish(self, log: LogId) -> TreeSize:
        """Sign and show every record that is listed; the size of the tree then.

        Raises:
            IntegrityError: the tiles do not give the root that was signed, or the index of this
                log was halted.
            StorageError: the disk is full or failing; the next call goes on where this one ended.
            UnavailableError: witnesses must be asked first; try again in a second.
        """
        with self._round_lock:
            if log in self._halted:
                raise IntegrityError(self._halted[log], where=log_key(index_log_id(log), ""))
            pending = self._pending.get(log)
            if pending is not None:
                self._finish(log, pending)
            head = self._ports.heads.head(index_log_id(log))
            size = self._ports.index_log.size(log)
            if head is not None and head.size == size:
                return head.size
            if size and not self._cleared(index_log_id(log)):
                raise UnavailableError("witnesses are being asked first", where=log)
            if size:
                self._round(log, head, size)
            return TreeSize(size)

    def troubles(self, log: LogId, position: int) -> CoverageCounter | None:
        """Streams that may hide an event, as of the end of a record; None: no such record."""
        run = self._ports.index_log.run(log, position)
        return None if run is None else CoverageCounter.decode(run.troubles)

    def _round(self, log: LogId, head: Head | None, size: int) -> None:
        """One round of publishing for this one tree: staged, swapped, written."""
        tree, origin = index_log_id(log), index_origin(self._logs.origin(log))
        old = head.size if head else 0
        records = self._ports.index_log.records(log, old, size)
        if len(records) != size - old:
            raise IntegrityError("records of the index log are missing", where=log)
        part = load_grown_tree(self._ports.objects, self._logs, (tree, origin), head, records)
        stage = Stage([part])
        self._ports.objects.replace({stage.key: encode_stage(stage)})
        self._step("index_staged")
        try:
            self._ports.heads.swap([Swap(tree, head, part.head)])
        except CheckpointConflictError:
            self._ports.objects.delete([stage.key])
            raise
        # From here on the round has happened: it is finished, however often that takes.
        self._pending[log] = stage
        self._step("index_swapped")
        self._finish(log, stage)

    def _finish(self, log: LogId, stage: Stage) -> None:
        refused = apply_stage(self._ports.objects, stage.logs, self._step)
        for reason in refused.values():
            self.halt(log, reason)
            raise IntegrityError(reason, where=log_key(index_log_id(log), ""))
        self._ports.objects.delete([stage.key])
        self._pending.pop(log, None)
        self._moved([index_log_id(log)])
