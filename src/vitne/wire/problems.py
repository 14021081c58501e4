"""The body of an error reply (RFC 9457)."""

from msgspec import Struct

from vitne.core.event.event import Problem


class StreamStanding(Struct, frozen=True):
    """Where the log has a stream."""

    last: int
    """Largest number that an entry states."""
    prev: str
    """Base64 of the hash of its newest batch message; what the next batch or beat follows on."""
    closed: bool


class ProblemReply(Struct, frozen=True, omit_defaults=True):
    """The body of an error, RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    where: str = ""
    """What the error is about: a parameter, a header, a source."""
    hint: str = ""
    """What to do next."""
    problems: tuple[Problem, ...] = ()
    """All faults of an event, with their JSON paths; in a batch they begin `$[position]`."""
    stream: StreamStanding | None = None
    """With `stream_conflict`: where the stream stands."""
    request_id: str = ""
    """In the server's log beside the cause; for status 500."""
