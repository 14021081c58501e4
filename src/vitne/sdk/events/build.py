"""From the fields that a developer writes to a complete event (event-schema §1)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypedDict, cast

from vitne.core.event.schema import SCHEMA
from vitne.core.values import category_of, format_utc
from vitne.sdk.options import Options

Plain = str | int | bool | None
"""A scalar of an event; there are no floats (amounts are decimal strings)."""

Value = Plain | Sequence["Value"] | Mapping[str, "Value"]

Object = Mapping[str, Value]
"""An object of an event, with the member names of the event schema."""


class EventFields(TypedDict, total=False):
    """What an event may say beside its type. Everything is optional but, somewhere, an actor.

    Short forms: an actor is its id; a target is `"type/id"`; an outcome is its result, or
    `"denied:not_owner"` with its code; a purpose is its code.
    """

    id: str
    """A UUIDv7 of your own, if the event was minted elsewhere (an outbox)."""
    actor: str | Object
    target: str | Object
    """The only target."""
    targets: Sequence[str | Object]
    outcome: str | Object
    tenant: str | Object
    category: str
    changes: Sequence[Object]
    query: Object
    purpose: str | Object
    on_behalf_of: Object
    chain: Sequence[str | Object]
    client: Object
    extra: Object
    summary: str
    sensitivity: str | Object
    severity: Literal["info", "notice", "warning", "critical"]
    phase: Literal["intent", "final"]
    occurred_at: datetime | str
    ended_at: datetime | str
    observed: Object
    source: Object
    """`component` and other members beside what the client was made with."""
    clock: Object
    repeat: Object
    correlation: Object
    action_id: str
    trace_id: str
    span_id: str
    request_id: str
    causation_id: str
    targets_overflow: Object


_LINKS = ("action_id", "trace_id", "span_id", "request_id", "causation_id")
_AS_GIVEN = (
    "phase",
    "severity",
    "summary",
    "changes",
    "query",
    "extra",
    "on_behalf_of",
    "repeat",
    "targets_overflow",
)
_SOURCE = (
    *("application", "service", "version", "environment"),
    *("deployment", "instance", "region"),
)
_KNOWN = frozenset(EventFields.__annotations__)


class Builder:
    """Builds the events of one client: what is the same in all of them is made once."""

    def __init__(self, options: Options) -> None:
        self._tenant = {"id": options.tenant} if options.tenant else None
        self._actor = {
            "type": "user",
            "issuer": options.issuer,
            "party": options.party,
            "attribution": options.attribution,
        }
        if not options.issuer:
            del self._actor["issuer"]
        values = {name: getattr(options, name) for name in _SOURCE}
        self._source = {name: value for name, value in values.items() if value}
        self._observed = {"role": options.role, "layer": options.layer}
        self._clock = {"sync": options.clock_sync}
        # What is signed is complete: else a catalog, or intake, may say what a target is.
        self._target = {"role": "object", "exposure": "full"} if options.signing_key else {}

    def build(
        self, event_type: str, event_id: str, now_us: int, fields: EventFields, bound: EventFields
    ) -> dict[str, object]:
        """The event, without its place in the stream; absent fields are left out, not null.

        Raises:
            TypeError: a keyword that is no field of an event.
        """
        if not _KNOWN.issuperset(fields):
            unknown = ", ".join(sorted(set(fields) - _KNOWN))
            raise TypeError(f"an event has no field {unknown}: see vitne.sdk.EventFields")
        given = cast(dict[str, object], {**bound, **fields})
        event: dict[str, object] = {
            "schema": SCHEMA,
            "id": event_id,
            "type": event_type,
            "category": given.get("category") or category_of(event_type) or "execute",
            "occurred_at": _time(given.get("occurred_at"), now_us),
            "clock": given.get("clock") or self._clock,
            "outcome": _outcome(given.get("outcome")),
            "source": _merged(self._source, given.get("source")),
            "observed": self._observe(given.get("observed")),
            "correlation": _correlation(event_id, given),
        }
        self._add_parties(event, given)
        if "ended_at" in given:
            event["ended_at"] = _time(given["ended_at"], now_us)
        if "purpose" in given:
            event["purpose"] = _short(given["purpose"], "code")
        if "sensitivity" in given:
            event["sensitivity"] = _short(given["sensitivity"], "level")
        if bound.get("client") or "client" in given:
            event["client"] = _merged(bound.get("client"), given.get("client"))
        for name in _AS_GIVEN:
            value = given.get(name)
            if value:
                event[name] = value
        return event

    def _add_parties(self, event: dict[str, object], given: Mapping[str, object]) -> None:
        """Whose data, who, through what, on what."""
        tenant = _short(given["tenant"], "id") if "tenant" in given else self._tenant
        if tenant:
            event["tenant"] = tenant
        if "actor" in given:
            event["actor"] = {**self._actor, **_short(given["actor"], "id")}
        if given.get("chain"):
            links = cast(Sequence[object], given["chain"])
            event["chain"] = [
                {"type": "service", "id": link, "hop": hop} if isinstance(link, str) else link
                for hop, link in enumerate(links, 1)
            ]
        targets = list(cast(Sequence[object], given.get("targets", ())))
        if "target" in given:
            targets.insert(0, given["target"])
        if targets:
            event["targets"] = [self._target_of(target) for target in targets]

    def _target_of(self, target: object) -> object:
        """A target, with everything that a signed event says of it."""
        if isinstance(target, str):
            kind, _, name = target.partition("/")
            target = {"type": kind, "id": name}
        return {**self._target, **target} if isinstance(target, Mapping) else target

    def _observe(self, given: object) -> Mapping[str, object]:
        observed = _merged(self._observed, given)
        seen = "shown" if observed["role"] == "primary" else "fetched"
        return {"seen": seen, **observed}


def _short(value: object, name: str) -> Mapping[str, object]:
    """An object, or its most important member alone."""
    return {name: value} if isinstance(value, str) else cast(Object, value)


def _merged(first: object, second: object) -> Mapping[str, object]:
    return {**cast(Object, first or {}), **cast(Object, second or {})}


def _outcome(value: object) -> Mapping[str, object]:
    if value is None:
        return {"result": "succeeded"}
    if isinstance(value, str):
        result, _, code = value.partition(":")
        return {"result": result, "code": code} if code else {"result": result}
    return cast(Object, value)


def _time(value: object, now_us: int) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("the time of an event needs a time zone, as in datetime.now(UTC)")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value) if value else format_utc(now_us)


def _correlation(event_id: str, given: Mapping[str, object]) -> Mapping[str, object]:
    links = {name: given[name] for name in _LINKS if given.get(name)}
    return {"action_id": event_id, **_merged(links, given.get("correlation"))}
