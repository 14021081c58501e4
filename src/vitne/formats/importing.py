"""From the lines of a foreign file to events ready to send, every record accounted for.

Nothing here reads a file or sends anything: lines go in, mapped records and request bodies come
out. The number of records that were read always equals the number that a `Tally` accounts for.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from vitne.core.event.body import MAX_RAW_BYTES
from vitne.core.event.event import Problem
from vitne.errors import BadInputError
from vitne.formats import cef, cloudtrail, frames
from vitne.formats.mapped import Mapped, Original, event_id, refused_record, wrong_type
from vitne.formats.mapping import RecordMapping

Format = Literal["cloudtrail", "cef", "jsonl", "csv"]

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
_EXAMPLES: Final = 20

_decode_json = msgspec.json.Decoder(float_hook=str).decode  # a number is mapped as it was written


class ImportOptions(Struct, frozen=True):
    """How a file is to be read."""

    format: Format
    rule: RecordMapping | None = None
    """The mapping: needed for `csv`, possible for `jsonl`."""
    at: str = ""
    """Dotted path of the record inside each line; empty: the line is the record."""
    delimiter: str = ","
    tenant: str = ""
    """Written into events that name none."""


def mapped_records(lines: Iterable[bytes], options: ImportOptions) -> Iterator[Mapped]:
    """Every record of a file, mapped or refused with a reason, in the file's order.

    Args:
        lines: the file's lines, unpacked, with their line ends.
        options: how to read them.

    Raises:
        BadInputError: the file is none of the format at all.
    """
    repeats = _Repeats()
    if options.format == "csv":
        if options.rule is None:
            raise BadInputError("a CSV file needs a mapping", hint="vitne import --mapping FILE …")
        for original, cells in frames.csv_rows(lines, options.delimiter):
            yield _owned(_map_row(original, cells, options.rule, repeats), options.tenant)
        return
    for original in _originals(lines, options):
        yield _owned(_map_original(original, options, repeats), options.tenant)


def import_batches(records: Iterable[Mapped]) -> Iterator[tuple[list[Mapped], bytes]]:
    """Consecutive records with the body that sends those of them that are events.

    `vitne.core.event.body.split_import` reads the body, which is empty if none is an event. A batch
    holds at most 500 records and 4 MiB.
    """
    waiting: list[Mapped] = []
    lines: list[bytes] = []
    size = 0
    for record in records:
        line = b""
        if record.event is not None:
            line = msgspec.json.encode({"event": record.event, "raw": record.raw})
        if waiting and (len(waiting) == BATCH_RECORDS or size + len(line) > BATCH_BYTES):
            yield waiting, b"\n".join(lines)
            waiting, lines, size = [], [], 0
        waiting.append(record)
        if line:
            lines.append(line)
            size += len(line) + 1
    if waiting:
        yield waiting, b"\n".join(lines)


RecordResult = tuple[str, Sequence[Problem]]
"""What became of one record that was sent: its status (event-schema §3.2), and its faults."""


class Reject(Struct, frozen=True):
    """One record that did not get in, and the first reason."""

    number: int
    """1-based record of the file."""
    code: str
    path: str = ""
    expected: str = ""
    got: str = ""


class Tally(Struct):
    """What became of the records of a file so far. `read` is always the sum of the others."""

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dropped: int = 0
    rejected: int = 0
    reasons: dict[str, int] = {}
    """Code and path of each reject, with its count."""
    unmapped: dict[str, int] = {}
    """Fields that are kept in the original only, with the number of records that have them."""
    examples: list[Reject] = []
    notes: list[str] = []
    """What the log as a whole lacks, as sentences."""

    def add(self, records: Sequence[Mapped], results: Sequence[RecordResult]) -> None:
        """Account for a batch.

        Args:
            records: all of it.
            results: what became of each record that was an event, in order.
        """
        answers = iter(results)
        for record in records:
            self.read += 1
            for name in record.unmapped:
                self.unmapped[name] = self.unmapped.get(name, 0) + 1
            if record.event is None:
                self._reject(record.problems[0])
            else:
                self._answer(next(answers))

    def _answer(self, result: RecordResult) -> None:
        status, problems = result
        if status in ("accepted", "duplicate", "quarantined", "dropped"):
            setattr(self, status, getattr(self, status) + 1)
            return
        self._reject(next(iter(problems), None))

    def _reject(self, fault: Problem | None) -> None:
        self.rejected += 1
        reason = f"{fault.code} {fault.path}".strip() if fault else "unknown"
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if len(self.examples) < _EXAMPLES:
            said = astuple(fault) if fault else ("", "", "", "")
            self.examples.append(Reject(self.read, *said))


class _Repeats:
    """Ids of records that have none: their text, and the how-many-eth of equal texts it is."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def id_of(self, text: str) -> str:
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:16]
        self._seen[digest] += 1
        return f"{digest.hex()}/{self._seen[digest]}"


