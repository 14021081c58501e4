"""An event after validation: everything intake needs, in the form the log keeps."""

from typing import Final

from msgspec import Struct

from vitne.core.values import Facets


class Problem(Struct, frozen=True, omit_defaults=True):
    """One fault of an event (event-schema §3.2).

    `path` is a JSON path inside the event (`$.targets[0].id`). `got` states type and length; it
    repeats a value only for closed lists and numbers, never what may be personal data.
    """

    code: str
    path: str
    expected: str = ""
    got: str = ""


PROBLEM_CODES: Final[dict[str, str]] = {
    "missing": "a field is lacking that the event needs",
    "wrong_type": "a value is of another JSON type",
    "bad_format": "a text has not the form that the field takes",
    "too_long": "a text is longer than its bound",
    "too_many": "a list or an object has more members than its bound",
    "too_large": "the event, a section or its nesting passes its bound",
    "not_in_list": "a value is none of the closed list",
    "out_of_range": "a number or a time is outside its bounds",
    "float": "a number has a fraction or an exponent: write amounts as decimal strings",
    "bad_key": "the name of a member has other characters than printable ASCII",
    "duplicate_key": "a name occurs twice in an object",
    "control_character": "an id holds a control character or one that turns writing around",
    "unknown_field": "the schema has no such field",
    "undeclared_type": "the source's catalog does not declare the event type",
    "category_mismatch": "the category is not that of the event type",
    "source_mismatch": "the event names another source than the key is for",
    "tenant_not_allowed": "the key is not for this tenant",
    "attribution_not_granted": "the source may not state who acted on its own word",
    "forbidden_content": "a secret, a token or a card number stands where none may",
    "seq_repeat": "another event of the stream has this number",
    "id_conflict": "another event has this id",
    "quarantined": "a signed event is not trusted: its bytes are kept aside, the batch is refused",
    "bad_signature": "the signature is not that of the key over what was sent",
    "wrong_root": "the events, or their lookup keys, are not those that were signed",
    "wrong_epoch": "the lookup keys are of another epoch than the log's",
    "wrong_stream": "the stream, its mode, its key or a number is not as registered",
    "wrong_prev": "the stream does not stand where the sender says",
    "unknown_source_key": "the source has no such key",
    "retired_source_key": "the source's key is retired",
    "stream_signed": "the stream's events come signed only",
    "stream_closed": "the stream is closed, and the number lies beyond its last",
    "replayed": "the message is older than what the log has",
    "unreadable": "the server could not read the event, even alone (only from the SDK)",
    "unsignable": "the event is not complete and clean, so it cannot be signed (only from the SDK)",
}
"""Every code of a `Problem`, and what it means (event-schema §3.2)."""


class ValidEvent(Struct, frozen=True):
    """An event that passed: normalised, filled, and split into canonical sections.

    `core`, `payload` and `person` are JCS bytes of the event parts (transparency-log §3.3).
    """

    event_id: bytes
    """16 bytes of the UUID."""
    tenant: str
    type: str
    category: str
    occurred_us: int
    actor: tuple[str, str]
    """(issuer, id), as in lookup key kind 1."""
    targets: tuple[tuple[str, str], ...]
    """Distinct (type, id), in the event's order, as in lookup key kind 2."""
    overflow_type: str
    """Type of `targets_overflow`; `""` if there is none."""
    action_id: str
    """`correlation.action_id`, as in lookup key kind 6."""
    source_id: str
    """`application/service`."""
    stream_name: str
    """The sender's `stream.id`; `""`: the server keeps the stream."""
    stream_seq: int
    """The sender's number; 0: the server numbers."""
    core: bytes
    payload: bytes
    person: bytes
    digest: bytes
    """First 16 bytes of SHA-256 over the event as the sender sent it, split in canonical sections,
    before filling: equal for a retry, different for another event under the same id."""
    facets: Facets
    filled: tuple[str, ...] = ()
    """JSON paths that the server filled, ascending."""
    warnings: tuple[str, ...] = ()
    """Stable codes, ascending: `clock_ahead`, `newer_minor`, `text_cleaned`, …"""
    attribution: str = ""
    """`actor.attribution`: how the human was established; the policy asks for it."""
    party: str = ""
    """`actor.party`."""
    imported: bool = False
    """Sent by an importer: the policy drops nothing of it."""
