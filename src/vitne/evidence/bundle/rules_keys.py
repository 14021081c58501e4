"""Rules 10 and 18 of a bundle: one value, its lookup keys in every epoch, and who binds them."""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from vitne.answers.bundle_filter import says
from vitne.answers.question import QuestionKey
from vitne.core.entry import keys
from vitne.core.entry.control import IndexSecretEntry
from vitne.evidence.bundle.answer import Binding
from vitne.evidence.bundle.state import Case, rule_failed

_PARTS = {
    keys.ACTOR: 2,
    keys.TARGET: 2,
    keys.ACTOR_TARGET: 4,
    keys.STREAM: 2,
    keys.EVENT_TYPE: 1,
    keys.ACTION: 1,
}
_WITH_PSEUDO = (keys.TARGET, keys.ACTOR_TARGET)
_STRENGTH: tuple[Binding, ...] = ("key", "sender", "log", "stated")


def question_keys(case: Case) -> None:
    """Rule 10: the keys are of one value, and there is one for every epoch that is searched."""
    asked = case.question.keys
    if not asked or {key.kind for key in asked} != {asked[0].kind}:
        raise rule_failed("expected keys of one kind")
    value, pseudo = _split(asked)
    for key in value:
        _check_value(case, key, value[0].parts)
    for key, of_value in zip(pseudo, value, strict=False):
        _check_pseudo(key, of_value)
    case.values = {key.epoch: key.key for key in value}
    if asked[0].kind != keys.STREAM:
        _check_announced(case, asked[0].kind)
    values = frozenset(case.values.values())
    case.all_keys = values.union(key.key for key in pseudo)
    case.run_keys = {
        run.position: case.all_keys if run.record.overflow else values for run in case.runs
    }
    if asked[0].kind != keys.STREAM:
        _check_epochs(case)


def _split(asked: Sequence[QuestionKey]) -> tuple[list[QuestionKey], list[QuestionKey]]:
    """Keys of the value, and of its pseudo-target, each by epoch."""
    paired = asked[0].kind in _WITH_PSEUDO
    value = list(asked[::2] if paired else asked)
    pseudo = list(asked[1::2]) if paired else []
    epochs = [key.epoch for key in value]
    if paired and [key.epoch for key in pseudo] != epochs:
        raise rule_failed(
            "expected the key of the value and that of its pseudo-target in each epoch"
        )
    if any(one >= after for one, after in pairwise(epochs)):
        raise rule_failed("expected keys by epoch, one value in each")
    return value, pseudo


def _check_value(case: Case, key: QuestionKey, parts: tuple[str, ...]) -> None:
    where = f"epoch {key.epoch}"
    if key.parts != parts or len(parts) != _PARTS[key.kind]:
        raise rule_failed("expected the same value in every epoch", where)
    if key.kind in _WITH_PSEUDO and parts[-1] == keys.ANY_TARGET:
        raise rule_failed("nobody can ask for the pseudo-target itself", where)
    if key.kind == keys.STREAM:
        number = keys.stream_id(case.bundle.origin, *parts)
        if key.epoch or key.secrets or key.key[1:] != number or len(case.question.keys) > 1:
            raise rule_failed("expected the stream's id as its one key, of epoch 0")
        return
    if not key.epoch:
        raise rule_failed("index secrets begin with epoch 1")
    _check_secrets(key)


def _check_secrets(key: QuestionKey) -> None:
    """Secrets, if given, hash to the key."""
    if not key.secrets:
        return
    expected = 2 if key.kind == keys.ACTOR_TARGET else 1
    if len(key.secrets) != expected:
        raise rule_failed(f"expected {expected} secrets", f"epoch {key.epoch}")
    made = keys.pair_key(*key.secrets) if expected > 1 else keys.key(key.kind, key.secrets[0])
    if made != key.key:
        raise rule_failed("the secrets do not give the key", f"epoch {key.epoch}")


def _check_pseudo(key: QuestionKey, value: QuestionKey) -> None:
    where = f"epoch {key.epoch}"
    if key.parts != (*value.parts[:-1], keys.ANY_TARGET):
        raise rule_failed("expected the pseudo-target of the value", where)
    _check_secrets(key)
    public = keys.overflow_secret(key.parts[-2])
    if key.kind == keys.TARGET and key.key != keys.key(keys.TARGET, public):
        raise rule_failed("the pseudo-target's key is another one", where)
    if key.secrets and key.secrets[-1] != public:
        raise rule_failed("the pseudo-target's secret is another one", where)
    if key.kind == keys.ACTOR_TARGET and key.secrets and key.secrets[:1] != value.secrets[:1]:
        raise rule_failed("the pseudo-target is asked for with another actor", where)


