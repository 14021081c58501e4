"""What a log has published, over HTTP or in a folder, for verbs that audit it."""

import os
import re
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from vitne.cli.base.http import HttpConnection
from vitne.core.tree.tile import TILE_WIDTH, TileId, parse_path, truncate_tile
from vitne.errors import BadInputError, DecodeError, UnavailableError

_MOST_BYTES = 20 * 1024 * 1024
"""A bundle of 256 entries of 65,535 bytes, and then some."""
_TIMEOUT_S = 30
_LOG = re.compile("(.*)/log/([^/]+)", re.ASCII)


class HttpFiles:
    """Below `https://host/log/<tenant>`.

    Args:
        url: the prefix.
        key: API key with the role `read` [that of the environment; none: the log is public].
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        key = key or os.environ.get("VITNE_API_KEY", "")
        headers = {"user-agent": "vitne"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._headers = headers
        self._http = HttpConnection(self._url, headers, _TIMEOUT_S)

    def get(self, path: str) -> bytes | None:
        """See `PublishedFiles`."""
        answer = self._http.request("GET", f"/{path}", most_bytes=_MOST_BYTES)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise UnavailableError(
                f"the log answered with status {answer.status}",
                where=f"{self._url}/{path}",
                hint="a log that is not public needs --api-key or VITNE_API_KEY",
            )
        return answer.content

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def bring(self, what: Literal["cosignatures", "objections"], note: str) -> None:
        """Post a note about the index log.

        Raises:
            BadInputError: the address is not that of a log of a Vitne server.
            UnavailableError: not reached, or not taken; says what it answered.
        """
        found = _LOG.fullmatch(self._url)
        if found is None:
            raise BadInputError("expected https://…/log/<tenant>", where=self._url)
        path = f"/v1/logs/{found[2]}/index/{what}"
        with closing(HttpConnection(found[1], self._headers, _TIMEOUT_S)) as server:
            answer = server.request(
                "POST", path, content=note.encode(), headers={"content-type": "text/plain"}
            )
        if answer.status != HTTPStatus.OK:
            said = answer.content.decode("utf-8", "replace")[:300]
            raise UnavailableError(
                f"the log did not take it: {answer.status} {said}", where=f"{found[1]}{path}"
            )


class FolderFiles:
    """A mirrored folder: the same files as the log serves, or a server's `objects/log/<tenant>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str) -> bytes | None:
        """See `PublishedFiles`."""
        found = self._read(path)
        prefix = "index/" if path.startswith("index/") else ""
        name = path.removeprefix(prefix)
        if found is None and name.startswith("tile/"):
            return self._wider(prefix, name)
        return found

    def _read(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnavailableError(f"not readable: {error.strerror}", where=path) from None

    def _wider(self, prefix: str, path: str) -> bytes | None:
        """A narrower partial tile, cut from a wider one: only the newest one may be kept."""
        tile = parse_path(path)
        if tile.width == TILE_WIDTH:
            return None
        folder = (self._folder / f"{prefix}{path}").parent
        names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
        widths = [int(name) for name in names if name.isdecimal()]
        wider = min((width for width in widths if width > tile.width), default=0)
        full = TileId(tile.level, tile.index)
        found = TileId(tile.level, tile.index, wider) if wider else full
        data = self._read(f"{prefix}{found.path}")
        try:
            return None if data is None else truncate_tile(tile, data, tile.width)
        except DecodeError as error:
            raise UnavailableError(f"a tile is cut short: {error.message}", where=path) from error


def open_files(where: str, key: str) -> HttpFiles | FolderFiles:
    """A log at an address or in a folder. Raises `BadInputError`."""
    try:
        scheme = urlsplit(where).scheme
    except ValueError:
        scheme = ""
    if scheme in {"http", "https"}:
        return HttpFiles(where, key)
    if not Path(where).is_dir():
        raise BadInputError("expected http(s)://…/log/<tenant>, or a folder", where=where)
    return FolderFiles(Path(where))
