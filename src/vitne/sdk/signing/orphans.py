"""Ledgers of runs that are gone: whose streams they were, and what the log must still be sent."""

import logging
from collections.abc import Iterator
from pathlib import Path

from vitne.errors import DecodeError
from vitne.sdk.signing.ledger import Ledger, StreamRef

_log = logging.getLogger("vitne.sdk")

SUFFIX = ".led"


def ledger_path(folder: Path, run: str, number: int) -> Path:
    """Where the ledger of a run's n-th stream lies; later runs sort behind earlier ones."""
    return folder / "streams" / f"{run}-{number:06d}{SUFFIX}"


class Orphans:
    """The ledgers that this run has taken over. Not thread-safe.

    Args:
        folder: of the application's runs; None: nothing is kept on disk.
        run: this run, whose own ledgers are left alone.
        vkey: of the key that signs here: only its own streams can be finished with it.
    """

    def __init__(self, folder: Path | None, run: str, vkey: str) -> None:
        self._folder = folder
        self._run = run
        self._vkey = vkey
        self._by_stream: dict[StreamRef, Ledger] = {}
        self._named: set[Path] = set()

    def take_over(self) -> None:
        """Lock the ledgers of all runs that are gone."""
        if self._folder is None:
            return
        held = {ledger.path for ledger in self._by_stream.values()}
        for path in sorted((self._folder / "streams").glob(f"*{SUFFIX}")):
            if path in held or path.name.startswith(self._run):
                continue
            try:
                ledger = Ledger(path)
            except BlockingIOError:
                continue  # its process lives, or another one has taken it over
            except (OSError, DecodeError) as error:
                _log.warning("cannot read the ledger %s: %s", path, error)
                continue
            if ledger.about.vkey != self._vkey:
                ledger.abandon()
                continue
            self._by_stream[ledger.about.ref] = ledger

    def of(self, ref: StreamRef) -> Ledger | None:
        """The ledger of a stream that a run left behind, as far as `take_over` has found it."""
        return self._by_stream.get(ref)

    def of_tenant(self, tenant: str) -> list[Ledger]:
        """Those of one tenant's streams."""
        return [one for one in self._by_stream.values() if one.about.tenant == tenant]

    def to_follow(self, tenant: str, origin: str) -> Ledger | None:
        """The newest stream of a tenant that a new one may name as the one before; once each."""
        found = [
            ledger
            for ledger in self.of_tenant(tenant)
            if ledger.is_open and ledger.about.origin == origin
            if ledger.path is not None and ledger.path not in self._named
        ]
        return max(found, key=lambda ledger: str(ledger.path)) if found else None

    def named(self, ledger: Ledger) -> None:
        """A stream that is registered names this one as the one before."""
        if ledger.path is not None:
            self._named.add(ledger.path)
        self._forget_if_done(ledger)

    def unfinished(self) -> Iterator[Ledger]:
        """Those whose events are all sent, but whose end was not reported to the log yet.

        Also those that were never opened: their numbers were given out, and are lost.
        """
        for ledger in list(self._by_stream.values()):
            if ledger.is_closed or self._has_events(ledger):
                continue
            if ledger.is_open or ledger.issued:
                yield ledger
            else:
                self._forget(ledger)

    def finished(self, ledger: Ledger) -> None:
        """The log has recorded the end of the stream."""
        self._forget_if_done(ledger)
        # Of the streams of a tenant, the newest is kept for the next one to name.
        for other in list(self._by_stream.values()):
            older = str(other.path) < str(ledger.path)
            if older and other.is_closed and other.about.tenant == ledger.about.tenant:
                self._forget(other)

    def _has_events(self, ledger: Ledger) -> bool:
        if self._folder is None:
            return False
        return any((self._folder / "runs" / ledger.about.run).glob("*.seg"))

    def _forget_if_done(self, ledger: Ledger) -> None:
        if ledger.is_closed and ledger.path in self._named:
            self._forget(ledger)

    def _forget(self, ledger: Ledger) -> None:
        self._by_stream.pop(ledger.about.ref, None)
        ledger.close(remove=True)

    def close(self) -> None:
        """Close all of them; the next run takes over what is not done."""
        for ledger in self._by_stream.values():
            ledger.close()
        self._by_stream.clear()

    def abandon(self) -> None:
        """Close them unchanged, in a forked child."""
        for ledger in self._by_stream.values():
            ledger.abandon()
        self._by_stream.clear()
