"""The command line as a client of a server: where it is, with which key, and its errors.

Address and key come from, in this order: `--url` and `--api-key`; `VITNE_URL` and `VITNE_API_KEY`;
a profile `client.toml` in `$VITNE_FOLDER`, `./vitne-data` or `~/.config/vitne` (the first that
exists). A profile is TOML with `url`, `key` and optionally `tenant`; `vitne init` writes one.
"""

import os
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote

import httpx
import msgspec
from cyclopts import Group, Parameter

from vitne import errors
from vitne.errors import ConfigurationError, DecodeError, UnavailableError, VitneError

__all__ = [
    "API_KEY_HELP",
    "DEFAULT_URL",
    "Client",
    "Purpose",
    "Server",
    "fault_line",
    "profile",
    "to_error",
]

DEFAULT_URL = "http://127.0.0.1:8470"
"""Where `vitne serve` listens when it is told nothing."""

_LOCAL_FOLDER = "vitne-data"
_CONNECTION = Group("Server", sort_key=90)

API_KEY_HELP = (
    "API key [$VITNE_API_KEY, client.toml]. Other users of this machine can see what is typed here."
)


Purpose = Annotated[
    str,
    Parameter(
        name="--purpose",
        group=_CONNECTION,
        help="Why you read, as CODE or CODE:REFERENCE; it stands in the log beside your name.",
    ),
]
"""The type of the `purpose` parameter of every verb that reads a log."""


@Parameter(name="*")
@dataclass(frozen=True)
class Server:
    """Which server, and as whom."""

    url: Annotated[
        str,
        Parameter(
            name="--url",
            group=_CONNECTION,
            help="Its address; else VITNE_URL, a client.toml, http://127.0.0.1:8470.",
        ),
    ] = ""
    api_key: Annotated[str, Parameter(name="--api-key", group=_CONNECTION, help=API_KEY_HELP)] = ""
    tenant: Annotated[
        str,
        Parameter(
            name="--tenant",
            group=_CONNECTION,
            help="Whose log; else VITNE_TENANT, or the only one that the key is for.",
        ),
    ] = ""

    def __repr__(self) -> str:
        """The address; the key is a secret."""
        return f"Server(url={self.url!r}, api_key=***, tenant={self.tenant!r})"


