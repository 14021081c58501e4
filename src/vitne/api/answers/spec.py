"""The request of `POST /v1/answers` as the OpenAPI document describes it."""

from dataclasses import dataclass
from typing import Final

from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, Reference, RequestBody

_EXAMPLES: Final = {
    "who_accessed": {
        "ask": "who_accessed",
        "target": "customer/cus_90331",
        "from": "2026-03-01",
        "to": "2026-04-01",
    },
    "did_touch": {
        "ask": "did_touch",
        "actor": "usr_77",
        "issuer": "https://id.example",
        "target": "customer/cus_90331",
        "clock": "occurred",
        "late": "7d",
    },
    "did_anyone": {
        "ask": "did_anyone",
        "type": "crm.customer.exported",
        "target": "customer/cus_90331",
        "withhold": ["person"],
    },
}


@dataclass
class AskQuestion(Operation):
    """POST /v1/answers with its body."""

    def __post_init__(self) -> None:
        """Tell the body, which the handler reads itself to name all faults at once."""
        self.request_body = RequestBody(
            required=True,
            description="At most 16 KiB. A refusal names all faults, each with its path.",
            content={
                "application/json": OpenAPIMediaType(
                    schema=Reference(ref="#/components/schemas/AnswerRequest"),
                    examples={name: Example(value=value) for name, value in _EXAMPLES.items()},
                )
            },
        )
