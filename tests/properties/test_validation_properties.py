"""What holds of validation for all bytes and all events."""

import copy
import unicodedata
from typing import Any

import msgspec
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from vitne.core.event.check import check_form
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.quick import validate_quickly
from vitne.core.event.schema import PAYLOAD, PERSON, Event
from vitne.core.event.sections import encode_event, join_sections, split_sections
from vitne.core.event.validate import validate_event, validate_plainly
from vitne.core.values import Json, canonical, encode_canonical
from vitne.errors import DecodeError

CONTEXT = IntakeContext(
    now_us=1_795_512_902_000_000,
    registration=SourceRegistration("crm", "crm-bff"),
    fresh=lambda count: b"\x07" * count,
    pseudonym=lambda _tenant, plain: f"{len(plain)}",
    default_tenant="acme",
    tenants=("acme", "beta"),
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["4111111111111111", "per@vendor.example", "a\u202eb", "e\u0301", "\x00"])
)
names = st.sampled_from(Event.__struct_fields__) | st.text(max_size=8)
inner = st.sampled_from(
    ["id", "type", "name", "role", "seq", "result", "code", "path", "op", "kind", "value", "k", "n"]
)
values = st.recursive(
    scalars,
    lambda deeper: (
        st.lists(deeper, max_size=4)
        | st.dictionaries(inner | st.text(max_size=6), deeper, max_size=4)
    ),
    max_leaves=12,
)
looks_like_an_event = st.dictionaries(names, values, max_size=10)

ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
prose = st.text(max_size=30).map(lambda text: text.replace("\x7f", ""))
clean_prose = st.sampled_from(["Ola N.", "Åse Ørnes", "名前", "a 'b' \"c\" \\d", "x/y~z", ""])
uuids = st.uuids(version=4).map(lambda u: f"{str(u)[:14]}7{str(u)[15:]}")


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of the members, and at least one."""
    return st.fixed_dictionaries({}, optional=members).filter(bool)


targets = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["customer", "order"]),
        "id": ids,
        "role": st.sampled_from(["subject", "object"]),
        "exposure": st.sampled_from(["full", "summary"]),
    },
    optional={"name": clean_prose, "native_id": clean_prose, "labels": st.just(["pii"])},
)
complete_events = st.fixed_dictionaries(
    {
        "schema": st.just("vitne.audit/1.0"),
        "id": uuids,
        "type": st.sampled_from(["crm.customer.viewed", "crm.order.refunded"]),
        "category": st.sampled_from(["view", "execute"]),
        "occurred_at": st.sampled_from(["2026-11-24T09:15:02.113Z", "2026-11-24T09:15:02.113456Z"]),
        "outcome": st.fixed_dictionaries(
            {"result": st.sampled_from(["succeeded", "failed", "denied"])},
            optional={"reason": clean_prose, "code": st.just("no_right")},
        ),
        "tenant": st.fixed_dictionaries(
            {"id": st.sampled_from(["acme", "beta"])}, optional={"name": clean_prose}
        ),
        "actor": st.fixed_dictionaries(
            {
                "type": st.sampled_from(["user", "agent"]),
                "id": ids,
                "party": st.sampled_from(["tenant", "consumer"]),
                "attribution": st.sampled_from(["token", "none", "asserted"]),
            },
            optional={
                "name": clean_prose,
                "email": st.just("per@vendor.example"),
                "native_id": clean_prose,
                "issuer": st.just("https://id.example"),
                "auth": some(method=ids, mfa=st.booleans(), session_ref=ids),
                "roles": st.just(["a", "b"]),
            },
        ),
        "source": st.just(
            {
                "application": "crm",
                "service": "crm-bff",
                "environment": "prod",
                "deployment": "saas",
            }
        ),
        "observed": st.just({"role": "primary", "layer": "bff", "seen": "shown"}),
        "correlation": st.fixed_dictionaries(
            {"action_id": uuids},
            optional={"trace_id": st.just("0af7651916cd43dd8448eb211c80319c")},
        ),
        "stream": st.fixed_dictionaries({"id": ids, "seq": st.integers(1, 2**53 - 1)}),
    },
    optional={
        "client": some(
            ip=st.sampled_from(["203.0.113.42", "2001:db8::1"]),
            user_agent=clean_prose,
            site=ids,
            ip_chain=st.just(["10.0.0.1"]),
        ),
        "targets": st.lists(targets, min_size=1, max_size=3),
        "chain": st.just([{"type": "service", "id": "bff", "name": "The front"}]),
        "on_behalf_of": st.just({"type": "user", "id": "usr_2", "mode": "consent", "name": "Kari"}),
        "severity": st.sampled_from(["info", "warning"]),
        "summary": clean_prose,
        "extra": some(tab=clean_prose, rows=st.lists(st.integers(0, 9), min_size=1, max_size=3)),
        "purpose": some(code=ids, justification=clean_prose),
        "query": st.just({"kind": "search", "text": "ola", "result_count": 0}),
        "changes": st.just([{"path": "/name", "op": "replace", "after": "a\nb"}]),
    },
)
# The generated complete events lack a severity when denied, an issuer and so on: some are filled.


def reference_sections(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Core, payload, person by the table of the schema alone: the definition."""
    core = copy.deepcopy(event)
    found: list[dict[str, Any]] = []
    for pointers in (PAYLOAD, PERSON):
        section: dict[str, Any] = {}
        for pointer in pointers:
            _move(core, pointer.split("/")[1:], "", section)
        found.append(section)
    return [core, *found]