def profile(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The nearest `client.toml`: its `url`, `key` and `tenant`; `{}` if there is none.

    Raises:
        ConfigurationError: the file is not TOML, or holds something else than texts.
    """
    environ = os.environ if environ is None else environ
    folder = environ.get("VITNE_FOLDER")
    places = [Path(folder)] if folder else []
    places += [Path(_LOCAL_FOLDER), Path(environ.get("HOME", "~")).expanduser() / ".config/vitne"]
    for place in places:
        path = place / "client.toml"
        if path.is_file():
            return _read_profile(path)
    return {}


def _read_profile(path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(found, dict[str, str])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"the profile does not read: {error}",
            where=str(path),
            hint="it holds three texts: url, key, tenant",
        ) from error


class Client:
    """A connection to one server, with one key; use it as a context."""

    def __init__(self, server: Server, purpose: str = "", *, timeout_s: float | None = 60) -> None:
        kept = profile()
        self.url = (
            server.url or os.environ.get("VITNE_URL") or kept.get("url") or DEFAULT_URL
        ).rstrip("/")
        self.tenant = server.tenant or os.environ.get("VITNE_TENANT") or kept.get("tenant", "")
        key = server.api_key or os.environ.get("VITNE_API_KEY") or kept.get("key", "")
        if not key:
            raise ConfigurationError(
                "no API key is given",
                hint="set VITNE_API_KEY, or make one with: vitne key add --help",
            )
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "vitne-cli"}
        if purpose:
            headers["Audit-Purpose"] = quote(purpose, safe=":/#")
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: str | int | list[str] | None) -> Any:  # noqa: ANN401  # JSON
        """GET a JSON document; parameters that are None or empty are left out.

        Raises:
            VitneError: the server's problem as the error of the same code; `UnavailableError`
                if nobody answers.
        """
        return _decode(self.send("GET", path, params=_given(params)))

    def data(self, path: str, **params: str | int | list[str] | None) -> bytes:
        """GET bytes as they came; errors as in `get`."""
        return self.send("GET", path, params=_given(params)).content

    def post(
        self,
        path: str,
        body: bytes,
        content_type: str,
        key: str = "",
        *,
        taken: Container[int] = (),
    ) -> Any:  # noqa: ANN401  # JSON
        """POST bytes and decode the JSON reply; errors as in `get`.

        Args:
            path: of the resource.
            body: the bytes.
            content_type: their media type.
            key: sent as `Idempotency-Key`, which makes the same request safe to send again.
            taken: statuses of problems that are a reply like any other here.
        """
        headers = {"Content-Type": content_type} | ({"Idempotency-Key": key} if key else {})
        return _decode(self.send("POST", path, taken=taken, headers=headers, content=body))

    def send(
        self,
        method: str,
        path: str,
        *,
        taken: Container[int] = (),
        **kwargs: Any,  # noqa: ANN401  # httpx's
    ) -> httpx.Response:
        """Any request; raises the server's problem as an error, but for the statuses `taken`."""
        try:
            reply = self._http.request(method, path, **kwargs)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"this is no address: {error}", where=self.url) from error
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(
                f"the server does not answer: {str(error) or type(error).__name__}",
                where=self.url,
                hint="is it running? vitne serve",
            ) from error
        if reply.is_error and reply.status_code not in taken:
            raise to_error(reply)
        return reply


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value not in (None, "", [])}


def _decode(reply: httpx.Response) -> Any:  # noqa: ANN401  # JSON
    try:
        return msgspec.json.decode(reply.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(
            "the reply is no JSON", where=str(reply.url.path), hint="is this a Vitne server?"
        ) from error


def to_error(reply: httpx.Response) -> VitneError:
    """A problem+json reply (RFC 9457) as the error that the server raised."""
    try:
        problem = msgspec.json.decode(reply.content, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        problem = {}
    code = str(problem.get("code", ""))
    kind = _kind(code, reply.status_code)
    message = str(problem.get("detail") or problem.get("title") or f"HTTP {reply.status_code}")
    faults = [fault_line(fault) for fault in problem.get("problems") or []]
    made = kind("\n  ".join([message, *faults]))
    made.where = str(problem.get("where") or reply.url.path)
    made.hint = str(problem.get("hint") or "")
    made.request_id = str(problem.get("request_id") or "")
    made.code = code or kind.code  # type: ignore[misc]  # the server's code, told as it came
    wait_s = reply.headers.get("retry-after", "")
    if isinstance(made, UnavailableError) and wait_s.isdecimal():
        made.retry_after_s = int(wait_s)
    return made


def fault_line(fault: Mapping[str, object]) -> str:
    """One fault of an event in words: code, path, what was expected and what came."""
    line = f"{fault.get('code', '')} at {fault.get('path', '')}"
    if fault.get("expected"):
        line += f": expected {fault['expected']}"
    return line + (f", got {fault['got']}" if fault.get("got") else "")


_BY_STATUS: dict[int, type[VitneError]] = {
    401: errors.UnknownKeyError,
    403: errors.NotAllowedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    413: errors.TooLargeError,
    429: errors.OverloadedError,
    500: errors.VitneError,
    502: errors.UnavailableError,
    503: errors.UnavailableError,
    504: errors.UnavailableError,
}


def _kind(code: str, status: int) -> type[VitneError]:
    for kind in _family(VitneError):
        if kind.code == code:
            return kind
    return _BY_STATUS.get(status, errors.BadInputError)


def _family(kind: type[VitneError]) -> Iterator[type[VitneError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)
