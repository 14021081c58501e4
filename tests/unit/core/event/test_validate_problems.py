"""Each problem code that validation can give, and where it points."""

import msgspec
import pytest

from vitne.core.event.intake import IntakeContext, Rejected, SourceRegistration
from vitne.core.event.validate import MAX_PROBLEMS, validate_event

NOW_US = 1_795_512_902_000_000  # 2026-11-24T09:35:02Z
CONTEXT = IntakeContext(
    now_us=NOW_US,
    registration=SourceRegistration("crm", "crm-bff"),
    fresh=lambda count: b"\x07" * count,
    pseudonym=lambda _tenant, _plain: "p" * 32,
    default_tenant="acme",
)


def minimal() -> dict[str, object]:
    return {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}


def problems_of(
    event: object, context: IntakeContext = CONTEXT, body: bytes | None = None
) -> list[tuple[str, str]]:
    found = validate_event(msgspec.json.encode(event) if body is None else body, context)
    if not isinstance(found, Rejected):
        return []
    return [(problem.code, problem.path) for problem in found.problems]


def with_member(path: str, value: object) -> dict[str, object]:
    event = minimal()
    place = event
    *parents, last = path.split(".")
    for name in parents:
        place = place.setdefault(name, {})  # type: ignore[assignment]  # objects all the way
    place[last] = value
    return event


def test_a_minimal_event_has_no_problem() -> None:
    assert problems_of(minimal()) == []


@pytest.mark.parametrize(
    ("path", "value", "code", "place"),
    [
        ("type", None, "missing", "$.type"),
        ("actor", None, "missing", "$.actor.id"),
        ("actor.id", None, "missing", "$.actor.id"),
        ("targets", [{"type": "customer"}], "missing", "$.targets[0].id"),
        ("outcome.code", "no_right", "missing", "$.outcome.result"),
        ("stream.id", "s", "missing", "$.stream.seq"),
        ("actor.id", 77, "wrong_type", "$.actor.id"),
        ("targets", "customer/cus_1", "wrong_type", "$.targets"),
        ("targets", [{"type": "customer", "id": 5}], "wrong_type", "$.targets[0].id"),
        ("targets", [None], "wrong_type", "$.targets[0]"),
        ("actor.roles", {"a": "b"}, "wrong_type", "$.actor.roles"),
        ("stream", {"id": "s", "seq": True}, "wrong_type", "$.stream.seq"),
        ("extra.tab", {"deep": 1}, "wrong_type", "$.extra.tab"),
        ("type", "Viewed", "bad_format", "$.type"),
        ("type", "crm.customer.viewed\n", "control_character", "$.type"),
        ("id", "01981f3e-7c1a-4d34-9b0e-5f4c2a9e1b77", "bad_format", "$.id"),
        ("occurred_at", "2026-11-24T09:15:02Z", "bad_format", "$.occurred_at"),
        ("occurred_at", "2026-11-24T09:15:02.113+01:00", "bad_format", "$.occurred_at"),
        ("occurred_at", "2026-02-30T09:15:02.113Z", "bad_format", "$.occurred_at"),
        ("ended_at", "yesterday", "bad_format", "$.ended_at"),
        ("client.ip", "AWS Internal", "bad_format", "$.client.ip"),
        ("client.ip_chain", ["1.2.3.4", "nowhere"], "bad_format", "$.client.ip_chain[1]"),
        ("actor.id", "", "bad_format", "$.actor.id"),
        ("actor.id", "e\u0301", "bad_format", "$.actor.id"),
        ("target", "customer", "bad_format", "$.target"),
        ("tenant.id", "Acme Ltd", "bad_format", "$.tenant.id"),
        ("purpose.reference", "mail ola", "bad_format", "$.purpose.reference"),
        ("correlation.trace_id", "xyz", "bad_format", "$.correlation.trace_id"),
        ("correlation.action_id", "click", "bad_format", "$.correlation.action_id"),
        ("changes", [{"path": "name", "op": "set"}], "bad_format", "$.changes[0].path"),
        ("actor.id", "u" * 129, "too_long", "$.actor.id"),
        ("type", "crm.customer." + "v" * 100, "too_long", "$.type"),
        ("summary", "s" * 501, "too_long", "$.summary"),
        ("actor.roles", ["r"] * 33, "too_many", "$.actor.roles"),
        ("extra", {f"k{n}": n for n in range(33)}, "too_many", "$.extra"),
        ("category", "peek", "not_in_list", "$.category"),
        ("schema", "vitne.audit/2.0", "not_in_list", "$.schema"),
        ("outcome.result", "ok", "not_in_list", "$.outcome.result"),
        ("stream", {"id": "s", "seq": 0}, "out_of_range", "$.stream.seq"),
        ("stream", {"id": "s", "seq": 2**53}, "out_of_range", "$.stream.seq"),
        ("occurred_at", "1969-12-31T23:59:59.000Z", "out_of_range", "$.occurred_at"),
        ("changes", [{"path": "/a", "op": "set", "target": 3}], "out_of_range",
         "$.changes[0].target"),
        ("extra.amount", 12.5, "float", "$.extra.amount"),
        ("stream", {"id": "s", "seq": 1.0}, "float", "$.stream.seq"),
        ("extra", {"Sum": 1}, "bad_key", "$.extra.Sum"),
        ("actor.id", "usr\u202e77", "control_character", "$.actor.id"),
        ("actor.id", "usr\u202877", "control_character", "$.actor.id"),
        ("colour", "red", "unknown_field", "$.colour"),
        ("actor.shoe_size", 44, "unknown_field", "$.actor.shoe_size"),
        ("source.application", "erp", "source_mismatch", "$.source.application"),
        ("source.service", "cron", "source_mismatch", "$.source.service"),
        ("type", "audit.log.searched", "source_mismatch", "$.type"),
        ("category", "audit", "category_mismatch", "$.category"),
        ("actor.id", "eyJhbGciOiJI.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl", "forbidden_content",
         "$.actor.id"),
    ],
)  # fmt: skip
def test_a_fault_is_named_and_placed(path: str, value: object, code: str, place: str) -> None:
    assert (code, place) in problems_of(with_member(path, value))


