"""The staged file: everything that one round of publishing will write, in one durable object.

It exists so that the swap of the heads can be the single moment at which a round happens. A round
is staged, then swapped, then applied; whatever kills it in between, start-up finds the staged
file, and either applies it again (its heads are the stored ones: equal bytes) or deletes it.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec
from msgspec import Struct

from vitne.core.values import LogId, TreeSize
from vitne.errors import DecodeError, ObjectConflictError
from vitne.ports import Head, ObjectStore
from vitne.services.log.published_files import log_key

STAGING = "staging/"
KNOWN_LOGS = "roster/"
"""One object per log that ever published: a store that does not know them all went back."""

StepHook = Callable[[str], None]
"""Called with the name of each step once it is done; tests stop the process there."""

_MAGIC = b"vitne-stage/v1\n"
_DIGEST_BYTES = 32


def no_step(_name: str) -> None:
    """Goes on."""


class StagedLog(Struct, frozen=True):
    """One log's part of a round."""

    log: LogId
    old_size: TreeSize
    head: Head
    fixed: dict[str, bytes]
    """Objects that never change once written: full tiles and bundles, by key."""
    partial: dict[str, bytes]
    """Partial tiles, by key."""
    superseded: list[str]
    """Keys of partial tiles that a wider twin replaces."""


class Stage(Struct, frozen=True):
    """One round."""

    logs: list[StagedLog]

    @property
    def key(self) -> str:
        """Where it is staged: the same for the same heads."""
        heads = b"".join(sha256(part.head.note.encode()).digest() for part in self.logs)
        entries = sum(part.head.size for part in self.logs)
        return f"{STAGING}{entries}-{sha256(heads).hexdigest()[:32]}"


def encode_stage(stage: Stage) -> bytes:
    """The bytes of a staged file, with their own digest in front."""
    body = msgspec.msgpack.encode(stage)
    return _MAGIC + sha256(body).digest() + body


def decode_stage(data: bytes, where: str = "") -> Stage:
    """Read a staged file. Raises `DecodeError` if it is not whole."""
    start = len(_MAGIC) + _DIGEST_BYTES
    body = data[start:]
    if data[:start] != _MAGIC + sha256(body).digest():
        raise DecodeError("a staged file is damaged", where=where)
    try:
        return msgspec.msgpack.decode(body, type=Stage)
    except msgspec.DecodeError as error:
        raise DecodeError(f"a staged file is damaged: {error}", where=where) from error


def apply_stage(
    objects: ObjectStore, parts: Sequence[StagedLog], step: StepHook
) -> dict[LogId, str]:
    """Write tiles, then checkpoints, then delete narrower partials.

    Applying the same round again changes nothing.

    Returns:
        Logs that were not applied, with the reason: a full tile exists with other bytes.

    Raises:
        StorageError: the disk fails; apply again.
    """
    try:
        _write_tiles(objects, parts)
        done, refused = list(parts), dict[LogId, str]()
    except ObjectConflictError:
        done, refused = _write_tiles_one_by_one(objects, parts)
    step("applied")
    # Every tile that a checkpoint needs is there before the checkpoint shows.
    objects.replace({log_key(part.log, "checkpoint"): part.head.note.encode() for part in done})
    step("shown")
    # A wider twin serves what these partial tiles held.
    objects.delete([key for part in done for key in part.superseded])
    return refused


def _write_tiles(objects: ObjectStore, parts: Sequence[StagedLog]) -> None:
    fixed: dict[str, bytes] = {}
    partial: dict[str, bytes] = {}
    for part in parts:
        fixed.update(part.fixed)
        partial.update(part.partial)
    objects.put(fixed)
    objects.replace(partial)


def _write_tiles_one_by_one(
    objects: ObjectStore, parts: Sequence[StagedLog]
) -> tuple[list[StagedLog], dict[LogId, str]]:
    done: list[StagedLog] = []
    refused: dict[LogId, str] = {}
    for part in parts:
        try:
            _write_tiles(objects, [part])
            done.append(part)
        except ObjectConflictError as error:
            refused[part.log] = f"{error.code}: {error}"
    return done, refused