def _originals(lines: Iterable[bytes], options: ImportOptions) -> Iterator[Original]:
    remaining = iter(lines)
    first = next(remaining, b"")
    if first.startswith(b"\xef\xbb\xbf"):
        first = first[3:]
    everything = chain([first], remaining)
    if options.format == "cloudtrail" and not options.at and frames.begins_document(first):
        records = frames.records_file(b"".join(everything))
        if records is None:
            raise BadInputError('a CloudTrail file is {"Records": […]}, or one record a line')
        return records
    return frames.json_lines(everything)  # CEF is one record a line, too


def _map_original(original: Original, options: ImportOptions, repeats: _Repeats) -> Mapped:
    if options.at:
        try:
            original = frames.member_record(original, options.at)
        except BadInputError as error:
            return refused_record(
                _readable(original.text), "missing", f"$.{options.at}", error.message
            )
    text = original.text
    fault = _unfit(text)
    if fault is not None:
        return fault
    if options.format == "cef":
        return cef.map_line(text, repeats.id_of(text))
    try:
        record = _decode_json(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        return refused_record(
            text, "bad_format", "$", "one JSON object a line", f"not JSON: {error}"
        )
    return _map_json(record, text, options, repeats)


def _map_json(record: object, text: str, options: ImportOptions, repeats: _Repeats) -> Mapped:
    if options.format == "cloudtrail":
        return cloudtrail.map_record(record, text)
    if options.rule is not None:
        return options.rule.apply(record, text, repeats.id_of(text))
    return _as_it_is(text, repeats)


def _as_it_is(text: str, repeats: _Repeats) -> Mapped:
    """A line that is an event of Vitne's own schema: there is no other original."""
    event = msgspec.json.decode(text)
    if not isinstance(event, dict):
        return wrong_type(text, "an event", event)
    if not event.get("id"):
        event["id"] = event_id("import/jsonl", repeats.id_of(text))
    return Mapped(event, "")


def _map_row(
    original: Original, cells: dict[str, str] | None, rule: RecordMapping, repeats: _Repeats
) -> Mapped:
    fault = _unfit(original.text)
    if fault is not None:
        return fault
    if cells is None:
        return refused_record(original.text, "bad_format", "$", "as many cells as the header has")
    return rule.apply(cells, original.text, repeats.id_of(original.text))


def _unfit(text: str) -> Mapped | None:
    """Why a record's text cannot be kept, if so."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return refused_record(_readable(text), "bad_format", "$", "text in UTF-8", "other bytes")
    if size > MAX_RAW_BYTES:
        limit = f"a record of at most {MAX_RAW_BYTES} bytes"
        return refused_record("", "too_large", "$", limit, f"{size} bytes")
    return None


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _owned(mapped: Mapped, tenant: str) -> Mapped:
    if tenant and mapped.event is not None and not mapped.event.get("tenant"):
        mapped.event["tenant"] = {"id": tenant}
    return mapped
