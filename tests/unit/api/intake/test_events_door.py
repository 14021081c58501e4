import pytest

from vitne.api.intake.events import form_of
from vitne.api.server.access import read_head
from vitne.errors import BadInputError, UnsupportedMediaError
from vitne.services.access.audit_events import AuditPurpose, parse_purpose


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ('application/json; charset="utf-8"', "json"),
        ("application/x-ndjson", "ndjson"),
        ("application/vnd.vitne.import+x-ndjson", "import"),
    ],
)
def test_a_content_type_names_the_form_of_the_body(content_type: str, form: str) -> None:
    assert form_of(content_type) == form


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
def test_another_content_type_is_not_taken(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaError):
        form_of(content_type)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer vk_a", "vk_a"),
        (b"bearer  vk_a ", "vk_a"),
        (b"Basic dXNlcg==", ""),
        (b"Bearer", ""),
        (b"", ""),
    ],
)
def test_a_token_is_taken_from_a_bearer_header_alone(header: bytes, token: str) -> None:
    assert read_head([(b"authorization", header)]).token == token


def test_an_idempotency_key_has_a_bound() -> None:
    with pytest.raises(BadInputError):
        read_head([(b"idempotency-key", b"k" * 201)])


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("", AuditPurpose("unstated", "")),
        ("support_case", AuditPurpose("support_case", "")),
        ("support_case:CASE-9917", AuditPurpose("support_case", "CASE-9917")),
        ("a:b:c", AuditPurpose("a", "b:c")),
    ],
)
def test_a_purpose_is_a_code_and_perhaps_a_reference(text: str, purpose: AuditPurpose) -> None:
    assert parse_purpose(text) == purpose


@pytest.mark.parametrize("text", [":", "Code", "a:", "a b", "a:b c", "a" * 65, "a:" + "b" * 129])
def test_another_purpose_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_purpose(text)
