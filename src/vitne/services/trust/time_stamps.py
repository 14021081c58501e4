"""Anchors: checkpoints stamped by authorities that know nothing of the log (RFC 3161).

A stamp shows that a checkpoint existed at a time, on the word of somebody else. It does not show
that it was the only one: that takes witnesses. Each is kept as objects:

    anchors/<log>/<size>-<first 16 hex digits of the note's SHA-256>/checkpoint
                                                                    /<the same of the authority>.tsr
"""

import logging
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct

from vitne.core.values import LogId
from vitne.errors import ConfigurationError, UnavailableError, VerificationError, VitneError
from vitne.ports import Ports, StampAuthority, Stamped, StampReader
from vitne.services.log import parse_checkpoint

_LOG = logging.getLogger("vitne.anchor")

FOLDER: Final = "anchors/"
MOST_AUTHORITIES: Final = 4
_SUFFIX: Final = ".tsr"
_US: Final = 1_000_000


class KeptStamp(Struct, frozen=True):
    """One stamp of one checkpoint."""

    log: LogId
    size: int
    """Tree size of the checkpoint."""
    note: str
    """The checkpoint, verbatim; the stamp is over its bytes."""
    token: bytes
    """TimeStampResp, DER."""
    key: str
    """Object key of the token."""


class Anchored(Struct, frozen=True):
    """What one round did."""

    stamps: Sequence[KeptStamp]
    failed: dict[str, str]
    """Per authority why it gave none; each is asked again in the next round."""


class Anchor:
    """Has the newest checkpoints stamped, and lists the stamps.

    Args:
        authorities: at most four; none: nothing is stamped.
        reader: tells what a token says; None: not installed.
        newest: the checkpoint of a log that counts: cosigned, if there are witnesses.
        interval_s: a log's next stamp comes after so long, if it has grown.
    """

    def __init__(
        self,
        ports: Ports,
        authorities: Sequence[StampAuthority],
        reader: StampReader | None,
        newest: Callable[[LogId], str | None],
        interval_s: int = 86_400,
    ) -> None:
        self._ports = ports
        if len(authorities) > MOST_AUTHORITIES:
            raise ConfigurationError(
                f"at most {MOST_AUTHORITIES} authorities, got {len(authorities)}",
                where="stamp_urls",
            )
        self._authorities = tuple(authorities)
        self._reader = reader
        self._newest = newest
        self._interval_us = interval_s * _US
        # Without a lock: at worst an authority is asked twice.
        self._tried_us: dict[tuple[LogId, str], int] = {}

    def run_once(self) -> Anchored:
        """Stamp the newest checkpoint of every log whose last stamp is old enough."""
        failed, stamps = dict[str, str](), list[KeptStamp]()
        for log in [info.log for info in self._ports.store.logs()] if self._authorities else ():
            note = self._newest(log)
            if note is None:
                continue
            asked = [
                one
                for one in self._authorities
                if one.name not in failed and self._due(log, one.name, note)
            ]
            stamps += self._ask(log, note, asked, failed)
        return Anchored(stamps, failed)

    def stamp_now(self, log: LogId) -> Anchored:
        """Stamp the newest checkpoint of one log, whatever the age of its last stamp.

        Raises:
            ConfigurationError: no authority is set.
            UnavailableError: the log has published no checkpoint, or no authority gave a stamp.
        """
        if not self._authorities:
            raise ConfigurationError("no time-stamp authority is set", hint="setting stamp_urls")
        note = self._newest(log)
        if note is None:
            raise UnavailableError("the log has published no checkpoint yet", where=log)
        failed = dict[str, str]()
        stamps = self._ask(log, note, self._authorities, failed)
        if not stamps:
            raise UnavailableError("; ".join(failed.values()), where=log)
        return Anchored(stamps, failed)

    def _ask(
        self,
        log: LogId,
        note: str,
        authorities: Sequence[StampAuthority],
        failed: dict[str, str],
    ) -> list[KeptStamp]:
        """The stamps that they give; who gives none is added to `failed`."""
        stamps = []
        for authority in authorities:
            try:
                stamps.append(self._stamp(log, note, authority))
            except (UnavailableError, VerificationError) as error:
                failed[authority.name] = f"{error.code}: {error}"
                _LOG.warning("no time stamp by %s: %s", authority.name, error)
        return stamps

    def stamps(self, log: LogId) -> list[KeptStamp]:
        """Every stamp of a log, by tree size."""
        found = []
        for key in self._ports.objects.keys(f"{FOLDER}{log}/"):
            if not key.endswith(_SUFFIX):
                continue
            folder = key.rpartition("/")[0]
            token, note = (
                self._ports.objects.get(key),
                self._ports.objects.get(f"{folder}/checkpoint"),
            )
            if token is not None and note is not None:
                size = int(folder.rpartition("/")[2].partition("-")[0])
                found.append(KeptStamp(log, size, note.decode(), token, key))
        return sorted(found, key=lambda stamp: (stamp.size, stamp.key))

    def tell(self, stamp: KeptStamp) -> Stamped:
        """What a kept stamp says of its checkpoint, on its own word. Errors as `StampReader`."""
        return self._need_reader().covers(stamp.token, stamp.note.encode())

    def check(self, stamp: KeptStamp, certificates: bytes, signer: str = "") -> Stamped:
        """The same, its signature checked. Errors as `StampReader.check`."""
        note = stamp.note.encode()
        return self._need_reader().check(stamp.token, note, certificates, signer)

    def _need_reader(self) -> StampReader:
        if self._reader is None:
            raise ConfigurationError(
                "reading time stamps needs the package rfc3161-client, which is not installed",
                hint="pip install '.[anchors]' in the source tree",
            )
        return self._reader

    def _due(self, log: LogId, authority: str, note: str) -> bool:
        last_us = self._last_us(log, authority)
        if last_us and self._ports.clock.now_us() < last_us + self._interval_us:
            return False
        key = _key(log, note, authority)
        return self._ports.objects.get(key) is None  # the log has grown since

    def _last_us(self, log: LogId, authority: str) -> int:
        """When this authority last stamped a checkpoint of the log, 0 for never."""
        known = self._tried_us.get((log, authority))
        if known is not None:
            return known
        last = 0
        for stamp in self.stamps(log):
            if stamp.key.endswith(f"/{_short(authority.encode())}{_SUFFIX}"):
                try:
                    last = max(last, self.tell(stamp).at_us)
                except VitneError as error:
                    _LOG.error("a kept time stamp is damaged: %s: %s", stamp.key, error)
        self._tried_us[log, authority] = last
        return last

    def _stamp(self, log: LogId, note: str, authority: StampAuthority) -> KeptStamp:
        token = authority.stamp(note.encode())
        key = _key(log, note, authority.name)
        folder = key.rpartition("/")[0]
        self._ports.objects.put({f"{folder}/checkpoint": note.encode()})
        self._ports.objects.replace({key: token})
        self._tried_us[log, authority.name] = self._ports.clock.now_us()
        return KeptStamp(log, _size(note), note, token, key)


def _key(log: LogId, note: str, authority: str) -> str:
    folder = f"{FOLDER}{log}/{_size(note)}-{_short(note.encode())}"
    return f"{folder}/{_short(authority.encode())}{_SUFFIX}"


def _short(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


def _size(note: str) -> int:
    return int(parse_checkpoint(note).size)
