"""What a verb prints: one JSON document for programs, or tables and sentences for people.

The result goes to standard output, in either form; progress, notes and hints go to standard error,
so that a pipe never mixes them. Text that came out of a log is shown without its control
characters and without rich markup: a logged value must not be able to draw on a terminal.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import msgspec
from cyclopts import Parameter

from vitne.cli.base.layout import Line, Table
from vitne.errors import UnavailableError

Json = Annotated[
    bool, Parameter(name="--json", help="Print one JSON document on standard output, for programs.")
]
"""The type of every verb's `json` parameter."""

Advance = Callable[[int], None]
"""Move a progress bar forward by that many."""

_LINES = "\n"
_PIPE_COLUMNS = 400
_TO_SECOND = 19
_STYLES = {"bold": "1", "dim": "2", "italic": "3", "red": "31", "green": "32", "yellow": "33"}

Printed = Line | Table | str
Shown = Printed | Callable[[], Printed | Iterable[Printed]]
"""What people see of a result: text, a table, or a function that makes some of them."""


def debugging() -> bool:
    """Whether `VITNE_DEBUG` asks for tracebacks."""
    return os.environ.get("VITNE_DEBUG", "") not in {"", "0"}


def plain(value: object, style: str = "", *, lines: bool = False) -> Line:
    """A value as terminal text that cannot steer the terminal.

    Control characters (C0, C1, DEL) and bidirectional overrides become U+FFFD. So do line feeds,
    unless `lines` says that they are ours: a logged name must not look like a line of output.
    """
    return Line(_tame(str(value), _LINES if lines else ""), style)


def copied(value: object, style: str = "") -> Line:
    """As `plain`, for text that people copy, such as a command or a key: it is never wrapped."""
    return Line(_tame(str(value), ""), style, fold=False)


def _tame(text: str, kept: str) -> str:
    return "".join(c if c.isprintable() or c in kept else "\ufffd" for c in text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table of plain values; `Table` says what the marks of columns mean."""
    cells = tuple(tuple(_tame(str(cell), "") for cell in row) for row in rows)
    return Table(title, tuple(columns), cells)


def members(value: object) -> dict[str, Any]:
    """The members of a part of an event; none if it is erased or no object."""
    return value if isinstance(value, dict) else {}


def second(moment: str) -> str:
    """An RFC 3339 time as people see it: to the second, in UTC, `2026-11-24T09:15:02Z`."""
    return f"{moment[:_TO_SECOND]}Z" if moment else ""


class Output:
    """Where one verb prints."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def width(self) -> int:
        """Characters of a line on standard output; without a terminal nothing is wrapped."""
        return _width_of(sys.stdout)

    def result(self, machine: object, *people: "Shown") -> None:
        """Print the result: `machine` with `--json`, else what is for people.

        Args:
            machine: anything msgspec encodes; bytes become base64.
            people: lines and tables in order; a function is called for them, so that its work is
                saved when a program listens. Strings are printed as they are.
        """
        if self.as_json:
            self.document(machine)
            return
        for part in people:
            _print(part, sys.stdout)

    def document(self, machine: object) -> None:
        """Print one line of JSON on standard output, whatever the mode."""
        sys.stdout.write(msgspec.json.encode(machine).decode() + "\n")
        sys.stdout.flush()

    def note(self, text: str, *, fold: bool = True) -> None:
        """Print something beside the result, on standard error."""
        _print(Line(_tame(text, _LINES), fold=fold), sys.stderr)

    @contextmanager
    def progress(self, doing: str, total: int | None = None) -> Iterator[Advance]:
        """A progress bar on standard error while work runs; silent when nobody watches.

        Args:
            doing: what is being done, e.g. `"hashing records"`.
            total: how many steps; None if unknown.

        Yields:
            A function that moves the bar forward.
        """
        if not sys.stderr.isatty():
            yield lambda _steps: None
            return
        from rich.console import Console  # noqa: PLC0415  # costly, and for bars alone
        from rich.progress import (  # noqa: PLC0415  # likewise
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with bar:
            task = bar.add_task(doing, total=total)
            yield lambda steps: bar.advance(task, steps)


def run_every(out: Output, seconds: int, work: Callable[[], None]) -> None:
    """Do a work, and again after so many seconds, whether its server answers or not; 0: once."""
    while True:
        try:
            work()
        except UnavailableError as error:
            if not seconds:
                raise
            out.note(f"{error.code}: {error}; trying again")
        if not seconds:
            return
        time.sleep(seconds)


def sections(*titled: tuple[str, Sequence[str]]) -> Iterator[Printed]:
    """Lists of sentences, each below its title; an empty one is left out."""
    for title, sentences in titled:
        if sentences:
            yield ""
            yield plain(title, "bold")
            yield from (plain(f"  - {sentence}") for sentence in sentences)


def _width_of(stream: TextIO) -> int:
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return shutil.get_terminal_size().columns if stream.isatty() else _PIPE_COLUMNS


def _print(part: Shown, stream: TextIO) -> None:
    made = part() if callable(part) else part
    for one in (made,) if isinstance(made, Printed) else made:
        if isinstance(one, Table):
            lines = one.lines(_width_of(stream))
        else:
            # Into a pipe nothing is wrapped, so that `grep` finds it whole.
            width = _width_of(stream) if stream.isatty() else sys.maxsize
            lines = (one if isinstance(one, Line) else Line(one)).lines(width)
        stream.writelines(_styled(line, stream) + "\n" for line in lines)
    stream.flush()


def _styled(line: Line, stream: TextIO) -> str:
    """The text with the terminal's codes for its style, and in the terminal's characters."""
    encoding = stream.encoding or "utf-8"
    text = line.text.encode(encoding, "replace").decode(encoding)
    if not (line.style and stream.isatty()) or "NO_COLOR" in os.environ:
        return text
    codes = ";".join(_STYLES[name] for name in line.style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"
