"""A question, and its answer with verdict, events and coverage (`POST /v1/answers`)."""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, field

from vitne.answers.ask_request import Kind
from vitne.core.event.schema import Category, Result

_Category = Annotated[
    str,
    Meta(description="Category of the event.", extra_json_schema={"enum": [*get_args(Category)]}),
]
_Result = Annotated[
    str,
    Meta(
        description="`outcome.result` of the event.",
        extra_json_schema={"enum": [*get_args(Result)]},
    ),
]


class AnswerRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A question; `vitne.answers.ask_request` checks which members its kind takes."""

    ask: Annotated[Kind, Meta(description="What kind of question it is.")]
    tenant: Annotated[
        str, Meta(max_length=64, description="Whose log; needed by keys for several tenants.")
    ] = ""
    actor: Annotated[
        str, Meta(max_length=128, description="Id of the actor: for `what_did`, `did_touch`.")
    ] = ""
    issuer: Annotated[
        Annotated[str, Meta(max_length=256)] | None,
        Meta(
            description="The system that issued the actor's id [found, if there is only one];"
            ' `""`: none is named.'
        ),
    ] = None
    target: Annotated[
        str,
        Meta(
            max_length=321, description="`type/id`: for `who_accessed`, `did_touch`, `did_anyone`."
        ),
    ] = ""
    type: Annotated[
        str, Meta(max_length=100, description="Event type; may end in `*`, not in `all_of_type`.")
    ] = ""
    category: _Category = ""
    outcome: _Result = ""
    action: Annotated[
        str, Meta(max_length=128, description="`correlation.action_id` of the event.")
    ] = ""
    source: Annotated[
        str, Meta(max_length=129, description="`application/service`: for `all_of_stream`.")
    ] = ""
    stream: Annotated[
        str, Meta(max_length=128, description="`stream.id` of the sender: for `all_of_stream`.")
    ] = ""
    from_: Annotated[
        str,
        Meta(
            max_length=64,
            description="First moment of the period: a day, a time, an age such as `7d` [the"
            " beginning of the log].",
        ),
    ] = field(default="", name="from")
    to: Annotated[
        str,
        Meta(
            max_length=64,
            description="First moment after the period [now]; in the future: an open end.",
        ),
    ] = ""
    clock: Annotated[
        Literal["recorded", "occurred"],
        Meta(description="Whose time counts: the log's, or the sender's."),
    ] = "recorded"
    early: Annotated[
        str,
        Meta(
            max_length=12,
            description="How far a sender's clock may be ahead; `occurred` only [1d].",
        ),
    ] = ""
    late: Annotated[
        str,
        Meta(
            max_length=12,
            description="How long after the act an event is looked for; `occurred` only [7d].",
        ),
    ] = ""
    withhold: Annotated[
        list[Literal["payload", "person"]],
        Meta(
            max_length=2,
            description="Sections to leave out of answer and bundle; their hashes take their"
            " place.",
        ),
    ] = []
    with_bundle: Annotated[bool, Meta(description="The JSON answer also contains the bundle.")] = (
        False
    )


class AskedKey(Struct, frozen=True):
    """One value that was looked up."""

    kind: Annotated[int, Meta(description="1 actor, 2 target, 3 both, 4 stream, 5 type, 6 action.")]
    epoch: Annotated[int, Meta(description="Of the tenant's index secret; 0 for a stream.")]
    parts: list[str]


class AskedQuestion(Struct, frozen=True, kw_only=True):
    """What was asked, with every default stated."""

    ask: str
    text: str
    issuer: Annotated[str, Meta(description="The issuer of the actor's id, as it was understood.")]
    clock: Literal["recorded", "occurred"]
    from_: Annotated[str, Meta(description="RFC 3339.")] = field(name="from")
    to: Annotated[str, Meta(description="RFC 3339; not part of the period.")]
    early_s: int
    late_s: int
    filter: str
    keys: list[AskedKey]


class AnswerReason(Struct, frozen=True):
    """Why the answer is not the last word."""

    code: str
    text: str
    where: str = ""


class FoundActor(Struct, frozen=True):
    """Who acted, as the event says."""

    type: str
    id: str
    issuer: str
    name: str = ""


class FoundAction(Struct, frozen=True, kw_only=True):
    """One event that answers the question."""

    index: Annotated[int, Meta(description="Position of its entry in the log.")]
    id: str
    recorded_at: str
    occurred_at: str
    type: str
    category: str
    actor: FoundActor
    targets: Annotated[list[str], Meta(description="Each as `type/id`.")]
    outcome: str
    purpose: str
    attribution: str
    grade: Annotated[str, Meta(description="A to E: how the person was established.")]
    signed: Annotated[
        Literal["full", "body", "log"],
        Meta(description="By its sender with or without lookup keys; else by the log only."),
    ]
    event: Annotated[dict[str, Any], Meta(description="The event, without what is withheld.")]
    withheld: list[str]
    erased: list[str]


class StreamCoverage(Struct, frozen=True, kw_only=True):
    """A stream with gaps or silences."""

    stream: str
    source: str
    name: str
    silent: bool
    abandoned: bool
    missing: int
    voided: int
    ranges: Annotated[list[tuple[int, int]], Meta(description="Numbers [first, last], 20 at most.")]
    from_: str = field(name="from")
    to: str
    in_window: bool


class SourceCoverage(Struct, frozen=True, kw_only=True):
    """A source that speaks for the kind of target."""

    source: str
    events: int
    first_at: str
    last_at: str
    in_window: bool
    streams: int
    silent: int
    abandoned: int
    beats: Annotated[bool, Meta(description="It promised heartbeats in every stream.")]
    numbered: Annotated[bool, Meta(description="It numbers its events itself.")]


class QuarantineCoverage(Struct, frozen=True, kw_only=True):
    """Quarantined events in the window."""

    source: str
    events: int
    from_: str = field(name="from")
    to: str


class CoverageReply(Struct, frozen=True, kw_only=True):
    """How complete the log is where the question looked."""

    about: str
    sentences: list[str]
    sources: list[SourceCoverage]
    more_sources: int
    streams: list[StreamCoverage]
    more_streams: int
    quarantined: list[QuarantineCoverage]
    covered_to: Annotated[int, Meta(description="The index covers the entries below it.")]
    tail: Annotated[int, Meta(description="Entries of the range that no index covers yet.")]
    counts: dict[str, int]
    not_taken: dict[str, int]
    weaker: Annotated[
        dict[str, int],
        Meta(description="Events of others on the same target, by grades C, D and E."),
    ]


class CheckpointReply(Struct, frozen=True, kw_only=True):
    """A checkpoint that the answer stands under."""

    origin: str
    size: int
    key: str
    quorum_at: Annotated[str, Meta(description="When a quorum had cosigned it; empty: none asked.")]
    cosigned_by: list[str]


class TrustReply(Struct, frozen=True, kw_only=True):
    """What the answer rests on."""

    log: CheckpointReply
    index: CheckpointReply
    binding: Annotated[
        Literal["key", "sender", "log", "stated"],
        Meta(description="Whom one has to trust that the lookup key belongs to the value."),
    ]
    bound: Annotated[
        bool, Meta(description="Whoever has no tenant index secret sees that too, in the bundle.")
    ]
    seal: str
    stamps: int


class ClaimsReply(Struct, frozen=True):
    """The same in sentences."""

    proved: list[str]
    trust: list[str]
    withheld: list[str]
    not_proved: list[str]


class AnswerReply(Struct, frozen=True, kw_only=True):
    """The answer to a question."""

    tenant: str
    question: AskedQuestion
    verdict: Literal["proved", "disproved", "undecidable"]
    exact: Annotated[bool, Meta(description="Nothing limits it: exactly these, or none at all.")]
    headline: str
    reasons: list[AnswerReason]
    actions: Annotated[list[FoundAction], Meta(description="All of them; none is left out.")]
    grade: Annotated[str, Meta(description="The lowest of the answer; empty: there is none.")]
    grade_means: str
    coverage: CoverageReply
    claims: ClaimsReply
    trust: TrustReply
    range: Annotated[tuple[int, int], Meta(description="Entries [a, b) that were searched.")]
    high_water: Annotated[int, Meta(description="Entries that the log had when it was asked.")]
    published: Annotated[int, Meta(description="Entries under the checkpoint of this answer.")]
    bundle_bytes: int
    bundle: Annotated[
        dict[str, Any] | None, Meta(description="`vitne-bundle/v1`, if `with_bundle` was asked.")
    ] = None
