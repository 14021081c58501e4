"""Asking a time-stamp authority over HTTP (RFC 3161 §3.4)."""

from typing import Final
from urllib.parse import urlsplit

import httpx
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from vitne.adapters.stamps.tokens import MAX_TOKEN_BYTES, Rfc3161Reader, check_token, decode_token
from vitne.errors import ConfigurationError, UnavailableError, VerificationError
from vitne.ports import StampAuthority

_TIMEOUT_S: Final = 20.0
_HEADERS: Final = {
    "content-type": "application/timestamp-query",
    "accept": "application/timestamp-reply",
}


class HttpAuthority(StampAuthority):
    """One authority.

    Args:
        url: `http://` or `https://`: a token is signed, so the way it comes is no secret.
        certificates: PEM of those that its answers must lead to; `b""`: they are kept unchecked,
            and whoever verifies a token brings certificates anyway.

    Raises:
        ConfigurationError: no such address.
    """

    def __init__(self, url: str, certificates: bytes = b"") -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("expected http://… or https://…", where=url[:200])
        self._url = url
        self._certificates = certificates

    @property
    def name(self) -> str:
        return self._url

    def stamp(self, data: bytes) -> bytes:
        builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
        token = self._ask(request.as_bytes())
        response = decode_token(token)
        check_token(response, data)
        if response.tst_info.nonce != request.nonce:
            raise VerificationError(
                "the stamp answers another question", rule="stamp", where=self._url
            )
        if self._certificates:
            Rfc3161Reader().check(token, data, self._certificates)
        return token

    def _ask(self, query: bytes) -> bytes:
        """The body of the answer, no longer than a token may be."""
        try:
            with httpx.stream(
                "POST", self._url, content=query, headers=_HEADERS, timeout=_TIMEOUT_S
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise UnavailableError(
                        f"the authority answered {answer.status_code}", where=self._url
                    )
                body = b""
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > MAX_TOKEN_BYTES:
                        raise UnavailableError("the answer is too long", where=self._url)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise UnavailableError(
                f"the authority was not reached: {why}", where=self._url
            ) from None
        return body
