"""Start-up: finish or forget what a crash left, and refuse to serve a store that went back.

| killed | left behind | what is done here |
|---|---|---|
| before the swap | a staged file above the head | deleted, staged again by the next round |
| after the swap | new head, tiles and checkpoint partly old | staged file applied, equal bytes |
| after applying | a staged file | applied again, which changes nothing; deleted |
| the staged file went too | an old `checkpoint` | written from the head if the tiles agree |
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import open_checkpoint
from vitne.core.values import LeafIndex, LogId, TreeSize
from vitne.errors import DecodeError, IntegrityError, NotFoundError, RollbackError
from vitne.ports import LogInfo, Ports
from vitne.services.log import (
    KNOWN_LOGS,
    STAGING,
    Logs,
    Published,
    Stage,
    StepHook,
    apply_stage,
    decode_stage,
    index_log_id,
    index_origin,
    log_key,
    no_step,
    right_edge,
)

_RESTORED = (
    "the database is older than what was signed: it was restored from a backup or replaced. "
    "Do not publish from it, that would fork the log. Bring back the newest database, or stop "
    "this log and start another one"
)


class Recovery(Struct, frozen=True):
    """What start-up found and did."""

    applied: Sequence[str]
    """Keys of staged files that were finished."""
    deleted: Sequence[str]
    """Keys of staged files that never happened."""
    damaged: Sequence[str]
    """Keys of staged files that cannot be read; they stay. If one did happen, the tiles of its
    logs disagree with their heads, and those are halted."""
    rewritten: Sequence[LogId]
    """Logs whose published checkpoint was written anew from the head."""
    halted: dict[LogId, str]
    """Logs whose stored bytes disagree: readable, but not to be published."""


class Recover:
    """Runs once, before anything is taken or published."""

    def __init__(self, ports: Ports, logs: Logs, step: StepHook = no_step) -> None:
        self._ports = ports
        self._logs = logs
        self._step = step

    def run(self) -> Recovery:
        """Compare rows, heads and published checkpoints, then finish staged rounds.

        Raises:
            RollbackError: rows are lacking below a size that was signed; says what to do.
            StorageError: the disk is full, read-only or failing.
        """
        infos = [each for info in self._ports.store.logs() for each in (info, self._index_of(info))]
        halted: dict[LogId, str] = {}
        # First, so that a store that went back changes nothing on disk.
        self._check_roster({info.log for info in infos})
        for info in infos:
            self._check_sizes(info, halted)
        applied: list[str] = []
        deleted: list[str] = []
        damaged: list[str] = []
        for key in list(self._ports.objects.keys(STAGING)):
            try:
                stage = decode_stage(self._ports.objects.get(key) or b"", key)
            except DecodeError:
                damaged.append(key)
                continue
            (applied if self._settle(key, stage, halted) else deleted).append(key)
        rewritten = [info.log for info in infos if self._check_edge(info.log, halted)]
        return Recovery(applied, deleted, damaged, rewritten, halted)

    def _index_of(self, info: LogInfo) -> LogInfo:
        """The index log of a log, as a tree like any other."""
        tree = index_log_id(info.log)
        head = self._ports.heads.head(tree)
        return replace(
            info,
            log=tree,
            origin=index_origin(info.origin),
            next_index=LeafIndex(self._ports.index_log.size(info.log)),
            head_size=head.size if head else TreeSize(0),
        )

    def _check_roster(self, known: set[LogId]) -> None:
        for key in self._ports.objects.keys(KNOWN_LOGS):
            log = LogId(key.removeprefix(KNOWN_LOGS))
            if log not in known:
                raise RollbackError(
                    "a log that was published is not in the database", where=log, hint=_RESTORED
                )

    def _settle(self, key: str, stage: Stage, halted: dict[LogId, str]) -> bool:
        """Apply one staged round if it happened, else delete it; whether it was applied."""
        happened = [part for part in stage.logs if self._ports.heads.head(part.log) == part.head]
        refused = apply_stage(self._ports.objects, happened, self._step) if happened else {}
        halted.update(refused)
        if not refused:
            self._ports.objects.delete([key])
        return bool(happened)

    def _check_sizes(self, info: LogInfo, halted: dict[LogId, str]) -> None:
        """Refuse if the rows end below what was signed, or the head is not the newest one."""
        head = self._ports.heads.head(info.log)
        size = head.size if head else 0
        if info.next_index < size:
            raise RollbackError(
                f"the log ends at {info.next_index}, but size {size} was signed",
                where=info.log,
                hint=_RESTORED,
            )
        try:
            shown = self._shown(info)
        except IntegrityError as error:
            halted[info.log] = f"{error.code}: the published checkpoint is damaged: {error}"
            return
        if shown is None or shown.size < size:
            return
        if head is None or shown.size > size:
            raise RollbackError(
                f"the database knows size {size}, but size {shown.size} was published",
                where=log_key(info.log, "checkpoint"),
                hint=_RESTORED,
            )
        if shown.root != head.root:
            halted[info.log] = (
                f"two roots were signed for size {size}: keep both, they are evidence"
            )

    def _shown(self, info: LogInfo) -> Checkpoint | None:
        """The published checkpoint. Raises `IntegrityError` if it is damaged."""
        note = Published(self._ports.objects, info.log).checkpoint()
        if note is None:
            return None
        return open_checkpoint(note, self._logs.tree_signer(info.origin).verifier)[0]

    def _check_edge(self, log: LogId, halted: dict[LogId, str]) -> bool:
        """Hold the tiles against the head; whether the published checkpoint was written anew."""
        head = self._ports.heads.head(log)
        if head is None or log in halted:
            return False
        try:
            right_edge(self._ports.objects, log, head)
        except (IntegrityError, NotFoundError) as error:
            halted[log] = f"{error.code}: {error}"
            return False
        key, note = log_key(log, "checkpoint"), head.note.encode()
        if self._ports.objects.get(key) == note:
            return False
        self._ports.objects.replace({key: note})
        return True
