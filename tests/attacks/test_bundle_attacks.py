"""Attacks on evidence bundles: whoever exports one, or hands it on, may lie (transparency-log §9).

Each test makes the lie as good as it can be made: the bundle is built, and sealed, by its rules;
only what the liar cannot forge gives it away.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from vitne.core.entry import keys
from vitne.core.index.gap import GapLeaf
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import sign_note
from vitne.core.values.canonical import encode_trusted
from vitne.errors import VerificationError
from vitne.evidence.bundle.document import LimitMember
from vitne.evidence.bundle.rules_attached import seal_text
from vitne.evidence.bundle.verify import verify_bundle

ISSUER = "https://id.example"
CULPRIT = (ISSUER, "usr_1")


@pytest.fixture
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


def period(log: Any) -> tuple[int, int]:
    return log.recorded(5), log.recorded(log.covered - 1) + 1


def rule_of(data: bytes, *policies: Any) -> str:
    with pytest.raises(VerificationError) as failure:
        verify_bundle(data, *policies)
    return failure.value.rule


def resealed(log: Any, value: dict[str, Any]) -> bytes:
    value.pop("seal", None)
    value["seal"] = sign_note(seal_text(value["origin"], encode_trusted(value)), [log.receipt])
    return encode_trusted(value)


def replaced(struct: Any, **changes: Any) -> Any:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**values | changes)


def forged_run(log: Any, position: int, change: Callable[[Any], None]) -> None:
    """Let the index log hold a run that is not what the entries give: its auditor looked away."""
    start, end, data, run = log.runs[position]
    change(run)
    lines = data.split(b"\n")
    root_text = base64.b64encode(run.root()).decode()
    lines[4] = f"{len(run.leaves)} {root_text}".encode()
    log.runs[position] = (start, end, b"\n".join(lines), run)


def drop_posting(key: bytes, index: int) -> Callable[[Any], None]:
    """Take one posting out of a run."""

    def change(run: Any) -> None:
        at = run.find(key)
        left = [one for one in run.postings[at] if one != index]
        made = merkle_root([leaf_hash(one.to_bytes(8, "big")) for one in left])
        leaf = replaced(
            run.leaves[at], count=len(left), first=left[0], last=left[-1], postings_root=made
        )
        run.postings[at], run.leaves[at] = left, leaf

    return change


def skip_key(key: bytes) -> Callable[[Any], None]:
    """Take a key out of a run: the leaf before it reaches over it."""

    def change(run: Any) -> None:
        at = run.find(key)
        assert run.leaves[at].key == key
        run.leaves[at - 1] = replaced(run.leaves[at - 1], next=run.leaves[at].next)
        del run.leaves[at], run.postings[at]

    return change


# ---------------------------------------------------------------- the index


def test_a_posting_left_out_of_the_bundle_does_not_fit_its_leaf(log: Any) -> None:
    facts = log.ask(keys.ACTOR, CULPRIT, *period(log))
    value = json.loads(log.sealed(facts))
    value["gaps"][0]["postings"][0]["items"].pop()
    value["opened"].pop(1)

    assert rule_of(resealed(log, value)) == "postings"


def test_a_posting_left_out_of_the_index_is_found_where_the_entry_is_shown(log: Any) -> None:
    asked = log.ask(keys.ACTOR, CULPRIT, *period(log)).question.keys[0].key
    hidden = log.expected(keys.ACTOR, CULPRIT, *period(log))[0]
    forged_run(log, 0, drop_posting(asked, hidden))

    shown = log.sealed(log.ask(keys.ACTOR, CULPRIT, *period(log), binding=[hidden]))

    assert rule_of(shown) == "held"


def test_a_key_skipped_by_the_index_is_found_where_an_entry_with_it_is_shown(log: Any) -> None:
    asked = log.ask(keys.ACTOR, CULPRIT, *period(log)).question.keys[0].key
    hidden = log.expected(keys.ACTOR, CULPRIT, *period(log))[0]
    forged_run(log, 0, skip_key(asked))

    assert rule_of(log.bundle(keys.ACTOR, CULPRIT, *period(log), binding=[hidden])) == "held"


def test_a_leaf_that_was_stretched_over_the_key_is_not_the_runs(log: Any) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    at, data = value["gaps"][0]["leaves"][0]
    leaf = GapLeaf.decode(base64.b64decode(data))
    lower = bytes((leaf.key[0],)) + bytes(16)
    made = replaced(leaf, key=lower)
    value["gaps"][0]["leaves"] = [[at, base64.b64encode(made.encode()).decode()]]
    value["gaps"][0]["postings"] = []
    value["opened"] = [one for one in value["opened"] if one["index"] >= log.runs[0][1]]

    assert rule_of(resealed(log, value)) == "gaps"


def test_overlapping_gaps_of_an_index_that_lies_are_refused(log: Any, bundle_log: Any) -> None:
    """Two leaves speak for one key: the true one, and one before it that denies it."""
    ask = (keys.ACTOR_TARGET, (*CULPRIT, "customer", "cus_1"), *period(log))
    asked = log.ask(*ask).question.keys[0].key

    def overlap(run: Any) -> None:
        at = run.find(asked)
        run.leaves[at - 1] = replaced(run.leaves[at - 1], next=run.leaves[at].next)

    forged_run(log, 0, overlap)
    facts = log.ask(*ask)
    run = log.runs[0][3]
    at = run.find(asked)
    both = [(one, run.leaves[one].encode()) for one in (at - 1, at)]
    leaves = [leaf_hash(leaf.encode()) for leaf in run.leaves]
    path = bundle_log.path_of(leaves, [at - 1, at])
    gaps = [replaced(facts.gaps[0], leaves=both, path=path), *facts.gaps[1:]]

    assert rule_of(log.sealed(replaced(facts, gaps=gaps))) == "gaps"


def test_a_record_left_out_leaves_a_hole(log: Any) -> None:
    assert rule_of(log.bundle(keys.ACTOR, CULPRIT, *period(log), runs=[1])) == "tiling"


def test_a_last_record_left_out_makes_a_tail_that_must_be_given_whole(log: Any) -> None:
    found = verify_bundle(log.bundle(keys.ACTOR, CULPRIT, *period(log), runs=[0]))

    assert [hit.index for hit in found.hits] == log.expected(keys.ACTOR, CULPRIT, *period(log))
    assert [reason.code for reason in found.reasons] == ["tail_uncovered"]


def test_a_record_of_another_log_is_refused(log: Any, bundle_log: Any) -> None:
    other = bundle_log.example(origin="vitne.test/log/other")
    start, end, _, run = log.runs[0]
    log.runs[0] = (start, end, other.runs[0][2], run)

    assert rule_of(log.bundle(keys.ACTOR, CULPRIT, *period(log))) == "records"


# ---------------------------------------------------------------- keys


def test_an_index_secret_with_another_commitment_makes_the_bundle_invalid(log: Any) -> None:
    data = log.bundle(keys.ACTOR, CULPRIT, *period(log))

    assert rule_of(data, log.policies({1: bytes(32)})) == "binding"


def test_the_secret_of_a_second_target_does_not_pass_as_that_of_the_first(log: Any) -> None:
    """An entry with two targets binds neither: with the other's secret, it would bind that one."""
    both = log.event("full-1", "usr_1", ("victim", "decoy"))
    log.batch("full-1")
    log.seal()
    log.event("none-1")
    after = log.recorded(both) + 1, log.recorded(log.covered - 1) + 1
    facts = log.ask(keys.TARGET, ("customer", "decoy"), *after, binding=[both])
    named = [
        replaced(key, parts=("customer", "victim", *key.parts[2:]))
        if key.parts[1] == "decoy"
        else key
        for key in facts.question.keys
    ]
    lie = log.sealed(replaced(facts, question=replaced(facts.question, keys=named)))

    found = verify_bundle(lie, log.policies())

    assert (found.verdict, found.binding) == ("undecidable", "stated")
    assert rule_of(lie, log.policies(log.index_secrets)) == "binding"


