"""What other chapters know that limits an answer."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from vitne.core.index.coverage import CoverageCounter
from vitne.core.values import LogId, Section
from vitne.evidence.bundle.document import SenderMember, StampMember


class FactSources(Struct, frozen=True, kw_only=True):
    """What other chapters know of a log.

    None has a default: a source that nobody connected would say that nothing is wrong.
    """

    log_note: Callable[[LogId], str | None]
    """The newest checkpoint of a log that an answer may rest on; None if there is none yet."""
    index_note: Callable[[LogId], str | None]
    """The same of its index log."""
    policies: Callable[[LogId], tuple[str, str]]
    """The policies under which those two are accepted."""
    counter: Callable[[LogId, int], CoverageCounter | None]
    """(log, position of a record) → at least the streams that may hide an event, at its end."""
    senders: Callable[[LogId, int], SenderMember | None]
    """(log, index) → the signed batch that holds an event."""
    erased: Callable[[LogId, int], Mapping[Section, int]]
    """(log, index) → the erase entry of each erased section."""
    seal_on_demand: Callable[[LogId, float], bool]
    """(log, seconds to wait) → whether the index now covers what was published."""
    stamps: Callable[[LogId, str], Sequence[StampMember]]
    """(log, checkpoint note) → time stamps over it."""
    trouble: Callable[[LogId], str]
    """Why the log is not published any more; `""` if it is."""
    objection: Callable[[LogId], str]
    """What an auditor has against the index; `""`: nothing."""
    behind: Callable[[LogId], tuple[int, Sequence[str]]]
    """Size of the newest head of the index log, and who has not cosigned it yet, by name."""
    nudge: Callable[[], None]
    """Publish now."""
