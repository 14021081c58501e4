"""HTTP for commands: one kept-alive connection, on the standard library alone.

A command makes one or two requests, so its time is the time of its imports: `http.client` costs a
tenth of what a client library does. Proxies come from the environment (`https_proxy`, `no_proxy`).
"""

import http.client
import os
import select
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from msgspec import Struct

from vitne.errors import ConfigurationError, UnavailableError

_ERROR = 400
_REPLY_BYTES_MAX = 1 << 30


class HttpAnswer(Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    content: bytes
    path: str
    """Of the request, without its query."""

    @property
    def is_error(self) -> bool:
        """Whether the status says that the request was not served."""
        return self.status >= _ERROR


class HttpConnection:
    """Requests to one server.

    Args:
        url: its address; paths of requests are below it.
        headers: of every request.
        timeout_s: longest wait for the server; None for no limit.
    """

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float | None) -> None:
        self._url = url
        self._headers = dict(headers)
        self._timeout_s = timeout_s
        self._open: http.client.HTTPConnection | None = None
        self._prefix = ""

    def request(  # what a request has
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        most_bytes: int = _REPLY_BYTES_MAX,
    ) -> HttpAnswer:
        """Send one request; no redirect is followed.

        Raises:
            ConfigurationError: the address is none.
            UnavailableError: the server was not reached or broke off, or the reply is too long.
        """
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        try:
            connection = self._connected()
            target = f"{self._prefix}{path}{query}"
            with suppress(BrokenPipeError, ConnectionResetError):  # a refusal may come before
                connection.request(method, target, content, {**self._headers, **(headers or {})})
            reply = connection.getresponse()
            body = reply.read(most_bytes + 1)
            if reply.length and len(body) <= most_bytes:
                raise http.client.IncompleteRead(body, reply.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise UnavailableError(
                f"the server does not answer: {str(error) or type(error).__name__}",
                where=self._url,
                hint="check that it is running (vitne serve) and that the address is right",
            ) from error
        if len(body) > most_bytes:
            self.close()
            raise UnavailableError(f"the reply is longer than {most_bytes:,} bytes", where=path)
        found = {name.lower(): value for name, value in reply.getheaders()}
        return HttpAnswer(reply.status, found, body, path)

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self) -> http.client.HTTPConnection:
        """The open connection if the server has not closed it, else a new one."""
        kept = self._open
        if kept is not None and kept.sock is not None:
            # What can be read before a request is the end of the connection.
            if not select.select([kept.sock], [], [], 0)[0]:
                return kept
            kept.close()
        self._open = self._connect(self._address(self._url))
        return self._open

    def _connect(self, address: SplitResult) -> http.client.HTTPConnection:
        self._prefix = address.path.rstrip("/")
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        proxy = _proxy_of(address)
        if not proxy:
            return kind(*_host_and_port(address), timeout=self._timeout_s)
        via = self._address(proxy if "://" in proxy else f"http://{proxy}")
        made = kind(*_host_and_port(via), timeout=self._timeout_s)
        if secure:
            made.set_tunnel(*_host_and_port(address), headers=_credentials(via))
        else:
            self._prefix = f"http://{address.netloc}{self._prefix}"
            self._headers |= _credentials(via)
        return made

    @staticmethod
    def _address(url: str) -> SplitResult:
        with suppress(ValueError):  # brackets without an IPv6 address, a port that is no number
            address = urlsplit(url)
            _ = address.port
            if address.scheme in {"http", "https"} and address.hostname:
                return address
        raise ConfigurationError(
            "this is not an address of a server",
            where=url,
            hint="an address looks like https://audit.example.com or http://127.0.0.1:8470",
        )


def _host_and_port(address: SplitResult) -> tuple[str, int]:
    """The port is always given: `http.client` looks for one in an IPv6 address otherwise."""
    return str(address.hostname), address.port or (443 if address.scheme == "https" else 80)


def _credentials(proxy: SplitResult) -> dict[str, str]:
    """The header with the name and password in the address of a proxy (RFC 7617)."""
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _proxy_of(address: SplitResult) -> str:
    """The proxy that the environment names for a host; `""` if there is none."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # costly, rarely needed

    if proxy_bypass(str(address.hostname)):
        return ""
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all", "")