def test_an_event_filed_under_another_actor_is_seen_once_it_is_opened(log: Any) -> None:
    log.event("none-1", core={"actor": {"id": "usr_7", "issuer": ISSUER}})
    log.seal()
    log.event("none-1")
    low, high = log.recorded(log.runs[-1][0]), log.recorded(log.covered - 1) + 1

    own = log.policies(log.index_secrets)
    found = verify_bundle(log.bundle(keys.ACTOR, CULPRIT, low, high), own)

    assert (found.verdict, [reason.code for reason in found.reasons]) == (
        "undecidable",
        ["other_value"],
    )


def test_an_epoch_that_is_not_asked_about_is_noticed(log: Any) -> None:
    log.new_epoch()
    log.event("none-1")
    log.seal()
    log.event("none-1")
    facts = log.ask(keys.ACTOR, CULPRIT, *period(log))
    old = [key for key in facts.question.keys if key.epoch == 1]

    assert rule_of(log.sealed(replaced(facts, question=replaced(facts.question, keys=old)))) in {
        "keys",
        "gaps",
    }


def test_a_signature_of_a_key_that_the_log_does_not_list_is_refused(
    log: Any, bundle_log: Any
) -> None:
    facts = log.ask(keys.ACTOR, CULPRIT, *period(log))
    kept = {at: entry for at, entry in facts.entries.items() if b'"source","state"' not in entry}
    assert len(kept) == len(facts.entries) - 1

    data = log.sealed(
        replaced(facts, entries=kept, path=bundle_log.path_of(log.leaves, list(kept)))
    )

    assert rule_of(data) == "senders"


