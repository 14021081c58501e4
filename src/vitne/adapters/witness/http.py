"""Asking a witness over HTTP (C2SP tlog-witness)."""

import time
from typing import Final
from urllib.parse import urlsplit

import httpx

from vitne.core.tree.witness import log_path
from vitne.core.values import Origin
from vitne.errors import ConfigurationError, UnavailableError
from vitne.ports import WitnessReply

_WHOLE_S: Final = 20.0
"""For one question: well below the minute in which a head must be cosigned or be old."""
_STEP_S: Final = 10.0
_REPLY_BYTES_MAX: Final = 64 * 1024
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class HttpWitness:
    """One witness, over one connection that stays open. For one thread.

    Args:
        url: prefix of its resources; `https://`, or `http://` on this very machine.

    Raises:
        ConfigurationError: no such address.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            host, parts = None, urlsplit("")
        safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
        if not safe or not host or parts.query or parts.fragment:
            raise ConfigurationError(
                "expected the address of a witness: https://…", where=url[:200]
            )
        self._url = url.rstrip("/")
        self._http = httpx.Client(
            timeout=_STEP_S,
            follow_redirects=False,
            headers={"user-agent": "vitne"},
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
        )

    @property
    def name(self) -> str:
        return self._url

    def add(self, body: bytes) -> WitnessReply:
        return self._ask("POST", f"{self._url}/add-checkpoint", body)

    def newest(self, origin: Origin) -> bytes | None:
        reply = self._ask("GET", f"{self._url}/{log_path(origin)}")
        return reply.body if reply.status == httpx.codes.OK else None

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _ask(self, method: str, url: str, content: bytes | None = None) -> WitnessReply:
        """One question, whose answer is whole, short and in time."""
        until_s, body = time.monotonic() + _WHOLE_S, b""
        try:
            with self._http.stream(method, url, content=content) as answer:
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _REPLY_BYTES_MAX:
                        raise UnavailableError("the answer is too long", where=self._url)
                    if time.monotonic() > until_s:
                        raise UnavailableError("the answer takes too long", where=self._url)
                return WitnessReply(answer.status_code, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise UnavailableError(f"the witness was not reached: {why}", where=self._url) from None
