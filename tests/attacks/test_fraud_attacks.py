"""A log lies in its index: the fraud proof that an auditor makes convicts it, and nobody else."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitne.cli.base.app import run
from vitne.core.entry import keys
from vitne.core.tree.merkle import leaf_hash
from vitne.errors import VerificationError
from vitne.evidence.audit.fraud import RULES, verify_fraud_proof
from vitne.evidence.policy import parse_policy


@pytest.fixture
def lies(lying_log: Any) -> Any:
    """`tests/support/lying_log.py`."""
    return lying_log


@pytest.fixture
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


@pytest.fixture
def mirror(lying_log: Any, tmp_path: Path, log: Any) -> Any:
    return lying_log.Mirror(tmp_path, log)


def proven(lies: Any, mirror: Any, log: Any, tmp_path: Path, facts: Any = None) -> bytes:
    """The fraud proof that the command makes of a bundle that the log exported."""
    facts = facts or log.ask(keys.ACTOR, lies.CULPRIT, *lies.period(log))
    bundle = tmp_path / "answer.vitne"
    bundle.write_bytes(log.sealed(facts))
    mirror.publish()
    file = tmp_path / "fraud.json"
    assert mirror.audit("--bundle", str(bundle), "--proof", str(file)) == 1
    return file.read_bytes()


def policies(log: Any) -> tuple[Any, Any]:
    return tuple(parse_policy(text) for text in log.policy_texts())  # type: ignore[return-value]


def check(mirror: Any, file: Path) -> int:
    """Check a proof with the command; its exit status."""
    return run(
        [
            *("audit-index", "--check-proof", str(file), "--policy", str(mirror.policies[0])),
            *("--index-policy", str(mirror.policies[1])),
        ]
    )


@pytest.mark.parametrize("lie", ["omitted posting", "skipped key"])
def test_a_false_answer_convicts_the_log(
    lies: Any, mirror: Any, log: Any, tmp_path: Path, lie: str
) -> None:
    """The bundle says that nothing, or less, happened; with the entry it proves who lied."""
    key = lies.asked(log)
    hidden = [
        i for i in log.expected(keys.ACTOR, lies.CULPRIT, *lies.period(log)) if i < log.runs[0][1]
    ]
    first = log.runs[0][3].postings[log.runs[0][3].find(key)][0]
    lies.forged_run(log, 0, lies.LIES[lie](key))

    data = proven(lies, mirror, log, tmp_path)

    found = verify_fraud_proof(data, *policies(log))
    assert found.entry in {*hidden, first}
    assert found.kind == ("omitted" if lie == "omitted posting" else "skipped")
    assert found.key == key
    assert check(mirror, tmp_path / "fraud.json") == 0


def test_overlapping_gaps_convict_the_log_whichever_leaf_it_shows(
    lies: Any, mirror: Any, log: Any, bundle_log: Any, tmp_path: Path
) -> None:
    """It has a true leaf to show to the auditor, and one beside it that denies the key."""
    key = lies.asked(log)
    lies.forged_run(log, 0, lies.overlap(key))
    facts, run_ = log.ask(keys.ACTOR, lies.CULPRIT, *lies.period(log)), log.runs[0][3]
    at = run_.find(key) - 1
    path = bundle_log.path_of([leaf_hash(one.encode()) for one in run_.leaves], [at])
    shown = lies.replaced(
        facts.gaps[0], leaves=[(at, run_.leaves[at].encode())], path=path, postings={}
    )

    data = proven(lies, mirror, log, tmp_path, lies.replaced(facts, gaps=[shown, *facts.gaps[1:]]))

    assert verify_fraud_proof(data, *policies(log)).kind == "skipped"


def test_an_honest_bundle_gives_no_fraud_proof(
    lies: Any, mirror: Any, log: Any, tmp_path: Path
) -> None:
    bundle = tmp_path / "answer.vitne"
    bundle.write_bytes(log.bundle(keys.ACTOR, lies.CULPRIT, *lies.period(log)))
    mirror.publish()

    assert mirror.audit("--bundle", str(bundle)) == 0


def test_a_posting_left_out_in_the_middle_is_proved_by_its_neighbours(
    lies: Any, mirror: Any, log: Any, tmp_path: Path
) -> None:
    for _ in range(6):
        log.event("none-1", "usr_1")
    log.seal()
    key = lies.asked(log)
    position = len(log.runs) - 1
    before = list(log.runs[position][3].postings[log.runs[position][3].find(key)])
    lies.forged_run(log, position, lies.drop_posting(key, 2))

    data = proven(lies, mirror, log, tmp_path)

    assert verify_fraud_proof(data, *policies(log)).entry == before[2]


def test_a_fraud_proof_against_an_honest_log_does_not_verify(
    lies: Any, mirror: Any, log: Any, bundle_log: Any, tmp_path: Path
) -> None:
    """Every part is genuine and signed, but the leaf does not hide what the proof says it does."""
    honest = bundle_log.example()
    lies.forged_run(log, 0, lies.skip_key(lies.asked(log)))
    value = json.loads(proven(lies, mirror, log, tmp_path))
    facts = honest.ask(keys.ACTOR, lies.CULPRIT, *lies.period(honest))
    gap = facts.gaps[0]

    value["index"] = {
        "checkpoint": facts.index_checkpoint,
        "records": [[at, base64.b64encode(data).decode()] for at, data in facts.records],
        "path": [base64.b64encode(one).decode() for one in facts.index_path],
    }
    value["gap"] = {
        "record": gap.record,
        "leaves": [[at, base64.b64encode(leaf).decode()] for at, leaf in gap.leaves],
        "path": [base64.b64encode(one).decode() for one in gap.path],
    }

    assert rule_of(encoded(value), log) == "contradiction"


def encoded(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def rule_of(data: bytes, log: Any) -> str:
    with pytest.raises(VerificationError) as failure:
        verify_fraud_proof(data, *policies(log))
    return failure.value.rule


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a member more": (lambda v: v.update(more=1), "form"),
    "a member fewer": (lambda v: v.pop("origin"), "form"),
    "another format": (lambda v: v.update(format="vitne-fraud/v2"), "form"),
    "another origin": (lambda v: v.update(origin="vitne.test/log/beta"), "log_head"),
    "a head without its witnesses": (
        lambda v: v["log"].update(
            checkpoint="\n".join(v["log"]["checkpoint"].split("\n")[:5]) + "\n"
        ),
        "log_head",
    ),
    "the log's head for that of the index": (
        lambda v: v["index"].update(checkpoint=v["log"]["checkpoint"]),
        "index_head",
    ),
    "another entry's place": (lambda v: v["log"].update(index=v["log"]["index"] + 1), "entry"),
    "a key that the entry has not": (
        lambda v: v.update(key=base64.b64encode(b"\x01" + bytes(16)).decode()),
        "entry",
    ),
    "another record": (
        lambda v: v["gap"].update(record=v["gap"]["record"] + 1),
        "record",
    ),
    "a changed record": (
        lambda v: v["index"]["records"][0].__setitem__(1, base64.b64encode(b"x").decode()),
        "record",
    ),
    "another place of the leaf": (
        lambda v: v["gap"]["leaves"][0].__setitem__(0, v["gap"]["leaves"][0][0] + 1),
        "gap",
    ),
    "another path of the leaf": (lambda v: v["gap"]["path"].reverse(), "gap"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_fraud_proof_that_was_changed_names_the_rule_it_breaks(
    lies: Any, mirror: Any, log: Any, tmp_path: Path, name: str
) -> None:
    lies.forged_run(log, 0, lies.skip_key(lies.asked(log)))
    value = json.loads(proven(lies, mirror, log, tmp_path))
    change, rule = CHANGES[name]

    change(value)

    assert rule in RULES
    assert rule_of(encoded(value), log) == rule
    (tmp_path / "changed.json").write_bytes(encoded(value))
    assert check(mirror, tmp_path / "changed.json") == 1


def test_a_fraud_proof_spelled_in_another_way_is_none(
    lies: Any, mirror: Any, log: Any, tmp_path: Path
) -> None:
    lies.forged_run(log, 0, lies.skip_key(lies.asked(log)))
    data = proven(lies, mirror, log, tmp_path)

    for other in (
        data + b"\n",
        b" " + data,
        data.replace(b'"format":', b'"format": ', 1),
        data.replace(b'{"format"', b'{"format":"vitne-fraud/v1","format"', 1),
        b"\xff" + data,
        b"[" * 100_000,
    ):
        assert rule_of(other, log) == "form"
