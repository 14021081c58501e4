"""The command line as a client of a server: where it is, with which key, and its errors.

Address and key come from, in this order: `--url` and `--api-key`; `VITNE_URL` and `VITNE_API_KEY`;
a profile `client.toml` in `$VITNE_FOLDER`, `./vitne-data` or `~/.config/vitne` (the first that
exists). A profile is TOML with `url`, `key` and optionally `tenant`; `vitne init` writes one.
"""

import os
import time
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self, TypeVar
from urllib.parse import quote

import msgspec
from cyclopts import Group, Parameter
from msgspec import Struct

from vitne import errors
from vitne.core.event.event import Problem
from vitne.errors import ConfigurationError, DecodeError, UnavailableError, VitneError
from vitne.wire.problems import ProblemReply

if TYPE_CHECKING:
    from vitne.cli.base.http import HttpAnswer

T = TypeVar("T")

JSON_BODY = {"Content-Type": "application/json"}

DEFAULT_URL = "http://127.0.0.1:8470"
"""Where `vitne serve` listens by default."""

_LOCAL_FOLDER = "vitne-data"
_CONNECTION = Group("Server", sort_key=90)

_SEEN = "Other users of this machine can see what is typed here."
API_KEY_HELP = f"API key [$VITNE_API_KEY, client.toml]. {_SEEN}"
OTHER_API_KEY_HELP = f"API key of that server [$VITNE_API_KEY]. {_SEEN}"


Purpose = Annotated[
    str,
    Parameter(
        name="--purpose",
        group=_CONNECTION,
        help="Reason for reading, as CODE or CODE:REFERENCE; the log records it with your name.",
    ),
]
"""The type of the `purpose` parameter of every verb that reads a log."""


@Parameter(name="*", group=_CONNECTION)
@dataclass(frozen=True)
class ServerOptions:
    """Which server, and as whom."""

    url: Annotated[
        str, Parameter(help="Server address [$VITNE_URL, client.toml, http://127.0.0.1:8470].")
    ] = ""
    api_key: Annotated[str, Parameter(help=API_KEY_HELP)] = ""
    tenant: Annotated[
        str,
        Parameter(
            help="Tenant whose log is meant [$VITNE_TENANT, client.toml, the key's only tenant]."
        ),
    ] = ""

    def __repr__(self) -> str:
        """The address; the key is a secret."""
        return f"ServerOptions(url={self.url!r}, api_key=***, tenant={self.tenant!r})"


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


class HttpClient:
    """A connection to one server, with one API key; use it as a context."""

    def __init__(
        self, options: ServerOptions | None, purpose: str = "", *, timeout_s: float | None = 60
    ) -> None:
        options, kept = options or ServerOptions(), profile()
        self.url = (
            options.url or os.environ.get("VITNE_URL") or kept.get("url") or DEFAULT_URL
        ).rstrip("/")
        self.tenant = options.tenant or os.environ.get("VITNE_TENANT") or kept.get("tenant", "")
        key = options.api_key or os.environ.get("VITNE_API_KEY") or kept.get("key", "")
        if not key:
            raise ConfigurationError(
                "no API key is given",
                hint="set VITNE_API_KEY, or make a key with: vitne key add --help",
            )
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "vitne-cli"}
        if purpose:
            headers["Audit-Purpose"] = quote(purpose, safe=":/#")
        from vitne.cli.base.http import HttpConnection  # noqa: PLC0415  # help needs no HTTP

        self._http = HttpConnection(self.url, headers, timeout_s)

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, reply: type[T], **params: object) -> T:
        """GET a reply of the interface; parameters that are None or empty are left out.

        Raises:
            VitneError: the server's problem as the error of the same code; `UnavailableError`
                if the server does not answer.
        """
        return read_reply(self.exchange("GET", path, params=_given(params)), reply)

    def data(self, path: str, **params: object) -> bytes:
        """GET bytes as they came; errors as in `get`."""
        return self.exchange("GET", path, params=_given(params)).content

    def post(self, path: str, request: Struct | None, reply: type[T]) -> T:
        """POST a request of the interface, None for an empty body; errors as in `get`."""
        body = b"" if request is None else msgspec.json.encode(request)
        return read_reply(self.exchange("POST", path, content=body, headers=JSON_BODY), reply)

    def exchange(  # what a request has
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        taken: Container[int] = (),
    ) -> "HttpAnswer":
        """Any request; raises the server's problem as an error, but for the statuses `taken`."""
        answer = self._http.request(method, path, params=params, headers=headers, content=content)
        if answer.is_error and answer.status not in taken:
            raise to_error(answer)
        return answer

    def send_events(
        self, content: bytes, headers: Mapping[str, str], tries: int, taken: Container[int] = ()
    ) -> "HttpAnswer":
        """POST events, again if the server is away for a moment: ids make that safe."""
        attempt = 1
        while True:
            try:
                return self.exchange(
                    "POST", "/v1/events", headers=headers, content=content, taken=taken
                )
            except UnavailableError as error:
                if attempt == tries:
                    raise
                time.sleep(min(error.retry_after_s, 2**attempt / 4))
                attempt += 1


def _given(params: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in params.items() if value not in (None, "", [])}


def read_reply(answer: "HttpAnswer", reply: type[T]) -> T:
    """The body of an answer. Raises `DecodeError` if it has another form."""
    try:
        return msgspec.json.decode(answer.content, type=reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(
            f"the reply is not a {reply.__name__}: {error}",
            where=answer.path,
            hint="check that the address is that of a Vitne server of this version",
        ) from error


def to_error(answer: "HttpAnswer") -> VitneError:
    """A problem+json reply (RFC 9457) as the error that the server raised."""
    try:
        problem = msgspec.json.decode(answer.content, type=ProblemReply)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = ProblemReply(type="", title=f"HTTP {answer.status}", status=0, code="")
    kind = _kind(problem.code, answer.status)
    faults = map(fault_line, problem.problems)
    made = kind("\n  ".join([problem.detail or problem.title, *faults]))
    made.where = problem.where or answer.path
    made.hint = problem.hint
    made.request_id = problem.request_id
    made.code = problem.code or kind.code  # type: ignore[misc]  # the server's code, as it came
    wait_s = answer.headers.get("retry-after", "")
    if isinstance(made, UnavailableError) and wait_s.isdecimal():
        made.retry_after_s = int(wait_s)
    return made


def fault_line(fault: Problem) -> str:
    """One fault of an event in words: code, path, what was expected and what came."""
    line = f"{fault.code} at {fault.path}"
    if fault.expected:
        line += f": expected {fault.expected}"
    return line + (f", got {fault.got}" if fault.got else "")


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
    for kind in errors.kinds_of_errors():
        if kind.code == code:
            return kind
    return _BY_STATUS.get(status, errors.BadInputError)
