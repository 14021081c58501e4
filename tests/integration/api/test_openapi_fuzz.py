"""Requests made from the OpenAPI document itself; the server must answer each as it says."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MAX_EXAMPLES = 40


def test_every_reply_is_one_that_the_document_names(served: Any) -> None:
    # Operations are walked here: the plugin's own way needs a pytest older than ours.
    schema = schemathesis.openapi.from_url(f"{served.url}/schema/openapi.json")
    headers = {"Authorization": f"Bearer {served.key}"}
    walked = []

    for found in schema.get_all_operations():
        operation = found.ok()
        walked.append(operation.label)

        @given(case=operation.as_strategy())
        @settings(
            max_examples=MAX_EXAMPLES,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case) -> None:
            case.validate_response(case.call(headers=headers), checks=CHECKS)

        check()

    assert "POST /v1/events" in walked
    assert len(walked) >= 8
