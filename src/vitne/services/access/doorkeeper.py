"""Whose token is this? Keys by their tokens, and which tenants a key may read."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from threading import Lock
from typing import Final

from vitne.errors import UnknownKeyError
from vitne.ports import ApiKey, Clock, StateStore, Tenant

_TOKEN: Final = re.compile(r"vk_([a-z2-7]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_FRESH_US: Final = 2_000_000
_CACHED_MAX: Final = 1024
_NOBODY: Final = bytes(32)


class KeyAuthenticator:
    """Tells whose token this is, at the cost of one hash.

    Keys are remembered for two seconds, so a key that another process revokes is refused soon.
    """

    def __init__(self, state: StateStore, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, tuple[ApiKey | None, int]] = {}
        self._lock = Lock()  # guards: _known

    def authenticate(self, token: str) -> ApiKey:
        """The key that this token belongs to.

        Raises:
            UnknownKeyError: missing, unknown, wrong or revoked; never says which.
        """
        match = _TOKEN.fullmatch(token)
        key = self._find(match.group(1)) if match else None
        # An unknown id costs the same comparison as a wrong secret.
        expected = key.secret_sha256 if key else _NOBODY
        same = hmac.compare_digest(digest_of_token(token), expected)
        if key is None or not same or key.revoked_us:
            raise UnknownKeyError(
                "the API key is missing, unknown, wrong or revoked",
                hint="send the header Authorization: Bearer vk_…; make a key with: vitne key add",
            )
        return key

    def _find(self, key_id: str) -> ApiKey | None:
        now_us = self._clock.now_us()
        with self._lock:
            found = self._known.get(key_id)
        # The clock may step back: an age below zero is as stale as one above the limit.
        if found is not None and 0 <= now_us - found[1] < _FRESH_US:
            return found[0]
        key = self._state.key(key_id)
        with self._lock:
            if len(self._known) >= _CACHED_MAX:
                self._known.clear()
            self._known[key_id] = (key, now_us)
        return key


def readable(key: ApiKey, tenants: Sequence[Tenant]) -> list[Tenant]:
    """Those of the tenants that the key may read."""
    if "read" not in key.roles:
        return []
    return [tenant for tenant in tenants if key.covers(tenant.id)]


def digest_of_token(token: str) -> bytes:
    """What is stored of a token: 32 bytes."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
