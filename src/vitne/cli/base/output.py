"""What a verb prints: one JSON document for programs, or tables and sentences for people.

The result goes to standard output, in either form; progress, notes and hints go to standard error,
so that a pipe never mixes them. Text that came out of a log is shown without its control
characters and without rich markup: a logged value must not be able to draw on a terminal.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO

import msgspec
from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["Advance", "Json", "Listing", "Output", "debugging", "minute", "plain", "table"]

Json = Annotated[
    bool,
    Parameter(name="--json", help="Print one JSON document on standard output, for programs."),
]
"""The type of every verb's `json` parameter."""

Advance = Callable[[int], None]
"""Move a progress bar forward by that many."""

_LINES = "\n"
_PIPE_COLUMNS = 400
_ANY_CHARS = 10_000
"""Wider than any table, to learn how wide one would like to be."""


def _into_a_pipe(stream: TextIO) -> dict[str, Any]:
    """How to write where nobody has a width: nothing is folded, so `grep` finds it whole."""
    if stream.isatty():
        return {}
    asked = os.environ.get("COLUMNS", "")
    return {"soft_wrap": True, "width": int(asked) if asked.isdecimal() else _PIPE_COLUMNS}


def debugging() -> bool:
    """Whether `VITNE_DEBUG` asks for tracebacks."""
    return os.environ.get("VITNE_DEBUG", "") not in {"", "0"}


def plain(value: object, style: str = "", *, lines: bool = False) -> "Text":
    """A value as terminal text that can neither hold markup nor steer the terminal.

    Control characters (C0, C1, DEL) and bidirectional overrides become U+FFFD. So do line feeds,
    unless `lines` says that they are ours: a logged name must not pose as a line of output.
    """
    from rich.text import Text  # noqa: PLC0415  # programs' output needs no rich

    return Text(_tame(str(value), _LINES if lines else ""), style=style)


def _tame(text: str, kept: str) -> str:
    return "".join(c if c.isprintable() or c in kept else "\ufffd" for c in text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> "Listing":
    """A table of plain values.

    Marks at the end of a column's name: `#` sets it to the right, `!` never breaks it, `?` leaves
    it out where there is no room for it, the last such column first.
    """
    return Listing(title, tuple(columns), tuple(map(tuple, rows)))


class Listing(NamedTuple):
    """A table that knows how to be narrow; see `table`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[RenderableType]":
        """The widest form that fits, and the names of the columns that do not."""
        shown = list(range(len(self.columns)))
        made = self._drawn(shown)
        while console.measure(made, options=options.update(width=_ANY_CHARS)).maximum > (
            options.max_width
        ):
            spare = [at for at in shown if "?" in _marks(self.columns[at])]
            if not spare:
                break
            shown.remove(spare[-1])
            made = self._drawn(shown)
        yield made
        if len(shown) < len(self.columns):
            left_out = [_bare(n) for at, n in enumerate(self.columns) if at not in shown]
            yield plain(f"No room for: {', '.join(left_out)}; --json shows all.", "dim")

    def _drawn(self, shown: Sequence[int]) -> "Table":
        from rich import box  # noqa: PLC0415  # programs' output needs no rich
        from rich.table import Table  # noqa: PLC0415  # likewise

        title = self.title or None
        made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for at in shown:
            marks = _marks(self.columns[at])
            made.add_column(
                _bare(self.columns[at]),
                justify="right" if "#" in marks else "left",
                no_wrap="!" in marks,
                overflow="fold",
            )
        for row in self.rows:
            made.add_row(*(plain(row[at]) for at in shown))
        return made


def _bare(column: str) -> str:
    return column.rstrip("#!?")


def _marks(column: str) -> str:
    return column[len(_bare(column)) :]


def minute(moment: str) -> str:
    """An RFC 3339 time as lists show it: to the minute, UTC."""
    return moment[:16].replace("T", " ")


class Output:
    """Where one verb prints."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def console(self) -> "Console":
        """Standard output, for people."""
        from rich.console import Console  # noqa: PLC0415  # programs' output needs no rich

        return Console(highlight=False, **_into_a_pipe(sys.stdout))

    @property
    def aside(self) -> "Console":
        """Standard error, for people."""
        from rich.console import Console  # noqa: PLC0415  # programs' output needs no rich

        return Console(stderr=True, highlight=False, **_into_a_pipe(sys.stderr))

    def result(self, machine: object, *people: "RenderableType | Callable[[], Any]") -> None:
        """Print the verb's result: `machine` with `--json`, else what is for people.

        Args:
            machine: anything msgspec encodes; bytes become base64.
            people: texts and tables in order; a callable is called for one, so that its work is
                saved when a program listens. Strings are printed as they are, without markup.
        """
        if self.as_json:
            self.document(machine)
            return
        for part in people:
            shown = part() if callable(part) else part
            self.console.print(shown, markup=False)

    def document(self, machine: object) -> None:
        """Print one line of JSON on standard output, whatever the mode."""
        sys.stdout.write(msgspec.json.encode(machine).decode() + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people something beside the result, on standard error."""
        self.aside.print(_tame(text, _LINES), markup=False)

    @contextmanager
    def progress(self, doing: str, total: int | None = None) -> Iterator[Advance]:
        """A progress bar on standard error while work runs; silent when nobody watches.

        Args:
            doing: what is being done, e.g. `"hashing records"`.
            total: how many steps; None if unknown.

        Yields:
            A function that moves the bar forward.
        """
        from rich.progress import (  # noqa: PLC0415  # programs' output needs no rich
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = self.aside
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task(doing, total=total)
            yield lambda steps: bar.advance(task, steps)
