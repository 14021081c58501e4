"""The quick way through validation, for complete events: most of all traffic.

Everything here is also decided, in plain form, by `core.event.validate`; this file only decides
the common case sooner, and gives up (None) at the first thing that is uncommon: something to fill,
clean, scrub, warn of or reject. Property tests hold the two ways together.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import msgspec

from vitne.core.event.complete import Complete, CompleteTarget
from vitne.core.event.event import ValidEvent
from vitne.core.event.forbidden import NATIONAL_ID_DIGITS, is_secret_name, may_hold_forbidden
from vitne.core.event.intake import IntakeContext
from vitne.core.event.rules import is_address, is_tenant
from vitne.core.event.sections import EMPTY, take_payload, take_person
from vitne.core.event.trust import BACKDATED_US, CLOCK_WARNING_US, SPOOL_LIMIT_US
from vitne.core.values import Facets, category_of, encode_trusted, parse_utc, text

MAX_QUICK_BYTES: Final = 8 * 1024  # below this no part of an event passes its own bound
DIGEST_BYTES: Final = 16

_UUIDS = re.compile(
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n){2}"
    r"(?:[0-9a-f]{32})?\n(?:[0-9a-f]{16})?"
)
_EMPTIED_CLIENT = len('"client":{}')
_ASCII = bytes(range(0x80))
_FIRST_COMBINING = "\u0300"
_OURS = ("audit", "system")

_decode = msgspec.json.Decoder(Complete).decode
_encode = msgspec.json.Encoder().encode


def validate_quickly(item: bytes, context: IntakeContext) -> ValidEvent | None:
    """The valid event, if it is complete and ordinary; None says nothing about it.

    Args:
        item: the event as it arrived.
        context: what is known of the request.
    """
    try:
        event = _decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (_is_granted(event, context) and _is_clean(item) and _is_usual(event)):
        return None
    occurred_us = _timely(event, context)
    actor, correlation = event.actor, event.correlation
    ids = (
        f"{event.id}\n{correlation.action_id}\n{correlation.trace_id or ''}\n"
        f"{correlation.span_id or ''}"
    )
    if occurred_us is None or _UUIDS.fullmatch(ids) is None:
        return None
    targets, lines = _targets(event.targets)
    sections = _split(event, item)
    if sections is None or _may_hold(event, lines, sections[1] + sections[2]):
        return None
    core, payload, person = sections
    return ValidEvent(
        event_id=bytes.fromhex(event.id.replace("-", "")),
        tenant=event.tenant.id,
        type=event.type,
        category=event.category,
        occurred_us=occurred_us,
        actor=(actor.issuer or "", actor.id),
        targets=targets,
        overflow_type="",
        action_id=correlation.action_id,
        source_id=context.registration.source_id,
        stream_name=event.stream.id,
        stream_seq=event.stream.seq,
        core=core,
        payload=payload,
        person=person,
        digest=digest_of(core, payload, person),
        facets=Facets(occurred_us, event.type, actor.id, event.outcome.result, lines),
        attribution=actor.attribution,
        party=actor.party,
        imported=context.registration.may_import,
    )


def digest_of(core: bytes, payload: bytes, person: bytes) -> bytes:
    """16 bytes over an event as it was sent: its canonical sections before filling."""
    return sha256(b"\n".join((core, payload, person))).digest()[:DIGEST_BYTES]


def _is_granted(event: Complete, context: IntakeContext) -> bool:
    """Whether nothing of what the sender claims needs a second look."""
    registration, source, tenant = context.registration, event.source, event.tenant.id
    category, client = category_of(event.type), event.client
    return (
        (
            registration.may_import
            or (
                source.application == registration.application
                and source.service == registration.service
            )
        )
        and (
            tenant == context.default_tenant
            or (tenant in context.tenants if context.tenants else is_tenant(tenant))
        )
        and category is not None
        and category not in _OURS
        and event.category not in _OURS
        and registration.may_assert
        and (not registration.types or registration.declares(event.type))
        and (event.actor.issuer is not None or not registration.issuer)
        and (event.outcome.result != "denied" or event.severity is not None)
        and (not registration.faces_user or (client is not None and client.ip is not None))
    )


def _is_clean(item: bytes) -> bool:
    """Whether the text holds no escapes, no odd characters, and is not long."""
    if b"\\" in item or len(item) > MAX_QUICK_BYTES:
        return False
    if item.isascii():
        return b"\x7f" not in item
    if b"\x7f" in item:
        return False
    # Below U+0300 every text is in NFC. Whether the bytes are UTF-8 has shown while decoding.
    others = item.translate(None, _ASCII).decode(errors="replace")
    if max(others) < _FIRST_COMBINING and others.isprintable():
        return True
    return text.is_clean(item.decode(), multiline=True)  # line breaks are layout: strings have none


def _is_usual(event: Complete) -> bool:
    """Whether the rarer parts hold nothing that needs a second look."""
    client, auth = event.client, event.actor.auth
    if client is not None and (
        client.ip_chain is not None or not (client.ip is None or is_address(client.ip))
    ):
        return False
    if event.ended_at is not None or (auth is not None and auth.at is not None):
        return False
    if event.repeat is not None and parse_utc(event.repeat.last_at) is None:
        return False
    if event.changes is None and event.extra is None and event.query is None:
        return True
    return _names_no_secret(event)


def _names_no_secret(event: Complete) -> bool:
    """Whether no value is named like a secret, and every change points at a target."""
    last = len(event.targets or ()) - 1
    for change in event.changes or ():
        if is_secret_name(change.path) or (change.target is not None and change.target > last):
            return False
    if event.extra is not None and any(map(is_secret_name, event.extra)):
        return False
    criteria = event.query.criteria if event.query is not None else None
    return criteria is None or not any(is_secret_name(c.field) for c in criteria)


def _timely(event: Complete, context: IntakeContext) -> int | None:
    """When it happened; None if that is no time, or one that calls for a warning."""
    occurred_us = parse_utc(event.occurred_at)
    if occurred_us is None or occurred_us <= 0:
        return None
    registration, ahead_us = context.registration, occurred_us - context.now_us
    oldest_us = -SPOOL_LIMIT_US if event.stream.spooled else -BACKDATED_US
    if ahead_us > CLOCK_WARNING_US or (ahead_us < oldest_us and not registration.may_import):
        return None
    other = event.on_behalf_of
    if other is not None and other.expires_at is not None and parse_utc(other.expires_at) is None:
        return None
    return occurred_us


def _targets(
    targets: list[CompleteTarget] | None,
) -> tuple[tuple[tuple[str, str], ...], str]:
    """Distinct (type, id), and their form in `Facets`."""
    if targets is None:
        return (), ""
    if len(targets) == 1:
        target = targets[0]
        return ((target.type, target.id),), f"\n{target.type}/{target.id}\n"
    found = tuple(dict.fromkeys([(target.type, target.id) for target in targets]))
    return found, "\n" + "".join([f"{kind}/{identity}\n" for kind, identity in found])


def _may_hold(event: Complete, lines: str, sections: bytes) -> bool:
    """Whether an id may be personal, or anything a card number or a token."""
    actor = event.actor
    suspects = lines + actor.id
    if event.chain is not None or event.on_behalf_of is not None:
        suspects += "\n".join(_other_ids(event))
    if "@" in suspects or (len(actor.id) == NATIONAL_ID_DIGITS and actor.id.isdecimal()):
        return True
    for target in event.targets or ():
        if len(target.id) == NATIONAL_ID_DIGITS and target.id.isdecimal():
            return True
    if actor.auth is not None:
        suspects = f"{suspects}\n{actor.auth.session_ref}\n{actor.auth.credential_ref}"
    return may_hold_forbidden(suspects.encode() + sections)


def _other_ids(event: Complete) -> Iterator[str]:
    """Ids besides those of actor and targets; one that may be a national id as an address is."""
    for link in event.chain or ():
        yield "@" if link.id.isdecimal() else link.id
    other = event.on_behalf_of
    if other is not None:
        for identity in (other.id, other.approved_by or ""):
            yield "@" if identity.isdecimal() else identity


def _split(event: Complete, item: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Canonical (core, payload, person); None if a name came twice or something was null.

    Compact JSON is as long as its canonical form, whatever the order. What goes to another
    section is as long there, plus the pointer to its parent. So if the lengths agree, no name
    came twice, nothing was null, and there was no white space; else the quotes are counted.
    """
    had_client = event.client is not None
    person = take_person(event)
    payload = take_payload(event)
    core = _encode(event)
    moved, emptied = 0, had_client and event.client is None
    payload_part = person_part = EMPTY
    if payload:
        payload_part = encode_trusted(payload)
        moved = len(payload_part) - 1 - sum([name.rindex("/") + 1 for name in payload])
    if person:
        person_part = encode_trusted(person)
        moved += len(person_part) - 1 - sum([name.rindex("/") + 1 for name in person])
    if emptied:
        moved += _EMPTIED_CLIENT
    if len(core) + moved != len(item):
        parts = (core, payload_part, person_part)
        quotes = sum([part.count(b'"') for part in parts]) + (2 if emptied else 0)
        if item.count(b'"') != quotes:
            return None
    return core, payload_part, person_part
