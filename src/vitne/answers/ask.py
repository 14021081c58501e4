"""From a request to the question of a bundle: its text, its filter, and the keys to look up (pure).

A key is that of one value in one epoch of index secrets. Kinds 2 and 3 also need the pseudo-target
of the type: an event on a very long list of targets holds that key and not each target's own.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from vitne.answers.ask_request import Kind, QuestionRequest
from vitne.answers.question import Question, QuestionKey
from vitne.core.entry import keys
from vitne.core.filter.values import moment_text
from vitne.errors import BadInputError

_TEXT_MAX: Final = 512


class Epoch(Struct, frozen=True):
    """An index secret in use."""

    number: int
    index_secret: bytes

    def __repr__(self) -> str:
        """Its number; the key is a secret."""
        return f"Epoch({self.number}, ***)"


def plan_question(
    request: QuestionRequest, issuer: str, epochs: Sequence[Epoch], origin: str
) -> Question:
    """The question of a request.

    Args:
        request: checked.
        issuer: who vouches for the actor's id; not looked at where no actor is asked about.
        epochs: every epoch of index secrets that entries of the log may have, ascending.
        origin: of the log; a stream's id depends on it.

    Raises:
        BadInputError: there is no epoch, or the text of the question is too long.
    """
    if not epochs:
        raise BadInputError("the log has no index secret", where=origin)
    return Question(
        text=text_of(request, issuer),
        clock=request.clock,
        from_us=request.from_us,
        to_us=request.to_us,
        early_us=request.early_us,
        late_us=request.late_us,
        filter=filter_of(request),
        keys=_keys(request, issuer, epochs, origin),
    )


def _keys(
    request: QuestionRequest, issuer: str, epochs: Sequence[Epoch], origin: str
) -> list[QuestionKey]:
    match request.kind:
        case "who_accessed" | "did_anyone":
            return target_keys(request, epochs)
        case "what_did":
            return actor_keys(request.actor, issuer, epochs)
        case "did_touch":
            return _pair_keys(request, issuer, epochs)
        case "all_of_type":
            return [_one(keys.EVENT_TYPE, (request.type,), epoch) for epoch in epochs]
        case "all_of_action":
            return [_one(keys.ACTION, (request.action,), epoch) for epoch in epochs]
        case "all_of_stream":
            key = bytes((keys.STREAM,)) + keys.stream_id(origin, request.source, request.stream)
            return [QuestionKey(keys.STREAM, 0, (request.source, request.stream), key)]


def actor_keys(actor: str, issuer: str, epochs: Sequence[Epoch]) -> list[QuestionKey]:
    """The keys of one actor."""
    return [_one(keys.ACTOR, (issuer, actor), epoch) for epoch in epochs]


def target_keys(request: QuestionRequest, epochs: Sequence[Epoch]) -> list[QuestionKey]:
    """The keys of one target, each followed by that of its type's pseudo-target."""
    assert request.target is not None  # noqa: S101  # the kinds that come here have one
    found = []
    for epoch in epochs:
        found.append(_one(keys.TARGET, request.target, epoch))
        secret = keys.overflow_secret(request.target[0])
        parts = (request.target[0], keys.ANY_TARGET)
        key = keys.key(keys.TARGET, secret)
        found.append(QuestionKey(keys.TARGET, epoch.number, parts, key, (secret,)))
    return found


def _pair_keys(request: QuestionRequest, issuer: str, epochs: Sequence[Epoch]) -> list[QuestionKey]:
    assert request.target is not None  # noqa: S101  # likewise
    found = []
    for epoch in epochs:
        actor = keys.secret(epoch.index_secret, keys.ACTOR, issuer, request.actor)
        target = keys.secret(epoch.index_secret, keys.TARGET, *request.target)
        every = keys.overflow_secret(request.target[0])
        for name, secret in ((request.target[1], target), (keys.ANY_TARGET, every)):
            parts = (issuer, request.actor, request.target[0], name)
            key = keys.pair_key(actor, secret)
            made = QuestionKey(keys.ACTOR_TARGET, epoch.number, parts, key, (actor, secret))
            found.append(made)
    return found


def _one(kind: int, parts: tuple[str, ...], epoch: Epoch) -> QuestionKey:
    secret = keys.secret(epoch.index_secret, kind, *parts)
    return QuestionKey(kind, epoch.number, parts, keys.key(kind, secret), (secret,))


def filter_of(request: QuestionRequest) -> str:
    """What the core of an event must say beside the key, in the small filter language of bundles.

    The values are of closed forms, so none of them needs quotes.
    """
    terms = []
    if request.type and request.kind != "all_of_type":
        terms.append(f"type:{request.type}")
    if request.category:
        terms.append(f"category:{request.category}")
    if request.outcome:
        terms.append(f"outcome:{request.outcome}")
    if request.action and request.kind != "all_of_action":
        terms.append(f"action:{request.action}")
    return " ".join(terms)


def text_of(request: QuestionRequest, issuer: str) -> str:
    """The question as a sentence; cut with `…` if values are very long."""
    how = [f"of category {request.category}"] if request.category else []
    how += [f"of type {request.type}"] if request.type and request.kind != "all_of_type" else []
    how += (
        [f"in action {request.action}"]
        if request.action and request.kind != "all_of_action"
        else []
    )
    how += [f"with outcome {request.outcome}"] if request.outcome else []
    narrowed = f" ({', '.join(how)})" if how else ""
    low, high = moment_text(request.from_us), moment_text(request.to_us)
    times = f"{request.clock} from {low} to before {high}"
    text = f"{_what(request, issuer)}{narrowed}, {times}?"
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"


def _what(request: QuestionRequest, issuer: str) -> str:
    target = "/".join(request.target or ())
    actor = f"{request.actor} of {issuer}" if issuer else request.actor
    sentences: dict[Kind, str] = {
        "who_accessed": f"Who accessed {target}",
        "what_did": f"What did {actor} do",
        "did_touch": f"Did {actor} touch {target}",
        "did_anyone": f"Did anyone do this to {target}",
        "all_of_type": f"Every event of type {request.type}",
        "all_of_action": f"Every event of action {request.action}",
        "all_of_stream": f"Every event of stream {request.stream} of {request.source}",
    }
    return sentences[request.kind]