def test_a_batch_of_another_log_does_not_sign_for_this_one(bundle_log: Any) -> None:
    one, other = bundle_log.BundleLog(), bundle_log.BundleLog("vitne.test/log/other")
    for made in (one, other):
        made.register("full-1", "full")
        made.event("full-1")
        made.batch("full-1")
    stolen = one.entries[-1]
    other.entries[-1], other.leaves[-1] = stolen, leaf_hash(stolen)
    other.seal()
    other.event("full-1")

    assert rule_of(other.bundle(keys.ACTOR, CULPRIT, *period(other))) == "senders"


# ---------------------------------------------------------------- sections and entries


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("opened", lambda one: one["core"].pop("record")),
        ("opened", lambda one: one["payload"].update(record={"hash": "A" * 43 + "="})),
        ("opened", lambda one: one.update(payload=one["person"])),
        ("opened", lambda one: one["core"]["event"]["json"].update(type="crm.customer.exported")),
        ("form", lambda one: one.pop("person")),
        ("form", lambda one: one.update(more=one["person"])),
    ],
)
def test_a_section_dropped_added_or_exchanged_is_refused(
    rule: str, change: Callable[[Any], object], log: Any
) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    change(value["opened"][0])

    assert rule_of(resealed(log, value)) == rule


def test_two_entries_that_are_swapped_are_refused(log: Any) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    one, two = value["log"]["entries"][0], value["log"]["entries"][1]
    one[1], two[1] = two[1], one[1]

    assert rule_of(resealed(log, value)) == "entries"


def test_a_result_that_is_left_out_of_a_tail_is_noticed(log: Any) -> None:
    data = log.bundle(keys.ACTOR, (ISSUER, "usr_9"), log.recorded(5), log.now_us)
    value = json.loads(data)
    hit = value["opened"][-1]["index"]
    assert hit >= log.covered
    value["opened"].pop()

    assert rule_of(resealed(log, value)) in {"opened", "senders"}


