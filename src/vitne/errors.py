"""Every error that Vitne raises, on one page.

    VitneError
    ├── BadInputError            what a caller sent is wrong; nothing was stored
    │   ├── UnreadableBodyError  the bytes are no event, array or NDJSON
    │   ├── TooLargeError        a stated bound is passed
    │   │   └── AnswerTooLargeError  more events answer a question than one answer shows
    │   ├── UnsupportedMediaError  a content type or encoding that is not taken
    │   ├── SlowBodyError        the body did not come in time
    │   ├── EventRefusedError    an event breaks the schema, or the log did not take it
    │   ├── SenderRefusedError   what a sender signed is not what it sent, or breaks the schema
    │   ├── FilterSyntaxError    a search text does not parse; carries the place
    │   └── CursorError          a cursor of another log, filter or version
    ├── NotAllowedError          who asks may not
    │   ├── UnknownKeyError      no such API key, or a wrong or revoked one
    │   └── TenantNotAllowedError
    ├── NotFoundError            no such tenant, record, tile or object
    ├── ConflictError            the state is not what the caller believes
    │   ├── HeldError            a legal hold is in the way
    │   ├── CheckpointConflictError
    │   ├── StreamConflictError  a stream stands elsewhere than its sender says
    │   └── ObjectConflictError
    ├── UnavailableError         try again later; nothing was stored
    │   ├── OverloadedError
    │   ├── NotDurableError      an event that must be durable got neither receipt nor spool
    │   ├── QuotaError           this source has sent its share
    │   └── StorageError         disk full, read-only, or an I/O error
    ├── IntegrityError           stored bytes contradict each other: fail closed
    │   ├── DecodeError          bytes that claim to be an entry, note, tile or proof are not
    │   │   └── UnknownEntryTypeError  an entry of a type that this version does not know
    │   ├── VerificationError    a proof or a signature does not hold
    │   └── RollbackError        the store is older than a checkpoint that was signed
    └── ConfigurationError       a setting, a file of settings or a missing extra

Each class has a stable `code`: documents, programs and translations rely on it. Only `api` maps
codes to HTTP statuses and only `cli` maps them to exit statuses.
"""

from typing import ClassVar


class VitneError(Exception):
    """Base of all: a sentence for people, a `code` for programs, and optionally a next step."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.request_id = ""
        """Under which a server's log tells the cause; for clients of one."""

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
    """A documented bound on size, count or depth is passed."""

    code = "too_large"


class AnswerTooLargeError(TooLargeError):
    """More events answer a question than one answer shows; says how many."""

    code = "answer_too_large"


class UnsupportedMediaError(BadInputError):
    """A content type, charset or content encoding that the door does not take."""

    code = "unsupported_media"


class SlowBodyError(BadInputError):
    """The body did not arrive in the time allowed."""

    code = "slow_body"


class EventRefusedError(BadInputError):
    """An event breaks the schema, or the log did not take it; `problems` are sentences."""

    code = "event_refused"

    def __init__(
        self, message: str, *, status: str = "rejected", problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problems = problems


class SenderRefusedError(BadInputError):
    """What a sender signed is not taken; `problems`: every fault (`core.event.event.Problem`)."""

    code = "sender_refused"

    def __init__(
        self, message: str, *, where: str = "", hint: str = "", problems: tuple[object, ...] = ()
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.problems = problems


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
    """The stored state is not what the caller believes."""

    code = "conflict"


class HeldError(ConflictError):
    """A legal hold covers what was to be erased or pruned."""

    code = "held"


class CheckpointConflictError(ConflictError):
    """Another publisher swapped the checkpoint first, or the store went back."""

    code = "checkpoint_conflict"


class StreamConflictError(ConflictError):
    """A stream stands elsewhere than its sender says; `stand` tells where (`ports.Standing`)."""

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
        super().__init__(message, where=where, hint=hint)
        self.problems = problems
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
    """One source has sent more than its share; others go on."""

    code = "quota"


class NotDurableError(UnavailableError):
    """An event that must be durable got neither a receipt nor a committed spool in time.

    It may still reach the log later; the act it belongs to must not go on.
    """

    code = "not_durable"


class StorageError(UnavailableError):
    """The disk is full, read-only or failing."""

    code = "storage"


class IntegrityError(VitneError):
    """Stored or received bytes contradict each other; nothing is repaired in silence."""

    code = "integrity"


class DecodeError(IntegrityError):
    """Bytes that claim to be an entry, note, tile, receipt or proof are not in its form."""

    code = "malformed"


class UnknownEntryTypeError(DecodeError):
    """An entry of a later version: what it says is undecidable here, not false."""

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
