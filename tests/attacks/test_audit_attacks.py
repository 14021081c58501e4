"""A log lies in its index, or in its entries: whoever recomputes it finds out, and can prove it.

The log is one in memory whose operator holds every key; what it publishes is written into a folder
as a mirror would have it, and the auditor is the command itself.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitne.cli.base.app import run
from vitne.core.entry import keys
from vitne.core.tree.grow import Edge, grow
from vitne.core.tree.merkle import leaf_hash, root
from vitne.errors import VerificationError
from vitne.evidence.audit.fraud import RULES, verify_fraud_proof
from vitne.evidence.policy import parse_policy

CULPRIT = ("https://id.example", "usr_1")


@pytest.fixture
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


class Mirror:
    """The published files of a log, and an auditor that remembers."""

    def __init__(self, folder: Path, log: Any) -> None:
        self.folder, self.log = folder / "mirror", log
        self.state, self.report = folder / "state", folder / "report.json"
        for name, text in zip(("log", "index"), log.policy_texts(), strict=True):
            (folder / f"{name}.policy").write_text(text)
        self.policies = folder / "log.policy", folder / "index.policy"

    def publish(self, quorum_s: int | None = None) -> None:
        """Write everything that the log has now."""
        size = len(self.log.entries)
        notes = self.log.heads(size, quorum_s)
        records = [data for _, _, data, _ in self.log.runs]
        for prefix, leaves, note in (
            ("", self.log.entries, notes[0]),
            ("index/", records, notes[1]),
        ):
            found = grow(Edge(), leaves).objects
            for path, data in found.items():
                self._write(f"{prefix}{path}", data)
            self._write(f"{prefix}checkpoint", note.encode())
            self._write(f"{prefix}checkpoint.cosigned", note.encode())

    def _write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def audit(self, *more: str) -> int:
        """Run the command; its exit status."""
        words = ["audit-index", str(self.folder), "--policy", str(self.policies[0])]
        return run([*words, "--state", str(self.state), "--report", str(self.report), *more])

    def rule(self) -> str:
        """Audit what is false; the rule that says so."""
        assert self.audit() == 1
        found: str = json.loads(self.report.read_text())["rule"]
        return found


@pytest.fixture
def mirror(tmp_path: Path, log: Any) -> Mirror:
    return Mirror(tmp_path, log)


def replaced(struct: Any, **changes: Any) -> Any:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**values | changes)


def forged_run(log: Any, position: int, change: Callable[[Any], None]) -> None:
    """Let the index log hold a run that is not what the entries give."""
    start, end, data, run_ = log.runs[position]
    change(run_)
    lines = data.split(b"\n")
    lines[4] = f"{len(run_.leaves)} {base64.b64encode(run_.root()).decode()}".encode()
    log.runs[position] = (start, end, b"\n".join(lines), run_)


def drop_posting(key: bytes, which: int) -> Callable[[Any], None]:
    """Take the first, a middle or the last posting of a key out of a run."""

    def change(run_: Any) -> None:
        at = run_.find(key)
        left = list(run_.postings[at])
        del left[which]
        made = root([leaf_hash(one.to_bytes(8, "big")) for one in left])
        run_.leaves[at] = replaced(
            run_.leaves[at], count=len(left), first=left[0], last=left[-1], postings_root=made
        )
        run_.postings[at] = left

    return change


def skip_key(key: bytes) -> Callable[[Any], None]:
    """Take a key out of a run: the leaf before it reaches over it."""

    def change(run_: Any) -> None:
        at = run_.find(key)
        run_.leaves[at - 1] = replaced(run_.leaves[at - 1], next=run_.leaves[at].next)
        del run_.leaves[at], run_.postings[at]

    return change


def overlap(key: bytes) -> Callable[[Any], None]:
    """Let the leaf before a key deny it, beside the leaf that tells of it."""

    def change(run_: Any) -> None:
        at = run_.find(key)
        run_.leaves[at - 1] = replaced(run_.leaves[at - 1], next=run_.leaves[at].next)

    return change


def period(log: Any) -> tuple[int, int]:
    return log.recorded(5), log.recorded(log.covered - 1) + 1


def asked(log: Any, kind: int = keys.ACTOR, parts: tuple[str, ...] = CULPRIT) -> bytes:
    key: bytes = log.ask(kind, parts, *period(log)).question.keys[0].key
    return key


# ---------------------------------------------------------------- what an audit finds


def test_an_honest_index_is_recomputed_and_goes_on_where_it_ended(
    mirror: Mirror, log: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.publish()
    assert mirror.audit("--json") == 0
    first = json.loads(capsys.readouterr().out)

    log.event("full-1")
    log.seal()
    log.seal(level=1, start=0)
    mirror.publish()
    assert mirror.audit("--json") == 0
    second = json.loads(capsys.readouterr().out)

    assert (first["new"], first["index_size"]) == (2, 2)
    assert (second["new"], second["index_size"], second["waiting"]) == (2, 4, 0)


LIES: dict[str, Callable[[bytes], Callable[[Any], None]]] = {
    "omitted posting": lambda key: drop_posting(key, 0),
    "skipped key": skip_key,
    "overlapping gaps": overlap,
}


@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_hides_an_entry_is_caught(mirror: Mirror, log: Any, lie: str) -> None:
    forged_run(log, 1, LIES[lie](asked(log)))
    mirror.publish()

    assert mirror.rule() == "record"
    assert json.loads(mirror.report.read_text())["where"] == "record 1"


def test_a_merged_run_that_hides_an_entry_is_caught(mirror: Mirror, log: Any) -> None:
    log.seal(level=1, start=0)
    forged_run(log, 2, skip_key(asked(log)))
    mirror.publish()

    assert mirror.rule() == "record"


LINES: dict[str, tuple[int, Callable[[list[bytes]], bytes]]] = {
    "another root of the log": (3, lambda _: base64.b64encode(bytes(32))),
    "an earlier recorded time": (5, lambda words: b" ".join([b"1", *words[1:]])),
    "a later occurred time": (5, lambda words: b" ".join([*words[:3], b"9007199254740991"])),
    "no overflow told": (6, lambda words: b" ".join([*words[:2], b"1"])),
    "one stream fewer": (7, lambda words: b" ".join([b"0", *words[1:]])),
    "no number missing": (7, lambda words: b" ".join([*words[:4], b"7", words[5]])),
}


@pytest.mark.parametrize("line", LINES)
def test_a_record_with_another_number_is_caught(mirror: Mirror, log: Any, line: str) -> None:
    number, change = LINES[line]
    start, end, data, run_ = log.runs[1]
    lines = data.split(b"\n")
    lines[number] = change(lines[number].split(b" "))
    log.runs[1] = (start, end, b"\n".join(lines), run_)
    mirror.publish()

    assert mirror.rule() == "record"


def test_segments_that_leave_a_hole_or_come_back_changed_are_caught(
    mirror: Mirror, log: Any
) -> None:
    kept = list(log.runs)
    log.runs = kept[1:]
    mirror.publish()
    assert mirror.rule() == "tiling"

    log.runs = [*kept, kept[0]]
    mirror.publish()
    assert mirror.rule() == "tiling"


def test_a_range_that_was_listed_with_another_root_is_caught(mirror: Mirror, log: Any) -> None:
    log.seal(level=1, start=0)
    log.seal(level=2, start=0)
    forged_run(log, 3, skip_key(asked(log)))
    mirror.publish()

    assert mirror.rule() == "once"


def test_an_index_log_that_takes_a_record_back_is_caught(mirror: Mirror, log: Any) -> None:
    mirror.publish()
    assert mirror.audit() == 0
    kept = log.runs.pop()
    mirror.publish()
    assert mirror.rule() == "index"

    log.runs.append(kept)
    forged_run(log, 1, skip_key(asked(log)))
    mirror.publish()
    assert mirror.rule() == "index"


def test_an_entry_that_was_recorded_before_the_one_before_it_is_caught(
    mirror: Mirror, log: Any
) -> None:
    log.now_us -= 10_000_000
    log.event("full-1")
    log.now_us += 20_000_000
    log.event("full-1")
    log.seal()
    mirror.publish()

    assert mirror.rule() == "order"


def test_an_entry_that_was_added_behind_a_witnessed_head_cannot_be_backdated(
    mirror: Mirror, log: Any
) -> None:
    """The order alone would allow it; but a witness was there at the time that it claims."""
    mirror.publish(log.now_us // 1_000_000 + 3_600)
    assert mirror.audit() == 0

    log.event("full-1")
    log.seal()
    mirror.publish(log.now_us // 1_000_000 + 3_700)

    assert mirror.rule() == "delay"


def test_two_keys_of_one_epoch_are_caught(mirror: Mirror, log: Any) -> None:
    log.epoch -= 1
    log.index_secrets.pop(1)
    log.now_us += 1
    log.landmarks.append(log.add(_second_key(log)))
    log.seal()
    mirror.publish()

    assert mirror.rule() == "epochs"


def _second_key(log: Any) -> Any:
    from vitne.core.entry.control import IndexSecretEntry  # noqa: PLC0415 - of this test alone

    return IndexSecretEntry(
        log.now_us, 1, (1, 2, 3, 5, 6), keys.commit(b"another key of 32 bytes here!!!!")
    )


def test_a_log_that_shows_the_auditor_another_history_is_caught(
    mirror: Mirror, bundle_log: Any
) -> None:
    mirror.publish()
    assert mirror.audit() == 0

    other = bundle_log.example()
    other.event("full-1", "usr_8")
    other.entries[20], other.leaves[20] = other.entries[21], other.leaves[21]
    mirror.log = other
    mirror.publish()

    assert mirror.rule() == "head"


def test_a_head_without_quorum_is_no_base_for_an_audit(mirror: Mirror, log: Any) -> None:
    log.w2 = log.w1
    mirror.publish()

    assert mirror.rule() == "quorum"


# ---------------------------------------------------------------- fraud proofs


def proven(mirror: Mirror, log: Any, tmp_path: Path, facts: Any = None) -> bytes:
    """The fraud proof that the command makes of a bundle that the log exported."""
    facts = facts or log.ask(keys.ACTOR, CULPRIT, *period(log))
    bundle = tmp_path / "answer.vitne"
    bundle.write_bytes(log.sealed(facts))
    mirror.publish()
    file = tmp_path / "fraud.json"
    assert mirror.audit("--bundle", str(bundle), "--proof", str(file)) == 1
    return file.read_bytes()


def policies(log: Any) -> tuple[Any, Any]:
    return tuple(parse_policy(text) for text in log.policy_texts())  # type: ignore[return-value]


def check(mirror: Mirror, file: Path) -> int:
    """Check a proof with the command; its exit status."""
    return run(
        [
            *("audit-index", "--check-proof", str(file), "--policy", str(mirror.policies[0])),
            *("--index-policy", str(mirror.policies[1])),
        ]
    )


@pytest.mark.parametrize("lie", ["omitted posting", "skipped key"])
def test_a_false_answer_convicts_the_log(
    mirror: Mirror, log: Any, tmp_path: Path, lie: str
) -> None:
    """The bundle says that nothing, or less, happened; with the entry it proves who lied."""
    key = asked(log)
    hidden = [i for i in log.expected(keys.ACTOR, CULPRIT, *period(log)) if i < log.runs[0][1]]
    first = log.runs[0][3].postings[log.runs[0][3].find(key)][0]
    forged_run(log, 0, LIES[lie](key))

    data = proven(mirror, log, tmp_path)

    found = verify_fraud_proof(data, *policies(log))
    assert found.entry in {*hidden, first}
    assert found.kind == ("omitted" if lie == "omitted posting" else "skipped")
    assert found.key == key
    assert check(mirror, tmp_path / "fraud.json") == 0


def test_overlapping_gaps_convict_the_log_whichever_leaf_it_shows(
    mirror: Mirror, log: Any, bundle_log: Any, tmp_path: Path
) -> None:
    """It has a true leaf to show to the auditor, and one beside it that denies the key."""
    key = asked(log)
    forged_run(log, 0, overlap(key))
    facts, run_ = log.ask(keys.ACTOR, CULPRIT, *period(log)), log.runs[0][3]
    at = run_.find(key) - 1
    path = bundle_log.path_of([leaf_hash(one.encode()) for one in run_.leaves], [at])
    shown = replaced(facts.gaps[0], leaves=[(at, run_.leaves[at].encode())], path=path, postings={})

    data = proven(mirror, log, tmp_path, replaced(facts, gaps=[shown, *facts.gaps[1:]]))

    assert verify_fraud_proof(data, *policies(log)).kind == "skipped"


def test_an_honest_bundle_gives_no_fraud_proof(mirror: Mirror, log: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "answer.vitne"
    bundle.write_bytes(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    mirror.publish()

    assert mirror.audit("--bundle", str(bundle)) == 0


def test_a_posting_left_out_in_the_middle_is_proved_by_its_neighbours(
    mirror: Mirror, log: Any, tmp_path: Path
) -> None:
    for _ in range(6):
        log.event("none-1", "usr_1")
    log.seal()
    key = asked(log)
    position = len(log.runs) - 1
    before = list(log.runs[position][3].postings[log.runs[position][3].find(key)])
    forged_run(log, position, drop_posting(key, 2))

    data = proven(mirror, log, tmp_path)

    assert verify_fraud_proof(data, *policies(log)).entry == before[2]


def test_a_fraud_proof_against_an_honest_log_does_not_verify(
    mirror: Mirror, log: Any, bundle_log: Any, tmp_path: Path
) -> None:
    """Every part is genuine and signed, but the leaf does not hide what the proof says it does."""
    honest = bundle_log.example()
    forged_run(log, 0, skip_key(asked(log)))
    value = json.loads(proven(mirror, log, tmp_path))
    facts = honest.ask(keys.ACTOR, CULPRIT, *period(honest))
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
    mirror: Mirror, log: Any, tmp_path: Path, name: str
) -> None:
    forged_run(log, 0, skip_key(asked(log)))
    value = json.loads(proven(mirror, log, tmp_path))
    change, rule = CHANGES[name]

    change(value)

    assert rule in RULES
    assert rule_of(encoded(value), log) == rule
    (tmp_path / "changed.json").write_bytes(encoded(value))
    assert check(mirror, tmp_path / "changed.json") == 1


def test_a_fraud_proof_spelled_in_another_way_is_none(
    mirror: Mirror, log: Any, tmp_path: Path
) -> None:
    forged_run(log, 0, skip_key(asked(log)))
    data = proven(mirror, log, tmp_path)

    for other in (
        data + b"\n",
        b" " + data,
        data.replace(b'"format":', b'"format": ', 1),
        data.replace(b'{"format"', b'{"format":"vitne-fraud/v1","format"', 1),
        b"\xff" + data,
        b"[" * 100_000,
    ):
        assert rule_of(other, log) == "form"
