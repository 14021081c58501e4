"""Loads `queries.sql`: statements by name, with value groups repeated as often as asked."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

Row = tuple[Any, ...]
"""One row as sqlite3 gives it: int, str, bytes or None in each place."""

_HEAD = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)
_ROWS = re.compile(r"/\*rows\*/(\([?, ]+\))")


def _load() -> dict[str, str]:
    text = files(__package__).joinpath("queries.sql").read_text("utf-8")
    pieces = _HEAD.split(text)[1:]
    return {
        name: "\n".join(line for line in body.strip().splitlines() if not line.startswith("--"))
        for name, body in zip(pieces[::2], pieces[1::2], strict=True)
    }


QUERIES = _load()


def query(name: str) -> str:
    """The statement of that name; `KeyError` is a mistake in this package."""
    return QUERIES[name]


@cache
def repeated_query(name: str, rows: int) -> str:
    """The statement with its `/*rows*/` group standing `rows` times.

    Callers use few different numbers of rows, so the texts and the prepared statements are kept.
    """
    sql, found = _ROWS.subn(lambda m: ", ".join([m[1]] * rows), QUERIES[name])
    if found != 1:
        raise KeyError(name)
    return sql


def filtered_query(name: str, condition: str) -> str:
    """The statement with a compiled filter in the place of `/*where*/`."""
    return QUERIES[name].replace("/*where*/", condition)
