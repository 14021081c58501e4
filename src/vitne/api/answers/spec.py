"""The request of `POST /v1/answers` as the OpenAPI document tells it."""

from dataclasses import dataclass
from typing import Final, get_args

from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)

from vitne.answers.ask_request import Kind
from vitne.core.event.schema import Category, Result

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


def _text(about: str, most: int, choices: tuple[str, ...] = ()) -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        description=about,
        max_length=most,
        enum=list(choices) or None,
    )


_SECTIONS: Final = Schema(
    type=OpenAPIType.ARRAY,
    description="Sections to leave out of answer and bundle; their hashes take their place.",
    items=Schema(type=OpenAPIType.STRING, enum=["payload", "person"]),
    max_items=2,
)

MEMBERS: Final[dict[str, Reference | Schema]] = {
    "ask": _text("What kind of question it is.", 20, get_args(Kind)),
    "tenant": _text("Whose log; needed by keys for several tenants.", 64),
    "actor": _text("Id of the actor: for `what_did`, `did_touch`.", 128),
    "issuer": _text(
        'Who gave out the actor\'s id; found, if only one did. `""`: nobody is named.', 256
    ),
    "target": _text("`type/id`: for `who_accessed`, `did_touch`, `did_anyone`.", 321),
    "type": _text("Event type; but for `all_of_type` it may end in `*`.", 100),
    "category": _text("Category of the event.", 20, get_args(Category)),
    "outcome": _text("`outcome.result` of the event.", 20, get_args(Result)),
    "action": _text("`correlation.action_id` of the event.", 128),
    "source": _text("`application/service`: for `all_of_stream`.", 129),
    "stream": _text("`stream.id` of the sender: for `all_of_stream`.", 128),
    "from": _text("Begin of the period: a day, a moment, an age such as `7d`; else 1970.", 64),
    "to": _text("First moment after the period; else now. In the future: an open end.", 64),
    "clock": _text("Whose time counts: the log's, or the sender's.", 10, ("recorded", "occurred")),
    "early": _text("How far ahead a sender's clock may be; `occurred` only, else `1d`.", 12),
    "late": _text("How long after the act it is looked for; `occurred` only, else `7d`.", 12),
    "withhold": _SECTIONS,
    "with_bundle": Schema(
        type=OpenAPIType.BOOLEAN, description="The JSON answer holds the bundle too."
    ),
}


@dataclass
class AskQuestion(Operation):
    """POST /v1/answers with its body."""

    def __post_init__(self) -> None:
        """Tell the body."""
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties=MEMBERS,
            required=["ask"],
            additional_properties=False,
        )
        self.request_body = RequestBody(
            required=True,
            description="At most 16 KiB. All faults are told at once, each with its path.",
            content={
                "application/json": OpenAPIMediaType(
                    schema=schema,
                    examples={name: Example(value=value) for name, value in _EXAMPLES.items()},
                )
            },
        )