def _key_entries(case: Case) -> dict[int, IndexSecretEntry]:
    found: dict[int, IndexSecretEntry] = {}
    for entry in case.entries.values():
        if isinstance(entry, IndexSecretEntry):
            first = found.setdefault(entry.epoch, entry)
            if first.commit != entry.commit:
                raise rule_failed("two index secrets for one epoch", f"epoch {entry.epoch}")
    return found


def _check_announced(case: Case, kind: int) -> None:
    announced = _key_entries(case)
    for epoch in case.values:
        if epoch not in announced or kind not in announced[epoch].kinds:
            raise rule_failed(
                "no key entry says that the epoch has keys of this kind", f"epoch {epoch}"
            )


def _check_epochs(case: Case) -> None:
    asked = sorted(case.values)
    for run in case.runs:
        low, high = run.record.key_epoch
        known = sum(1 for epoch in asked if low <= epoch <= high)
        if (low, high) != (0, 0) and known != high - low + 1:
            raise rule_failed("an epoch has no key", f"record {run.position}: {low} to {high}")
    for index in case.entries:
        event = case.event(index)
        in_tail = case.covered <= index < case.bundle.range[1]
        if event is not None and in_tail and event.key_epoch not in case.values:
            raise rule_failed("the epoch of an entry has no key", f"entry {index}")


# ---------------------------------------------------------------- rule 18


def binding(case: Case) -> None:
    """Rule 18: on whose word the keys are those of the value."""
    asked = case.question.keys
    if asked[0].kind == keys.STREAM:
        case.binding = "key"
        return
    value, pseudo = _split(asked)
    alone = _alone(case)
    by_epoch = {key.epoch: key for key in pseudo}
    case.binding = _weakest(_bound(case, key, by_epoch.get(key.epoch), alone) for key in value)
    if case.binding == "stated":
        case.limit("unbound_key")


def _bound(
    case: Case, key: QuestionKey, pseudo: QuestionKey | None, alone: dict[bytes, list[int]]
) -> Binding:
    given = case.given.index_secrets if case.given is not None else {}
    if key.epoch in given:
        _check_index_secret(case, given[key.epoch], key, pseudo)
        return "key"
    if not key.secrets:
        return "stated"
    if key.kind != keys.ACTOR_TARGET:
        return _bound_by(case, alone, key.kind, key.secrets[0], key.parts)
    return _weakest(
        (
            _bound_by(case, alone, keys.ACTOR, key.secrets[0], key.parts[:2]),
            _bound_by(case, alone, keys.TARGET, key.secrets[1], key.parts[2:]),
        )
    )


def _alone(case: Case) -> dict[bytes, list[int]]:
    """Key → opened events that hold it and no other key of its kind.

    An event with two targets binds neither: its core names both, and either secret would fit.
    """
    found: defaultdict[bytes, list[int]] = defaultdict(list)
    for index in case.cores:
        event = case.event(index)
        by_kind: defaultdict[int, list[bytes]] = defaultdict(list)
        for key in event.keys if event else ():
            by_kind[key[0]].append(key)
        for held in by_kind.values():
            if len(held) == 1:
                found[held[0]].append(index)
    return found


def _bound_by(
    case: Case, alone: dict[bytes, list[int]], kind: int, secret: bytes, parts: tuple[str, ...]
) -> Binding:
    found = [i for i in alone.get(keys.key(kind, secret), ()) if says(case.cores[i], kind, parts)]
    if not found:
        return "stated"
    return "sender" if all(case.signed.get(index) == "full" for index in found) else "log"


def _weakest(grades: Iterable[Binding]) -> Binding:
    return max(grades, key=_STRENGTH.index)


def _check_index_secret(
    case: Case, index_secret: bytes, key: QuestionKey, pseudo: QuestionKey | None
) -> None:
    where = f"epoch {key.epoch}"
    announced = _key_entries(case)[key.epoch]
    if len(index_secret) != keys.INDEX_SECRET_BYTES or not hmac.compare_digest(
        keys.commit(index_secret), announced.commit
    ):
        raise rule_failed("the index secret that you gave is not the one of the epoch", where)
    for one in (key, *(() if pseudo is None else (pseudo,))):
        if _made(index_secret, one) != one.key:
            raise rule_failed("the index secret that you gave leads to another key", where)


def _made(index_secret: bytes, key: QuestionKey) -> bytes:
    if key.kind != keys.ACTOR_TARGET:
        if key.kind == keys.TARGET and key.parts[-1] == keys.ANY_TARGET:
            return keys.key(keys.TARGET, keys.overflow_secret(key.parts[0]))
        return keys.key(key.kind, keys.secret(index_secret, key.kind, *key.parts))
    actor = keys.secret(index_secret, keys.ACTOR, *key.parts[:2])
    if key.parts[-1] == keys.ANY_TARGET:
        return keys.pair_key(actor, keys.overflow_secret(key.parts[2]))
    return keys.pair_key(actor, keys.secret(index_secret, keys.TARGET, *key.parts[2:]))