def test_a_name_that_occurs_twice_is_a_problem() -> None:
    body = b'{"type":"crm.customer.viewed","actor":{"id":"usr_1","id":"usr_2"}}'

    assert problems_of(None, body=body) == [("duplicate_key", "$..id")]


def test_a_name_written_twice_in_different_ways_is_a_problem() -> None:
    body = b'{"type":"crm.customer.viewed","actor":{"id":"usr_1","\\u0069d":"usr_2"}}'

    assert problems_of(None, body=body) == [("duplicate_key", "$..id")]


def test_an_event_of_more_than_a_mebibyte_is_too_large() -> None:
    assert problems_of(with_member("summary", "s" * 2**20)) == [("too_large", "$")]


def test_extra_fields_of_more_than_8_kib_are_too_large() -> None:
    extra = {f"k{n}": "v" * 1000 for n in range(9)}

    assert problems_of(with_member("extra", extra)) == [("too_large", "$.extra")]


def test_nesting_deeper_than_the_limit_is_too_large() -> None:
    deep: object = "x"
    for _ in range(40):
        deep = [deep]

    assert [code for code, _ in problems_of(with_member("extra.deep", deep))] == ["too_large"]


def test_a_tenant_that_the_key_is_not_for_is_refused() -> None:
    context = msgspec.structs.replace(CONTEXT, tenants=("acme", "beta"))

    assert problems_of(with_member("tenant.id", "gamma"), context) == [
        ("tenant_not_allowed", "$.tenant.id")
    ]
    assert problems_of(with_member("tenant.id", "beta"), context) == []


def test_a_key_for_several_tenants_must_name_one() -> None:
    context = msgspec.structs.replace(CONTEXT, default_tenant="")

    assert problems_of(minimal(), context) == [("missing", "$.tenant.id")]


@pytest.mark.parametrize("stated", [None, "asserted"])
def test_a_source_without_the_right_may_not_assert_who_acted(stated: str | None) -> None:
    registration = SourceRegistration("crm", "crm-bff", may_assert=False)
    context = msgspec.structs.replace(CONTEXT, registration=registration)

    found = problems_of(with_member("actor.attribution", stated), context)

    assert found == [("attribution_not_granted", "$.actor.attribution")]
    assert problems_of(with_member("actor.attribution", "token"), context) == []


def test_an_importer_may_name_a_foreign_source() -> None:
    registration = SourceRegistration("crm", "import", may_import=True)
    context = msgspec.structs.replace(CONTEXT, registration=registration)

    assert problems_of(with_member("source.application", "aws"), context) == []


def test_vitne_itself_may_send_its_own_types() -> None:
    registration = SourceRegistration("vitne", "api")
    context = msgspec.structs.replace(CONTEXT, registration=registration)

    assert problems_of(with_member("type", "audit.log.searched"), context) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"type":"\\ud800"}', b"[" * 100_000],
)
def test_what_is_no_json_object_is_one_problem(body: bytes) -> None:
    codes = [code for code, path in problems_of(None, body=body) if path == "$"]

    assert codes in (["bad_format"], ["wrong_type"])


def test_all_problems_come_at_once_and_do_not_echo_each_other() -> None:
    event = {
        "type": "Bad Type",
        "actor": {"id": 7, "roles": "admin"},
        "targets": [{"type": "customer"}, {"type": "order", "id": 1.5}],
        "colour": "red",
    }

    assert sorted(problems_of(event)) == [
        ("bad_format", "$.type"),
        ("float", "$.targets[1].id"),
        ("missing", "$.targets[0].id"),
        ("unknown_field", "$.colour"),
        ("wrong_type", "$.actor.id"),
        ("wrong_type", "$.actor.roles"),
    ]


def test_no_more_than_fifty_problems_are_listed() -> None:
    event = minimal() | {f"field_{n}": n for n in range(80)}

    assert len(problems_of(event)) == MAX_PROBLEMS


def test_a_problem_never_repeats_what_may_be_personal() -> None:
    secret = "Ola Nordmann" * 20
    event = minimal() | {"actor": {"id": secret, "name": secret * 2, "unit": secret}}

    found = validate_event(msgspec.json.encode(event), CONTEXT)

    assert isinstance(found, Rejected)
    assert len(found.problems) == 3
    assert "Ola" not in repr(found.problems)


def test_a_rejected_event_still_tells_its_stream_and_type() -> None:
    event = with_member("stream", {"id": "pod-1", "seq": 9}) | {"colour": "red"}
    event["id"] = "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"

    found = validate_event(msgspec.json.encode(event), CONTEXT)

    assert isinstance(found, Rejected)
    assert (found.stream_name, found.stream_seq) == ("pod-1", 9)
    assert (found.type, found.tenant) == ("crm.customer.viewed", "acme")
    assert found.id == "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"
