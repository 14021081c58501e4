"""Cutting a file into its records, each with its exact text; nothing is interpreted yet.

A record that cannot be cut out is still an `Original`, which the mapping reports. So the
number of records in is the number of records accounted for.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from vitne.errors import BadInputError
from vitne.formats.mapped import Original


class _Records(msgspec.Struct):
    Records: list[Raw]


_decode_records = msgspec.json.Decoder(_Records).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_DOCUMENT = re.compile(rb'\s*\{\s*"Records"\s*:')
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def json_lines(lines: Iterable[bytes]) -> Iterator[Original]:
    """One record a line; empty lines count for nothing."""
    number = 0
    for line in lines:
        stripped = line.strip(b" \t\r\n")
        if stripped:
            number += 1
            yield Original(number, stripped.decode("utf-8", "surrogateescape"))


def records_file(data: bytes) -> Iterator[Original] | None:
    """The records of a file `{"Records": […]}`, as AWS delivers it; None if it is none.

    Raises:
        BadInputError: it begins like one, but is not whole.
    """
    if not _DOCUMENT.match(data):
        return None
    try:
        records = _decode_records(data).Records
    except _UNDECODABLE as error:
        raise BadInputError(
            f"the file is no whole JSON document: {error}", hint="was it downloaded to its end?"
        ) from error
    texts = (bytes(raw).decode("utf-8", "surrogateescape") for raw in records)
    return (Original(number, text) for number, text in enumerate(texts, start=1))


def begins_document(line: bytes) -> bool:
    """Whether a file's first line begins a document of many records, not a record of its own."""
    return line.strip() in (b"", b"{") or _DOCUMENT.match(line) is not None


def member_record(original: Original, path: str) -> Original:
    """The record that lies at a dotted path inside another, with its exact text.

    Raises:
        BadInputError: the original is no JSON, or has nothing there.
    """
    raw = original.text.encode("utf-8", "surrogateescape")
    for name in path.split("."):
        try:
            raw = bytes(_decode_members(raw)[name])
        except (*_UNDECODABLE, KeyError) as error:
            raise BadInputError(f"there is no {path}", where=f"record {original.number}") from error
    return Original(original.number, raw.decode("utf-8", "surrogateescape"))


def csv_rows(
    lines: Iterable[bytes], delimiter: str = ","
) -> Iterator[tuple[Original, dict[str, str] | None]]:
    """Rows under a header line, each with its text and its cells by column.

    A cell may hold line breaks inside quotes. A row with more or fewer cells than the header has
    None for its cells. Encoding is UTF-8, with or without a byte order mark.
    """
    header: list[str] | None = None
    number = 0
    for text in _csv_texts(lines):
        cells = _cells(text, delimiter)
        if header is None:
            header = [name.strip() for name in cells or [text]]
            continue
        number += 1
        whole = cells is not None and len(cells) == len(header)
        found = dict(zip(header, cells or [], strict=False)) if whole else None
        yield Original(number, text), found


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _csv_texts(lines: Iterable[bytes]) -> Iterator[str]:
    """Physical lines joined until their quotes are even."""
    waiting = ""
    for at, line in enumerate(lines):
        text = line.decode("utf-8-sig" if at == 0 else "utf-8", "surrogateescape")
        waiting += text
        if waiting.count('"') % 2 == 0:
            if waiting.strip():
                yield waiting.rstrip("\r\n")
            waiting = ""
    if waiting.strip():
        yield waiting.rstrip("\r\n")
