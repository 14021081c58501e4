"""Every read of a log is an event in that log (design §2.7); nothing switches it off.

The caller appends the event first and answers after it: a read that cannot be logged is not
answered. A refused read is told in the operator's log: so a reader cannot write into the log of
a tenant that is not theirs.
"""

import re
from typing import Any, Final

from vitne.core.values import LogId
from vitne.services.access.audit_events import OPERATOR, Caller, OwnEvents

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TEXT_MAX: Final = 512
_SHOWN_MAX: Final = 200


class LoggedReads:
    """Writes the events of reads."""

    def __init__(self, own: OwnEvents) -> None:
        self._own = own

    def searched(
        self, caller: Caller, log: LogId, text: str, *, shown: list[str], total: int, page_size: int
    ) -> None:
        """Somebody searched `log` and is about to see the events `shown`.

        Args:
            caller: who.
            log: whose log.
            text: the filter as it was written; longer than 512 characters it is cut with `…`.
            shown: ids of the events on this page, in order.
            total: how many events match, or as many as were counted.
            page_size: the largest page asked for.

        Raises:
            UnavailableError: the event could not be stored.
        """
        query: dict[str, Any] = {
            "kind": "search",
            "page_size": page_size,
            "result_count": total,
            "shown": {"type": "event", "ids": shown[:_SHOWN_MAX], "total": len(shown)},
        }
        if text:
            query["text"] = _cut(text)
        self._own.write(log, "audit.log.searched", caller, more={"query": query})

    def asked(self, caller: Caller, log: LogId, text: str) -> None:
        """Somebody asks a question, which is about to be looked into; `text` is the question."""
        query = {"kind": "report", "text": _cut(text)}
        self._own.write(log, "audit.log.asked", caller, more={"query": query})

    def answered(
        self,
        caller: Caller,
        log: LogId,
        text: str,
        *,
        verdict: str,
        shown: list[str],
        bundle_sha256: str,
    ) -> None:
        """Somebody is about to have the answer to a question.

        Args:
            caller: who.
            log: whose log.
            text: the question.
            verdict: proved, disproved or undecidable.
            shown: ids of the events that the answer shows, in order.
            bundle_sha256: hexadecimal digest of the evidence; tells which bundle is this answer's.
        """
        query: dict[str, Any] = {
            "kind": "report",
            "text": _cut(text),
            "result_count": len(shown),
            "shown": {"type": "event", "ids": shown[:_SHOWN_MAX], "total": len(shown)},
        }
        extra = {"verdict": verdict, "bundle_sha256": bundle_sha256}
        more = {"query": query, "extra": extra}
        self._own.write(log, "audit.log.answered", caller, more=more)

    def viewed(self, caller: Caller, log: LogId, event_id: str, *, found: bool = True) -> None:
        """Somebody is about to see one event whole, or to learn that there is none of that id."""
        more = None if found else {"outcome": {"result": "failed", "code": "not_found"}}
        target = ("event", event_id)
        self._own.write(log, "audit.log.viewed", caller, target=target, more=more)

    def streams_viewed(self, caller: Caller, log: LogId) -> None:
        """Somebody is about to see how complete the streams of a log are."""
        self._own.write(log, "audit.streams.viewed", caller)

    def refused(self, caller: Caller, asked: str, code: str) -> None:
        """Somebody asked for a log that is not theirs; `asked` is what they named."""
        named = asked if _TENANT.fullmatch(asked) else "unreadable"
        more = {"outcome": {"result": "denied", "code": code}, "severity": "warning"}
        target = ("log", named)
        self._own.write(OPERATOR, "audit.log.viewed", caller, target=target, more=more)


def _cut(text: str) -> str:
    """What fits into a query's text."""
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"
