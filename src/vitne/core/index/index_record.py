"""Records of the index log: one signed line of text per segment (transparency-log §5.3)."""

from collections.abc import Sequence
from struct import Struct as Layout
from typing import Final

from msgspec import Struct

from vitne.core.entry.commit import OVERFLOW_FLAG
from vitne.core.entry.entry import EVENT, HEADER_BYTES
from vitne.core.tree.checkpoint import check_origin
from vitne.core.values import (
    MAX_INT,
    Hash,
    LeafIndex,
    Origin,
    decode_hash,
    decode_utf8,
    encode_base64,
    parse_int,
)
from vitne.errors import BadInputError, DecodeError

FORMAT: Final = "vitne-index/v1"
MAX_GAP_LEAVES: Final = (1 << 32) - 1
_MAX_LEVEL = 63
_LINES = 8
_TIMES: Final = Layout(">BBHHQQ")
"""The part of an entry's header from its type to its times."""


class Coverage(Struct, frozen=True):
    """How complete the streams of a log are over its entries [0, end)."""

    registered: int = 0
    open: int = 0
    silent: int = 0
    abandoned: int = 0
    missing: int = 0
    voided: int = 0


class IndexRecord(Struct, frozen=True):
    """What the index log states of one segment, or of one merged run."""

    origin: Origin
    level: int
    """0: a segment; above: a run that covers lower ones."""
    start: LeafIndex
    end: LeafIndex
    log_root: Hash
    """Root of the log at size `end`."""
    gap_count: int
    run_root: Hash
    recorded_us: tuple[int, int]
    """Of the entries `start` and `end` - 1."""
    occurred_us: tuple[int, int]
    """Smallest and largest over events; (0, 0): no event."""
    key_epoch: tuple[int, int]
    """Likewise."""
    overflow: int
    """Number of events with an overflow list."""
    coverage: Coverage

    def text(self) -> str:
        """The lines that are the leaf's data.

        Raises:
            BadInputError: a value does not fit the form.
        """
        counts = self.coverage
        text = (
            f"{FORMAT}\n{self.origin}\n{self.level} {self.start} {self.end}\n"
            f"{encode_base64(self.log_root)}\n{self.gap_count} {encode_base64(self.run_root)}\n"
            f"{self.recorded_us[0]} {self.recorded_us[1]} "
            f"{self.occurred_us[0]} {self.occurred_us[1]}\n"
            f"{self.key_epoch[0]} {self.key_epoch[1]} {self.overflow}\n"
            f"{counts.registered} {counts.open} {counts.silent} {counts.abandoned} "
            f"{counts.missing} {counts.voided}\n"
        )
        try:
            same = parse_record(text.encode()) == self
        except DecodeError as error:
            raise BadInputError(error.message, where=error.where) from None
        if not same:
            raise BadInputError("the values of a record do not survive encoding")
        return text

    def encode(self) -> bytes:
        """The leaf's data; errors as `text`."""
        return self.text().encode("ascii")


def describe_run(  # noqa: PLR0913 - the log, the range, and what three others computed of it
    origin: Origin,
    start: LeafIndex | int,
    entries: Sequence[bytes],
    *,
    log_root: Hash,
    run: tuple[int, Hash],
    coverage: Coverage,
    level: int = 0,
) -> IndexRecord:
    """The record of entries [start, start + len(entries)).

    Args:
        origin: of the log.
        start: index of the first entry.
        entries: their bytes, at least one.
        log_root: root of the log at size start + len(entries).
        run: number of gap leaves of the same entries, and the root of their tree.
        coverage: counts over all entries from 0 on (`coverage.CoverageCounter`).
        level: 0 for a segment; above for a merged run.

    Raises:
        BadInputError: there is none, or one is too short for an entry.
    """
    if not entries or any(len(entry) < HEADER_BYTES for entry in entries):
        raise BadInputError("a segment holds at least one entry, each of at least 50 bytes")
    unpack = _TIMES.unpack_from
    events = [unpack(entry, 4) for entry in entries if entry[4] == EVENT]
    occurred = [event[5] for event in events] or [0]
    epochs = {event[2] for event in events} or {0}
    return IndexRecord(
        origin,
        level,
        LeafIndex(start),
        LeafIndex(start + len(entries)),
        log_root,
        run[0],
        run[1],
        (unpack(entries[0], 4)[4], unpack(entries[-1], 4)[4]),
        (min(occurred), max(occurred)),
        (min(epochs), max(epochs)),
        sum(1 for event in events if event[1] & OVERFLOW_FLAG),
        coverage,
    )


def wrong_members(record: IndexRecord, made: IndexRecord) -> list[str]:
    """Names of the members in which a record is not what comes of its entries."""
    fields = record.__struct_fields__
    return [name for name in fields if getattr(made, name) != getattr(record, name)]


def parse_record(data: bytes) -> IndexRecord:
    """Read exactly what `IndexRecord.encode` writes.

    Raises:
        DecodeError: another form, or numbers that no segment has.
    """
    lines = decode_utf8(data, "index record").split("\n")
    if len(lines) != _LINES + 1 or lines[-1] or lines[0] != FORMAT:
        raise DecodeError("expected the eight lines of an index record")
    try:
        origin = check_origin(lines[1])
    except BadInputError as error:
        raise DecodeError(error.message, where="origin") from None
    level, start, end = _numbers(lines[2], 3)
    gap_count, _, run = lines[4].partition(" ")
    recorded = _numbers(lines[5], 4)
    epochs = _numbers(lines[6], 3)
    record = IndexRecord(
        origin,
        level,
        LeafIndex(start),
        LeafIndex(end),
        decode_hash(lines[3], "log root"),
        parse_int(gap_count, "number of gap leaves"),
        decode_hash(run, "run root"),
        (recorded[0], recorded[1]),
        (recorded[2], recorded[3]),
        (epochs[0], epochs[1]),
        epochs[2],
        Coverage(*_numbers(lines[7], 6)),
    )
    _check(record)
    return record


def _numbers(line: str, count: int) -> list[int]:
    words = line.split(" ")
    if len(words) != count:
        raise DecodeError(f"expected {count} numbers", where=line[:80])
    return [parse_int(word, line[:80]) for word in words]


def _check(record: IndexRecord) -> None:
    ranges: Sequence[tuple[int, int]] = (
        record.recorded_us,
        record.occurred_us,
        record.key_epoch,
        (record.start + 1, record.end),
        (record.level, _MAX_LEVEL),
        (record.overflow, record.end - record.start),
        (2, record.gap_count),  # the sentinel, and a key of at least one entry
        (record.gap_count, MAX_GAP_LEAVES),
        (1, record.recorded_us[0]),
        (record.key_epoch[1], 0xFFFF),
        (record.end, MAX_INT),
    )
    if any(low > high for low, high in ranges):
        raise DecodeError("an index record with numbers that no segment has")
