"""Every error that Vitne raises, on one page.

Each class has a stable `code`: documents, programs and translations rely on it. Only `api` maps
codes to HTTP statuses and only `cli` maps them to exit statuses.
"""

from collections.abc import Iterator
from typing import ClassVar


class VitneError(Exception):
    """Base of all: a sentence for people, a `code` for programs, and optionally a next step."""

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", problems: tuple[object, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.problems = problems
        """Every fault, where there can be many (`core.event.event.Problem`)."""
        self.request_id = ""
        """Id of the request in the server's program log, for clients of one."""

    def __str__(self) -> str:
        """The sentence, then the place in brackets when there is one."""
        return f"{self.message} [{self.where}]" if self.where else self.message


class BadInputError(VitneError):
    """What the caller sent is wrong; nothing was stored."""

    code = "bad_input"


class UnreadableBodyError(BadInputError):
    """The bytes are not UTF-8 JSON, an array of events, or NDJSON."""

    code = "unreadable"


class TooLargeError(BadInputError):
    """Larger than a documented bound on size, count or depth."""

    code = "too_large"


class AnswerTooLargeError(TooLargeError):
    """More events answer a question than one answer shows; says how many."""

    code = "answer_too_large"


class UnsupportedMediaError(BadInputError):
    """A content type, charset or content encoding that the server does not accept."""

    code = "unsupported_media"


class SlowBodyError(BadInputError):
    """The body did not arrive in the time allowed."""

    code = "slow_body"


class EventRefusedError(BadInputError):
    """An event breaks the schema, or the log did not accept it; `problems` are sentences."""

    code = "event_refused"

    def __init__(
        self, message: str, *, status: str = "rejected", problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problems: tuple[str, ...] = problems


class SenderRefusedError(BadInputError):
    """What a sender signed is refused; `problems` say why."""

    code = "sender_refused"


class FilterSyntaxError(BadInputError):
    """A search text does not parse; `where` names the column."""

    code = "filter_syntax"


class CursorError(BadInputError):
    """A cursor that was not made for this log and filter."""

    code = "bad_cursor"


class NotAllowedError(VitneError):
    """The caller is known, but may not do this."""

    code = "not_allowed"


class UnknownKeyError(NotAllowedError):
    """The API key is missing, unknown, wrong or revoked (never said which)."""

    code = "unknown_key"


class TenantNotAllowedError(NotAllowedError):
    """The API key is not for this tenant."""

    code = "tenant_not_allowed"


class NotFoundError(VitneError):
    """No such tenant, record, tile or object."""

    code = "not_found"


class ConflictError(VitneError):
    """The stored state is not what the caller assumed."""

    code = "conflict"


class HeldError(ConflictError):
    """A legal hold covers what was to be erased or pruned."""

    code = "held"


class CheckpointConflictError(ConflictError):
    """Another publisher swapped the checkpoint first, or the store went back."""

    code = "checkpoint_conflict"


class StreamConflictError(ConflictError):
    """The sender's sequence number does not match; `stand`: the log's state (`ports.Standing`)."""

    code = "stream_conflict"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        problems: tuple[object, ...] = (),
        stand: object = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint, problems=problems)
        self.stand = stand


class ObjectConflictError(ConflictError):
    """An immutable object exists with other bytes."""

    code = "object_conflict"


class UnavailableError(VitneError):
    """Nothing was stored; the same request may be sent again after `retry_after_s`."""

    code = "unavailable"

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", retry_after_s: int = 1
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.retry_after_s = retry_after_s


class OverloadedError(UnavailableError):
    """More is waiting than the configured bound."""

    code = "overloaded"


class QuotaError(UnavailableError):
    """One source has sent more than its quota; other sources are not affected."""

    code = "quota"


class NotDurableError(UnavailableError):
    """A durable event got no receipt in time, and is not safely on disk either.

    It may still reach the log later; do not carry out the act that it records.
    """

    code = "not_durable"


class StorageError(UnavailableError):
    """The disk is full, read-only or failing."""

    code = "storage"


class IntegrityError(VitneError):
    """Stored or received bytes contradict each other; nothing is repaired without a report."""

    code = "integrity"


class DecodeError(IntegrityError):
    """Bytes that claim to be an entry, note, tile, receipt or proof are malformed."""

    code = "malformed"


class UnknownEntryTypeError(DecodeError):
    """An entry of a later version: this version cannot say whether it is true or false."""

    code = "unknown_entry_type"


class VerificationError(IntegrityError):
    """A proof, signature or commitment does not hold; `rule` names which."""

    code = "verification_failed"

    def __init__(self, message: str, *, rule: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.rule = rule


class RollbackError(IntegrityError):
    """The store is older than a checkpoint that was already signed."""

    code = "rollback"


class ConfigurationError(VitneError):
    """A setting is wrong, a needed file is missing, or an optional extra is not installed."""

    code = "configuration"


def kinds_of_errors(kind: type[VitneError] = VitneError) -> Iterator[type[VitneError]]:
    """A class of errors, then all below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from kinds_of_errors(child)
