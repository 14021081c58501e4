"""For tests of applications and of Vitne itself: a server in a temporary folder, a clock to set.

from vitne.testing import FixedClock, temporary_server

with temporary_server(clock=FixedClock()) as server:
    server.writer.create("acme")
    ...
"""

import dataclasses
import threading
from contextlib import ExitStack
from hashlib import shake_256
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from vitne.core.event.intake import SourceRegistration
from vitne.core.values import JsonObject, LogId, format_utc, uuid7, uuid_text
from vitne.ports import ApiKey, Clock, IdSource
from vitne.settings import Settings
from vitne.wiring import Server, folder_adapters

__all__ = [
    "TEST_START_US",
    "FixedClock",
    "SeededIds",
    "sample_event",
    "sample_key",
    "temporary_server",
]

TEST_START_US: Final = 1_790_000_000_000_000
"""2026-09-21T13:33:20Z."""


class FixedClock:
    """Stands still until it is set or moved; may go back, as real clocks do."""

    def __init__(self, now_us: int = TEST_START_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Microseconds since 1970, as they were set."""
        return self._now_us

    def set(self, now_us: int) -> None:
        """Set the time."""
        self._now_us = now_us

    def advance(self, by_us: int) -> int:
        """Move on (or back, if negative); the new time."""
        self._now_us += by_us
        return self._now_us


class SeededIds:
    """The same bytes in the same order for the same seed; foreseeable, so never for production."""

    def __init__(self, seed: str = "vitne") -> None:
        self._seed = seed
        self._drawn = 0
        self._lock = threading.Lock()  # guards: _drawn

    def random_bytes(self, count: int) -> bytes:
        """The next bytes of the seed."""
        with self._lock:
            self._drawn += 1
            return shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)


def temporary_server(
    settings: Settings | None = None, clock: Clock | None = None, ids: IdSource | None = None
) -> Server:
    """A server over a new folder, not started yet. Close it: then the folder goes away.

    It is the real one, with SQLite and Parquet files, but for its keys, which anybody can foresee.
    It prepares and seals in this process; `server.settings.folder` says where the folder is.

    Args:
        settings: of the server, but for `folder` and `seal_process`.
        clock: a `FixedClock` if None.
        ids: `SeededIds` if None.
    """
    held = ExitStack()
    try:
        here = msgspec.structs.replace(
            settings or Settings(free_bytes_min=0),
            folder=held.enter_context(TemporaryDirectory(prefix="vitne-")),
            seal_process=False,
            prepare_processes=0,
        )
        adapters = folder_adapters(
            here, create=True, clock=clock or FixedClock(), ids=ids or SeededIds()
        )
        held.callback(adapters.close)
        return Server(dataclasses.replace(adapters, close=held.close), here)
    except BaseException:
        held.close()
        raise


def sample_key(*tenants: str, **registration: Any) -> ApiKey:  # noqa: ANN401 - of SourceRegistration
    """A key of the source `crm/crm-bff` that may write for these tenants (none: for all)."""
    source = SourceRegistration(**{"application": "crm", "service": "crm-bff"} | registration)
    return ApiKey(
        id="k" * 12,
        name="sample",
        secret_sha256=b"",
        roles=("write",),
        tenants=tuple(LogId(tenant) for tenant in tenants),
        source=source,
    )


def sample_event(
    number: int, *, tenant: str = "acme", stream: str = "pod-1", at_us: int = TEST_START_US
) -> JsonObject:
    """A complete event as an SDK sends it; equal numbers and streams give equal events."""
    unique = f"{stream}/{number}".encode().ljust(10, b".")[-10:]
    return {
        "schema": "vitne.audit/1.0",
        "id": uuid_text(uuid7(at_us, unique)),
        "type": "crm.customer.viewed",
        "category": "view",
        "occurred_at": format_utc(at_us + number),
        "outcome": {"result": "succeeded"},
        "tenant": {"id": tenant},
        "actor": {
            "type": "user",
            "id": f"usr_{number % 7}",
            "issuer": "https://id.vendor.example",
            "name": "Kari Nordmann",
            "party": "vendor",
            "tenant_id": "vendor",
            "attribution": "token",
            "auth": {"method": "oidc", "mfa": True},
        },
        "targets": [
            {
                "type": "customer",
                "id": f"cus_{number % 11}",
                "name": "Åse Ødegård",
                "role": "subject",
                "exposure": "full",
            }
        ],
        "purpose": {"code": "support_case", "reference": "CASE-9917", "declared_by": "user"},
        "source": {
            "application": "crm",
            "service": "crm-bff",
            "environment": "prod",
            "deployment": "saas",
        },
        "observed": {"role": "primary", "layer": "bff", "seen": "shown"},
        "correlation": {"action_id": uuid_text(uuid7(at_us, unique[::-1]))},
        "stream": {"id": stream, "seq": number, "sdk": "vitne-python/1.0"},
    }