def test_a_window_that_ends_before_the_act_is_another_question(log: Any) -> None:
    low, high = period(log)
    facts = log.ask(keys.ACTOR, CULPRIT, low, high - 3 * 10**6)
    wider = replaced(facts.question, to_us=high)

    assert rule_of(log.sealed(replaced(facts, question=wider))) == "window"


def test_numbers_one_two_two_four_do_not_hide_the_missing_three(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("none-1")
    for number in (1, 2, 2, 4):
        log.streams["none-1"].number = number - 1
        log.event("none-1", "usr_2")
    log.seal()
    log.event("none-1")
    window = log.recorded(0), log.recorded(log.covered - 1) + 1
    facts = log.ask(keys.STREAM, ("crm/bff", "none-1"), *window)
    leaf = GapLeaf.decode(facts.gaps[0].leaves[0][1])

    found = verify_bundle(
        log.bundle(keys.ACTOR, (ISSUER, "nobody"), *window), log.policies(log.index_secrets)
    )

    assert (leaf.count, leaf.seq_min, leaf.seq_max, leaf.seq_distinct) == (4, 1, 4, 3)
    assert (found.verdict, [one.code for one in found.reasons]) == (
        "undecidable",
        ["missing_numbers"],
    )


def test_a_log_that_voids_a_number_it_got_is_counted(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("none-1")
    log.event("none-1", skip=1)
    log.void("none-1", 1, 1)
    log.seal()
    log.event("none-1")
    window = log.recorded(0), log.recorded(log.covered - 1) + 1

    found = verify_bundle(
        log.bundle(keys.ACTOR, (ISSUER, "nobody"), *window), log.policies(log.index_secrets)
    )

    assert [one.code for one in found.reasons] == ["voided_numbers"]


def test_an_event_held_back_past_the_window_is_found_only_if_late_us_says_so(
    bundle_log: Any,
) -> None:
    log = bundle_log.BundleLog()
    log.register("none-1")
    log.event("none-1", "usr_2")
    log.now_us += 3_600_000_000
    held = log.event("none-1", late_us=3_600_000_000)
    log.seal()
    log.event("none-1")
    at = log.events[1].occurred_us

    def asked(late_us: int) -> Any:
        data = log.bundle(keys.ACTOR, CULPRIT, at, at + 1, clock="occurred", late_us=late_us)
        return verify_bundle(data, log.policies(log.index_secrets))

    assert [hit.index for hit in asked(3_600_000_001).hits] == [held]
    early = asked(60_000_000)
    assert (early.verdict, early.window) == ("disproved", (at, at + 60_000_001))


# ---------------------------------------------------------------- the seal


def test_a_sealed_bundle_cannot_lose_a_limit(log: Any) -> None:
    facts = log.ask(keys.ACTOR, (ISSUER, "nobody"), *period(log))
    limits = [LimitMember("silent_source", "pos/till", 0, 2**53 - 1, "The till never spoke.")]
    value = json.loads(log.sealed(replaced(facts, limits=limits)))
    del value["limits"]

    assert rule_of(encode_trusted(value)) == "attached"


def test_the_text_of_the_question_cannot_be_changed_under_the_seal(log: Any) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    value["question"]["text"] = "Is everything fine?"

    assert rule_of(encode_trusted(value)) == "attached"


def test_a_forged_bundle_with_its_own_keys_is_trusted_only_as_bundled(
    bundle_log: Any, log: Any
) -> None:
    liar = bundle_log.example()
    for name in ("log", "index", "w1", "w2", "auditor"):
        signer = getattr(liar, name)
        setattr(liar, name, type(signer)(signer.name, name.encode().ljust(32), signer.kind))
    data = liar.bundle(keys.ACTOR, CULPRIT, *period(liar))

    assert verify_bundle(data).trust == "bundled"
    assert rule_of(data, log.policies()) == "log_checkpoint"
