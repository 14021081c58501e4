"""Tiles, checkpoints and segments, by key."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class ObjectStore(Protocol):
    """Tiles, checkpoints, staged files and segments, by slash-separated keys.

    Keys match `[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*`, no part is `.` or `..`, at most 400 bytes;
    another key raises `BadInputError`. A write is durable when the call returns, and a reader
    sees the old bytes or the new, never a part.
    """

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store immutable objects. Equal bytes under an existing key are no error.

        Raises:
            ObjectConflictError: a key exists with other bytes (objects before it may be stored).
        """

    def replace(self, objects: Mapping[str, bytes]) -> None:
        """Store or overwrite mutable objects: `checkpoint`, partial tiles, staged files."""

    def get(self, key: str) -> bytes | None:
        """The bytes; None if there is no such object."""

    def get_all(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The bytes of each key that there is such an object of.

        As `get` for each, but the disk is waited for by many at a time, not by each: for scattered
        objects that nobody may have read for long. All are in memory at once: the caller bounds
        how many it asks for.
        """

    def get_gzip(self, key: str) -> bytes | None:
        """The bytes as a gzip frame, if the store keeps them so; None: ask `get`."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; missing ones are no error."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with `prefix` (a whole folder: it ends in `/`), in order."""

    def free_bytes(self) -> int:
        """Room that is left."""
