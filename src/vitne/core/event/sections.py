"""The three sections of an event: which part of it is stored and committed where; its facets.

*core* is the event without its person and payload fields; *person* and *payload* are flat objects
keyed by JSON Pointer, `{"/actor/name":"Per Support"}`. A parent that is emptied on the way
vanishes from core. `join_sections` puts the three together again (requirement T25).
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from vitne.core.event.schema import Client, Event, Purpose
from vitne.core.values import Facets, Json, encode_trusted
from vitne.errors import DecodeError

encode_event = msgspec.json.Encoder(order="deterministic").encode
"""Canonical bytes of an event or a part of it: its types list their members in order."""

_NO_PURPOSE = Purpose()
EMPTY = b"{}"
"""A section without members."""


def split_sections(event: Event, unknown: Mapping[str, Json]) -> tuple[bytes, bytes, bytes]:
    """Canonical (core, payload, person) of an event, which is used up: only core is left in it.

    Args:
        event: the event; every object and list in it has members.
        unknown: members of a newer minor version by JSON Pointer; they go to the payload.
    """
    person = take_person(event)
    payload = take_payload(event)
    payload.update(unknown)
    return (
        encode_event(event),
        encode_trusted(payload) if payload else EMPTY,
        encode_trusted(person) if person else EMPTY,
    )


def join_sections(
    core: Mapping[str, Json], payload: Mapping[str, Json], person: Mapping[str, Json]
) -> dict[str, Json]:
    """The event whose sections these are; sections that are withheld are given as `{}`."""
    event = _copy_object(core)
    for section in (payload, person):
        for pointer, value in section.items():
            _put(event, pointer, value)
    return event


def without_members(event: Mapping[str, Json], paths: tuple[str, ...]) -> dict[str, Json]:
    """The event without the members at these JSON paths: what the sender sent, given `filled`."""
    left = _copy_object(event)
    for path in paths:
        _drop(left, path.removeprefix("$.").replace("[", ".").replace("]", "").split("."))
    return left


def take_person(event: Event) -> dict[str, Json]:  # noqa: C901  # one ordered story: member by member, as fast as can be
    """Move the person fields out of an event, keyed by JSON Pointer."""
    person: dict[str, Json] = {}
    actor = event.actor
    if actor is not None:
        if actor.name is not None:
            person["/actor/name"] = actor.name
            actor.name = None
        if actor.email is not None:
            person["/actor/email"] = actor.email
            actor.email = None
        if actor.native_id is not None:
            person["/actor/native_id"] = actor.native_id
            actor.native_id = None
    client = event.client
    if client is not None:
        _take_client(client, person)
        if client.site is None and client.app_version is None:
            event.client = None
    for at, target in enumerate(event.targets or ()):
        if target.name is not None:
            person[f"/targets/{at}/name"] = target.name
            target.name = None
        if target.native_id is not None:
            person[f"/targets/{at}/native_id"] = target.native_id
            target.native_id = None
    if event.chain is not None or event.on_behalf_of is not None:
        _take_others(event, person)
    tenant = event.tenant
    if tenant is not None and tenant.name is not None:
        person["/tenant/name"] = tenant.name
        tenant.name = None
    return person


def _take_client(client: Client, person: dict[str, Json]) -> None:
    if client.ip is not None:
        person["/client/ip"] = client.ip
        client.ip = None
    if client.user_agent is not None:
        person["/client/user_agent"] = client.user_agent
        client.user_agent = None
    if client.ip_chain is not None:
        person["/client/ip_chain"] = list[Json](client.ip_chain)
        client.ip_chain = None
    if client.device_id is not None:
        person["/client/device_id"] = client.device_id
        client.device_id = None
    if client.country is not None:
        person["/client/country"] = client.country
        client.country = None


def _take_others(event: Event, person: dict[str, Json]) -> None:
    """Names of those between the human and the data, and of whose rights were used."""
    for at, link in enumerate(event.chain or ()):
        if link.name is not None:
            person[f"/chain/{at}/name"] = link.name
            link.name = None
        if link.native_id is not None:
            person[f"/chain/{at}/native_id"] = link.native_id
            link.native_id = None
    other = event.on_behalf_of
    if other is not None:
        if other.name is not None:
            person["/on_behalf_of/name"] = other.name
            other.name = None
        if other.native_id is not None:
            person["/on_behalf_of/native_id"] = other.native_id
            other.native_id = None


def take_payload(event: Event) -> dict[str, object]:
    """Move the payload fields out of an event, keyed by JSON Pointer."""
    payload: dict[str, object] = {}
    outcome = event.outcome
    if outcome is not None and outcome.reason is not None:
        payload["/outcome/reason"] = outcome.reason
        outcome.reason = None
    purpose = event.purpose
    if purpose is not None and purpose.justification is not None:
        payload["/purpose/justification"] = purpose.justification
        purpose.justification = None
        if purpose == _NO_PURPOSE:
            event.purpose = None
    if event.changes is not None:
        payload["/changes"] = event.changes
        event.changes = None
    if event.extra is not None:
        payload["/extra"] = event.extra
        event.extra = None
    if event.query is not None:
        payload["/query"] = event.query
        event.query = None
    if event.summary is not None:
        payload["/summary"] = event.summary
        event.summary = None
    return payload


def _copy_object(value: Mapping[str, Json]) -> dict[str, Json]:
    return {name: _copy(member) for name, member in value.items()}


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return _copy_object(value)
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _put(event: dict[str, Json], pointer: str, value: Json) -> None:
    """Put a value where a JSON Pointer says; parents that vanished come back as objects."""
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    place: Json = event
    for name in parents:
        if isinstance(place, list):
            place = place[int(name)]
        elif isinstance(place, dict):
            place = place.setdefault(name, {})
    if isinstance(place, dict):
        place[last] = _copy(value)


def _drop(place: Json, names: list[str]) -> None:
    """Remove a member, and every parent that is empty after it."""
    name, *rest = names
    if isinstance(place, list):
        if name.isdecimal() and int(name) < len(place):
            _drop(place[int(name)], rest)
    elif isinstance(place, dict) and name in place:
        member = place[name]
        if rest:
            _drop(member, rest)
        if not rest or member in ({}, []):
            del place[name]


class _Actor(Struct, frozen=True):
    id: str = ""


class _Outcome(Struct, frozen=True):
    result: str = ""


class _Target(Struct, frozen=True):
    type: str
    id: str


class _Core(Struct, frozen=True):
    type: str = ""
    actor: _Actor = _Actor()
    outcome: _Outcome = _Outcome()
    targets: list[_Target] = []


_read = msgspec.json.Decoder(_Core).decode


def facets_of(core: bytes, occurred_us: int) -> Facets:
    """The facets of an event.

    Args:
        core: canonical JSON; never an erased one, of which nothing is known.
        occurred_us: as its entry has it.

    Raises:
        DecodeError: it is no core part.
    """
    try:
        found = _read(core)
    except msgspec.DecodeError as error:
        raise DecodeError(f"a core part is damaged: {error}") from None
    lines = target_lines((one.type, one.id) for one in found.targets)
    return Facets(occurred_us, found.type, found.actor.id, found.outcome.result, lines)


def target_lines(targets: Iterable[tuple[str, str]]) -> str:
    """`Facets.targets` of (type, id), each once; `""` for none."""
    known = dict.fromkeys(targets)
    return "\n".join(["", *[f"{kind}/{name}" for kind, name in known], ""]) if known else ""
