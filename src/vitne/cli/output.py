"""What a verb prints: one JSON document for programs, or tables and sentences for people.

The result goes to standard output, in either form; progress, notes and hints go to standard error,
so that a pipe never mixes them. Text that came out of a log is shown without its control
characters and without rich markup: a logged value must not be able to draw on a terminal.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import msgspec
from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["Advance", "Json", "Output", "debugging", "plain", "table"]

Json = Annotated[
    bool,
    Parameter(
        name="--json", negative="", help="Print one JSON document on standard output, for programs."
    ),
]
"""The type of every verb's `json` parameter."""

Advance = Callable[[int], None]
"""Move a progress bar forward by that many."""

_LINES = "\n"
_PIPE_COLUMNS = 400


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


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> "Table":
    """A table of plain values.

    A column whose name ends in `#` is set to the right; one that ends in `!` is never broken.
    """
    from rich import box  # noqa: PLC0415  # programs' output needs no rich
    from rich.table import Table  # noqa: PLC0415  # likewise

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(
            name.rstrip("#!"),
            justify="right" if name.endswith("#") else "left",
            no_wrap=name.endswith("!"),
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(plain(cell) for cell in row))
    return made


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
