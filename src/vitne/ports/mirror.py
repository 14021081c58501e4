"""The folder of a mirror: a log's files as any static web server can serve them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class MirrorFolder(Protocol):
    """Plain files by slash-separated names, none compressed; one writer at a time.

    Names match `[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*`, no part is `.` or `..`; another name raises
    `BadInputError`. What was put is durable when the call returns, and a reader sees the old bytes
    or the new, never a part. Links are not followed.
    """

    def get(self, name: str) -> bytes | None:
        """The bytes; None if there is no such file."""

    def put(self, files: Mapping[str, bytes], at_us: int | None = None) -> None:
        """Store or overwrite files, in this order; `at_us`: their time of modification."""

    def move(self, names: Sequence[tuple[str, str]]) -> None:
        """Rename files, overwriting, durably, in this order; one that is gone is passed over."""

    def delete(self, names: Sequence[str]) -> None:
        """Remove files; missing ones are no error."""

    def names(self, prefix: str) -> Iterator[str]:
        """Names of the files below a folder (`prefix` ends in `/`), in order."""
