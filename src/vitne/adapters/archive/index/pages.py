"""The frame of an index file: a checked head, and sections that are checked as they are read.

Its form is told in `lookup`. A file of some megabytes is touched in a few places by each question;
reading all of it only to check it would cost more than the question.
"""

import mmap
import zlib
from array import array
from collections.abc import Mapping
from contextlib import suppress
from struct import Struct as Layout
from typing import Final, Literal

from vitne.errors import IntegrityError

MAGIC: Final = b"vitidx4\n"
_FAMILY: Final = MAGIC[:6]
PREFIX: Final = Layout("<8sIII4x")
"""Magic, length of the head, number of sums, CRC-32 of head and sums."""
_PAGE_BITS: Final = 12
_ALIGNED: Final = 8

Width = Literal["B", "H", "I", "Q"]
"""Of an item: 1, 2, 4 or 8 bytes."""


class Pages:
    """The bytes of a file, of which each page is checked when it is first read."""

    def __init__(
        self, view: memoryview, start: int, sums: memoryview, where: str, mapped: mmap.mmap | None
    ) -> None:
        self.view = view
        self._mapped = mapped
        self._start = start
        self._sums = sums
        self._first = start >> _PAGE_BITS
        self._good = bytearray(len(sums))
        self._where = where

    def check(self, low: int, high: int) -> None:
        """See to it that bytes [low, high) of the file, all of sections, are as they were written.

        Raises:
            IntegrityError: they are not.
        """
        if low >= high:
            return
        first = self._first
        last = (high - 1 >> _PAGE_BITS) - first
        for page in range((low >> _PAGE_BITS) - first, last + 1):
            if not self._good[page]:
                self._look(page)

    def advise(self, low: int, high: int) -> None:
        """Have the disk read bytes [low, high), without waiting for it."""
        if self._mapped is not None:
            at = low & -mmap.PAGESIZE
            with suppress(OSError):  # a hint that is not taken changes nothing
                self._mapped.madvise(mmap.MADV_WILLNEED, at, min(high, len(self._mapped)) - at)

    def numbers(self, at: int, count: int) -> memoryview:
        """Some u16 that follow each other. Raises `IntegrityError`."""
        self.check(at, at + 2 * count)
        return self.view[at : at + 2 * count].cast("H")

    def _look(self, page: int) -> None:
        at = page + self._first << _PAGE_BITS
        held = self.view[max(at, self._start) : at + (1 << _PAGE_BITS)]
        if zlib.crc32(held) != self._sums[page]:
            raise IntegrityError("the index of a segment is damaged", where=self._where)
        self._good[page] = 1


class Part:
    """A section, as a sequence of bytes or of numbers."""

    __slots__ = ("_at", "_check", "_items", "_width")

    def __init__(self, pages: Pages, at: int, size: int, of: Width) -> None:
        self._items: memoryview[int] = pages.view[at : at + size].cast(of)
        self._check = pages.check
        self._at = at
        self._width = self._items.itemsize

    def __len__(self) -> int:
        """Number of items."""
        return len(self._items)

    def __getitem__(self, at: int) -> int:
        """An item at 0 or above. Raises `IntegrityError`."""
        return self.some(at, at + 1)[0]

    def some(self, low: int, high: int) -> memoryview:
        """The items [low, high). Raises `IntegrityError`."""
        self._check(self._at + low * self._width, self._at + high * self._width)
        return self._items[low:high]

    def all(self) -> bytes:
        """The bytes of all items. Raises `IntegrityError`."""
        return self.some(0, len(self)).tobytes()


def open_pages(data: "mmap.mmap | bytes", where: str) -> tuple[Pages, int, memoryview]:
    """The pages of a file, where its sections begin, and its head, which is as it was written.

    Raises:
        IntegrityError: this is no index, or its head is damaged, or it was cut short.
    """
    view, mapped = memoryview(data), data if isinstance(data, mmap.mmap) else None
    if len(view) < PREFIX.size or view[: len(_FAMILY)] != _FAMILY:
        raise IntegrityError("this is no index of a segment", where=where)
    magic, length, count, crc = PREFIX.unpack_from(view)
    if magic != MAGIC:
        raise IntegrityError(
            "the index of a segment was written by another version",
            where=where,
            hint="vitne fsck --rebuild makes it anew from records of the same version",
        )
    start, end = PREFIX.size + length, len(view) - 4 * count
    if start > end or count != _pages(start, end):
        raise IntegrityError("the index of a segment was cut short", where=where)
    if zlib.crc32(view[end:], zlib.crc32(view[PREFIX.size : start])) != crc:
        raise IntegrityError("the index of a segment is damaged", where=where)
    # The sums must not stand in the pages: they are all that those are held against.
    pages = Pages(view[:end], start, view[end:].cast("I"), where, mapped)
    return pages, start, view[PREFIX.size : start]


def place_sections(sections: Mapping[str, bytes]) -> dict[str, tuple[int, int]]:
    """Where each section comes to stand behind the head, and its length."""
    places, at = {}, 0
    for name, data in sections.items():
        places[name] = (at, len(data))
        at += padded_size(len(data))
    return places


def write_pages(head: bytes, sections: Mapping[str, bytes]) -> bytes:
    """The file of a head (JSON) and sections, which `place` has put in their places."""
    head += b" " * (padded_size(len(head)) - len(head))
    body = b"".join(data.ljust(padded_size(len(data)), b"\0") for data in sections.values())
    start, end = PREFIX.size + len(head), PREFIX.size + len(head) + len(body)
    sums = array("I", bytes(4 * _pages(start, end)))
    first = start >> _PAGE_BITS
    for page in range(len(sums)):
        low, high = page + first << _PAGE_BITS, page + first + 1 << _PAGE_BITS
        sums[page] = zlib.crc32(body[max(low - start, 0) : high - start])
    tail = sums.tobytes()
    crc = zlib.crc32(tail, zlib.crc32(head))
    return PREFIX.pack(MAGIC, len(head), len(sums), crc) + head + body + tail


def _pages(start: int, end: int) -> int:
    """How many pages of the file hold anything of [start, end)."""
    return (end - 1 >> _PAGE_BITS) - (start >> _PAGE_BITS) + 1 if end > start else 0


def padded_size(size: int) -> int:
    """Bytes that a section of so many takes."""
    return size + -size % _ALIGNED
