"""Lines and tables of text, laid out for a terminal of some width.

A library would fold what people copy, and takes longer to import than a search takes to run.
Here prose is wrapped between words; a cell is wrapped after a separator or cut with `…`, never
inside a word; commands, keys, ids and times stay whole, however narrow the terminal is.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_GAP = "   "
_LEAST_CHARS = 10
"""A column that may be wrapped is never narrower than this."""
_PIECES = re.compile(r"[^\s/.,:;=&?]*[\s/.,:;=&?]?")
_INDENT = re.compile(r" *(?:[-✓✗·] )?")


class Line(NamedTuple):
    """One paragraph of text."""

    text: str
    style: str = ""
    """Such as `bold red`."""
    fold: bool = True
    """Whether it may be wrapped; not so if it contains something that people copy."""

    def lines(self, width: int) -> "Iterator[Line]":
        """As lines of at most so many characters, where words allow it."""
        for text in self.text.split("\n"):
            if not self.fold or width_of(text) <= width:
                yield Line(text, self.style)
            else:
                yield from (Line(part, self.style) for part in _wrapped_prose(text, width))


def _wrapped_prose(text: str, width: int) -> Iterator[str]:
    found = _INDENT.match(text)
    indent = " " * (found.end() if found else 0)
    line = text[: len(indent)]
    begun = False
    for word in text[len(indent) :].split(" "):
        if begun and width_of(line) + 1 + width_of(word) > width:
            yield line
            line, begun = indent, False
        line += f" {word}" if begun else word
        begun = True
    yield line


class Table(NamedTuple):
    """Cells in columns.

    Marks at the end of a column's name: `#` sets it to the right, `!` never breaks it, `?` leaves
    it out where there is no room for it, the last such column first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self, width: int) -> Iterator[Line]:
        """The widest form that fits, and the names of the columns that do not."""
        natural = [
            max(width_of(cell) for cell in (_bare(name), *(row[at] for row in self.rows)))
            for at, name in enumerate(self.columns)
        ]
        shown = list(range(len(self.columns)))
        while _total(natural[at] for at in shown) > width:
            spare = [at for at in shown if "?" in _marks(self.columns[at])]
            if not spare:
                break
            shown.remove(spare[-1])
        yield from self._drawn(shown, self._narrowed(shown, natural, width))
        left_out = [_bare(name) for at, name in enumerate(self.columns) if at not in shown]
        if left_out:
            yield from Line(f"No room for: {', '.join(left_out)}; --json shows all.", "dim").lines(
                width
            )

    def _narrowed(self, shown: Sequence[int], natural: Sequence[int], width: int) -> dict[int, int]:
        """Widths by column: the widest that may be broken gives way, a character at a time."""
        found = {at: natural[at] for at in shown}
        soft = [at for at in shown if "!" not in _marks(self.columns[at])]
        over = _total(found.values()) - width
        while over > 0 and soft:
            widest = max(soft, key=lambda at: found[at])
            if found[widest] <= max(_LEAST_CHARS, width_of(_bare(self.columns[widest]))):
                break
            found[widest] -= 1
            over -= 1
        return found

    def _drawn(self, shown: Sequence[int], widths: dict[int, int]) -> Iterator[Line]:
        if self.title:
            yield Line(self.title, "italic")
        yield Line("")
        head = [_bare(self.columns[at]) for at in shown]
        yield Line(self._row(head, shown, widths), "bold", fold=False)
        yield Line(" " + "─" * (_total(widths.values()) - 1), fold=False)
        for row in self.rows:
            parts = {at: _wrapped_cell(row[at], widths[at]) for at in shown}
            for number in range(max(map(len, parts.values()), default=0)):
                cells = [parts[at][number] if number < len(parts[at]) else "" for at in shown]
                yield Line(self._row(cells, shown, widths), fold=False)
        yield Line("")

    def _row(self, cells: Sequence[str], shown: Sequence[int], widths: dict[int, int]) -> str:
        padded = (
            _padded(cell, widths[at], right="#" in _marks(self.columns[at]))
            for at, cell in zip(shown, cells, strict=True)
        )
        return f" {_GAP.join(padded)}".rstrip()


def width_of(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def _total(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + len(_GAP) * (len(found) - 1) + 1  # the space before the first


def _padded(text: str, width: int, *, right: bool) -> str:
    spaces = " " * (width - width_of(text))
    return spaces + text if right else text + spaces


def _wrapped_cell(text: str, width: int) -> list[str]:
    """A cell in lines, each ending after a separator; a longer piece is cut with `…`."""
    if width_of(text) <= width:
        return [text]
    lines = [""]
    for piece in filter(None, _PIECES.findall(text)):
        if lines[-1] and width_of(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [_cut(line.rstrip(), width) for line in lines]


def _cut(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    while width_of(text) >= width:
        text = text[:-1]
    return f"{text}…"


def _bare(column: str) -> str:
    return column.rstrip("#!?")


def _marks(column: str) -> str:
    return column[len(_bare(column)) :]