def _move(place: Any, steps: list[str], pointer: str, section: dict[str, Any]) -> None:
    name, *rest = steps
    if name == "*":
        for at, item in enumerate(place):
            _move(item, rest, f"{pointer}/{at}", section)
    elif name in place:
        if rest:
            _move(place[name], rest, f"{pointer}/{name}", section)
            if not place[name]:
                del place[name]
        else:
            section[f"{pointer}/{name}"] = place.pop(name)


@given(st.binary(max_size=200))
@example(b"\xff")
@example(b"[" * 5000)
@example(b'{"type":' + b"9" * 5000 + b"}")
def test_validation_never_raises_on_bytes(item: bytes) -> None:
    assert isinstance(validate_event(item, CONTEXT), Rejected)


@given(looks_like_an_event)
def test_validation_never_raises_on_anything_like_an_event(event: dict[str, Any]) -> None:
    found = validate_event(msgspec.json.encode(event), CONTEXT)

    if isinstance(found, Rejected):
        assert 0 < len(found.problems) <= 50
        assert all(problem.path.startswith("$") for problem in found.problems)


@given(complete_events, st.data())
def test_validation_never_raises_when_one_byte_is_changed(
    event: dict[str, Any], data: st.DataObject
) -> None:
    item = bytearray(msgspec.json.encode(event))
    item[data.draw(st.integers(0, len(item) - 1))] = data.draw(st.integers(0, 255))

    found = validate_event(bytes(item), CONTEXT)

    assert isinstance(found, ValidEvent | Rejected | Quarantined)


@given(complete_events)
def test_a_complete_event_passes(event: dict[str, Any]) -> None:
    assert isinstance(validate_event(msgspec.json.encode(event), CONTEXT), ValidEvent)


@given(complete_events | looks_like_an_event)
def test_the_quick_way_says_what_the_plain_way_says(event: dict[str, Any]) -> None:
    item = msgspec.json.encode(event)

    fast = validate_quickly(item, CONTEXT)

    assert fast is None or fast == validate_plainly(item, CONTEXT)


DECLARED = st.lists(
    st.sampled_from(["crm.customer.viewed", "crm.customer.*", "crm.*", "pos.*"]), max_size=3
)


@given(complete_events, DECLARED)
def test_all_ways_agree_on_what_is_declared(event: dict[str, Any], types: list[str]) -> None:
    """Without types nothing is said; else a type is declared whole, or up to a star."""
    registration = SourceRegistration("crm", "crm-bff", types=tuple(types))
    context = msgspec.structs.replace(CONTEXT, registration=registration)
    item = msgspec.json.encode(event)

    plain = validate_plainly(item, context)

    fast, slow = (
        validate_quickly(item, context),
        validate_event(b'{"phase":null,' + item[1:], context),
    )
    assert fast is None or fast == plain
    assert slow == plain
    declared = not types or any(
        event["type"] == one or (one[-1] == "*" and event["type"].startswith(one[:-1]))
        for one in types
    )
    assert isinstance(plain, ValidEvent)
    assert ("undeclared_type" in plain.warnings) == (not declared)


