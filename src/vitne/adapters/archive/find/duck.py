"""Queries over segment files, by DuckDB in this process."""

import re
import threading
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from vitne.core.filter.compile import Condition
from vitne.errors import IntegrityError, OverloadedError

_TEXT = files(__package__).joinpath("queries.sql").read_text()
_QUERIES = dict(
    re.findall(r"^-- (\w+) --\n(.*?)(?=^-- \w+ --$|\Z)", _TEXT, re.MULTILINE | re.DOTALL)
)

Rows = list[tuple[Any, ...]]


class Duck:
    """One DuckDB instance with bounded memory and threads, and no way but to the segment files."""

    def __init__(self, folder: Path, memory_mb: int, threads: int) -> None:
        """Start nothing yet: a process that only seals never asks."""
        self._where = str(folder)
        self._settings = {
            "memory_limit": f"{memory_mb}MiB",
            "threads": threads,
            "temp_directory": "",
            "preserve_insertion_order": False,
            "parquet_metadata_cache": True,  # about 1 MB a segment, and half the time of a scan
            "enable_external_file_cache": False,  # the operating system caches files already
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allowed_directories": [self._where],
            "enable_external_access": False,
            "lock_configuration": True,
        }
        self._lock = threading.Lock()  # guards: _connection, until it is made or closed
        self._connection: duckdb.DuckDBPyConnection | None = None

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the one instance."""
        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(":memory:")
                for name, value in self._settings.items():
                    self._connection.execute(f"SET {name} = ?", [value])
            return self._connection.cursor()

    def rows(
        self,
        query: str,
        params: Sequence[object],
        where: Condition,
        *,
        texts: str = "",
        limit: int | None = None,
    ) -> Rows:
        """The rows of a named query: `params`, then those of the condition, then the limit."""
        sql = _QUERIES[query].replace("/*where*/", where.sql).replace("/*texts*/", texts)
        values = [*params, *where.params, *([] if limit is None else [limit])]
        try:
            with self._cursor() as cursor:
                return cursor.execute(sql, values).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise OverloadedError(
                "the query needs more memory than it may have",
                hint="narrow the search, or raise the setting archive_memory_mb",
            ) from error
        except duckdb.IOException as error:
            if "No files found" in str(error) or "Cannot open file" in str(error):
                raise FileNotFoundError(str(error)) from error
            raise IntegrityError(f"a segment cannot be read: {error}", where=self._where) from error
        except duckdb.Error as error:
            raise IntegrityError(f"a segment cannot be read: {error}", where=self._where) from error

    def close(self) -> None:
        """Free its memory."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