@given(complete_events, st.sampled_from(["client", "summary", "extra", "targets", "query"]))
def test_the_quick_way_is_not_fooled_by_what_vanishes(event: dict[str, Any], name: str) -> None:
    item = msgspec.json.encode(event)
    for noise in (b'"%b":null,', b'"%b":{},', b'"%b":[],', b'"actor":{"id":"other"},'):
        padded = b"{" + (noise % name.encode() if b"%" in noise else noise) + item[1:]

        fast = validate_quickly(padded, CONTEXT)

        assert fast is None or fast == validate_plainly(padded, CONTEXT)


@given(complete_events)
def test_the_slow_way_says_what_the_plain_way_says(event: dict[str, Any]) -> None:
    """An event that decodes straight has no fault of form, and the walk leaves it as it is."""
    item = msgspec.json.encode(event)

    checked = check_form(msgspec.json.decode(item), newer_minor=False)

    assert checked.problems == []
    assert msgspec.convert(checked.value, Event) == msgspec.json.decode(item, type=Event)
    spaced = msgspec.json.format(b'{"phase":null,' + item[1:])  # sends it the slow way
    assert validate_event(spaced, CONTEXT) == validate_plainly(item, CONTEXT)


@given(looks_like_an_event)
def test_what_the_walk_lets_through_decodes(event: dict[str, Any]) -> None:
    """The types and the walk know the same rules: a pruned event always converts."""
    parsed = msgspec.json.decode(msgspec.json.encode(event))

    msgspec.convert(check_form(parsed, newer_minor=False).value, Event)


@given(complete_events)
def test_sections_are_those_of_the_table_and_canonical(event: dict[str, Any]) -> None:
    parts = split_sections(msgspec.convert(event, Event), {})

    expected = reference_sections(event)
    assert [msgspec.json.decode(part) for part in parts] == expected
    assert list(parts) == [rfc8785.dumps(part) for part in expected]


@given(complete_events)
def test_the_sections_reproduce_the_event_that_was_sent(event: dict[str, Any]) -> None:
    """Requirement T25: original bytes are not destroyed after normalising."""
    core, payload, person = split_sections(msgspec.convert(event, Event), {})

    joined = join_sections(*(msgspec.json.decode(part) for part in (core, payload, person)))

    assert joined == event
    assert rfc8785.dumps(joined) == encode_event(msgspec.convert(event, Event))


domain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53 - 1), 2**53 - 1)
    | prose.map(lambda text: unicodedata.normalize("NFC", text)),
    lambda deeper: (
        st.lists(deeper, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=6),
            deeper,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(domain)
def test_the_canonical_form_is_that_of_rfc_8785(value: Json) -> None:
    assert encode_canonical(value) == rfc8785.dumps(value)


@given(domain)
def test_the_canonical_form_is_stable(value: Json) -> None:
    once = encode_canonical(value)

    assert canonical.decode(once) == value
    assert encode_canonical(canonical.decode(once)) == once
    assert canonical.decode(msgspec.json.format(once)) == value


@given(st.binary(max_size=60) | values.map(lambda v: msgspec.json.encode(v, enc_hook=str)))
def test_decoding_raises_nothing_but_its_own_error(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except DecodeError:
        return
    assert canonical.decode(encode_canonical(value)) == value


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "\\u0061", '\\"', "\\\\"]), st.integers(0, 9)))
)
def test_a_name_that_occurs_twice_is_always_noticed(members: list[tuple[str, int]]) -> None:
    text = "{" + ",".join(f'"{name}":{number}' for name, number in members) + "}"
    plain = [name.replace("\\u0061", "a") for name, _ in members]

    try:
        canonical.decode(text.encode())
        noticed = False
    except DecodeError:
        noticed = True

    assert noticed == (len(set(plain)) < len(plain))
