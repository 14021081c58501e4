"""One broken bundle for each rule of the verifier, at least."""
# ruff: noqa: E501 - one broken bundle a line

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from vitne.core.entry.control import SigningKeyEntry
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Vkey, sign_note
from vitne.core.values.canonical import encode_trusted
from vitne.core.values.types import Hash
from vitne.errors import VerificationError
from vitne.evidence.bundle.document import StampMember
from vitne.evidence.bundle.rules_attached import seal_text
from vitne.evidence.bundle.verify import RULES, verify_bundle
from vitne.evidence.policy import parse_policy

Json = dict[str, Any]


@pytest.fixture(scope="module")
def log(bundle_log: Any) -> Any:
    """Two segments and a tail; the last entry lies behind every question."""
    return bundle_log.example()


@pytest.fixture(scope="module")
def good(log: Any) -> bytes:
    """usr_1 over the whole sealed log: hits in both segments."""
    return log.bundle(1, (log_issuer(log), "usr_1"), *period(log))


def log_issuer(log: Any) -> str:
    return log.events[0].actor[0]


def period(log: Any) -> tuple[int, int]:
    """Everything that is sealed, but for the first entries."""
    return log.recorded(5), log.recorded(log.covered - 1) + 1


def edited(log: Any, data: bytes, change: Callable[[Json], object]) -> bytes:
    """The bundle with a change, sealed again: only the rule in question may notice."""
    value = json.loads(data)
    value.pop("seal", None)
    change(value)
    bare = encode_trusted(value)
    value["seal"] = sign_note(seal_text(value["origin"], bare), [log.receipt])
    return encode_trusted(value)


def rule_of(data: bytes, *policies: Any) -> str:
    with pytest.raises(VerificationError) as failure:
        verify_bundle(data, *policies)
    assert failure.value.rule in RULES
    return failure.value.rule


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def flip(text: str, at: int = -1) -> str:
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    return b64(bytes(data))


def put(*path: Any, to: Any) -> Callable[[Json], object]:
    """A change: the member at a path is set, or changed by a function."""

    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to(value[path[-1]]) if callable(to) else to

    return change


def drop(*path: Any) -> Callable[[Json], object]:
    """A change: the member at a path is taken away."""

    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        del value[path[-1]]

    return change


BROKEN: list[tuple[str, str, Callable[[Json], object]]] = [
    ("form", "a member too many", put("more", to=1)),
    ("form", "a member lacking", drop("stamps")),
    ("form", "entries out of order", put("log", "entries", to=lambda old: old[::-1])),
    ("form", "a range that ends before it begins", put("range", to=[9, 8])),
    ("form", "a float", put("question", "late_us", to=0.5)),
    ("form", "a text that is not NFC", put("question", "text", to="o\u0308")),
    ("form", "an origin of other letters", put("origin", to="Vitne.test")),
    ("form", "a hash of 31 bytes", put("log", "path", 0, to=b64(bytes(31)))),
    ("form", "a part that is shown and hidden", put("opened", 0, "core", "event", "hash", to=b64(bytes(32)))),
    ("form", "a part that is neither", put("opened", 0, "core", "event", to={})),
    ("form", "a salt without its text", put("opened", 0, "core", "event", to={"salt": b64(bytes(16))})),
    ("form", "coverage in halves", drop("coverage", "open")),
    ("form", "an empty list of limits", put("limits", to=[])),
    ("form", "a kind of key that is not asked by", put("question", "keys", 0, "kind", to=7)),
    ("policies", "no quorum line", put("policy", "log", to="")),
    ("log_checkpoint", "another root", put("log", "checkpoint", to=lambda old: old.replace("\n", "\n1", 1))),
    ("log_checkpoint", "the index log's", lambda v: v["log"].update(checkpoint=v["index"]["checkpoint"])),
    ("index_checkpoint", "the log's", lambda v: v["index"].update(checkpoint=v["log"]["checkpoint"])),
    ("records", "one byte of a record", put("index", "records", 0, 1, to=lambda old: flip(old, 40))),
    ("records", "a path too long", put("index", "path", to=[b64(bytes(32))])),
    ("link", "no proof", put("log", "link", to=[])),
    ("entries", "one byte of an entry", put("log", "entries", 0, 1, to=flip)),
    ("entries", "a path too short", put("log", "path", to=lambda old: old[:-1])),
    ("window", "a period that begins earlier", put("question", "from_us", to=lambda old: old - 10**12)),
    ("window", "a period that ends later", put("question", "to_us", to=lambda old: old + 10**12)),
    ("window", "no period", lambda v: v["question"].update(to_us=v["question"]["from_us"])),
    ("window", "early by the log's own clock", put("question", "early_us", to=1)),
    ("keys", "no key", put("question", "keys", to=[])),
    ("keys", "another value", put("question", "keys", 0, "parts", to=["a"])),
    ("keys", "another secret", put("question", "keys", 0, "secrets", 0, to=flip)),
    ("keys", "an epoch that was not announced", put("question", "keys", 0, "epoch", to=2)),
    ("keys", "two kinds", lambda v: v["question"]["keys"].append({**v["question"]["keys"][0], "kind": 2})),
    ("keys", "one key twice", lambda v: v["question"]["keys"].append(v["question"]["keys"][0])),
    ("gaps", "no leaf", put("gaps", 0, "leaves", to=[])),
    ("gaps", "a run left out", drop("gaps", 0)),
    ("gaps", "one byte of a leaf", put("gaps", 0, "leaves", 0, 1, to=lambda old: flip(old, 45))),
    ("postings", "none of a key that is there", put("gaps", 0, "postings", to=[])),
    ("postings", "one left out", put("gaps", 0, "postings", 0, "items", to=lambda old: old[1:])),
    ("postings", "a window that begins too late", put("gaps", 0, "postings", 0, "from", to=1)),
    ("opened", "a record left out", put("opened", to=lambda old: old[1:])),
    ("opened", "a section exchanged", lambda v: v["opened"][0].update(payload=v["opened"][1]["payload"])),
    ("opened", "a record part dropped", drop("opened", 0, "core", "record")),
    ("opened", "a record part added", put("opened", 0, "payload", "record", to={"hash": b64(bytes(32))})),
    ("opened", "a word of the text", put("opened", 0, "core", "event", "json", "type", to="crm.x")),
    ("opened", "erased, but shown", put("opened", 0, "core", "erased", to=0)),
    ("opened", "erased by something else", put("opened", 0, "person", "erased", to=0)),
    ("hits", "no filter", put("question", "filter", to="colour:red")),
    ("senders", "another batch", put("senders", 0, "batch", to=0)),
    ("senders", "a path too long", put("senders", 0, "path", to=lambda old: [*old, b64(bytes(32))])),
    ("senders", "an event that is not opened", put("senders", 0, "index", to=0)),
    ("coverage", "another count", put("coverage", "registered", to=lambda old: old + 1)),
    ("coverage", "another record", put("coverage", "record", to=0)),
    ("coverage", "a stream that is not counted", put("coverage", "streams", to=[{
        "stream": b64(bytes(16)), "source": "a/b", "silent": 1, "abandoned": 0, "missing": 0,
        "voided": 0, "from_us": 0, "to_us": 1}])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "what", "change"), BROKEN, ids=[f"{r}: {w}" for r, w, _ in BROKEN]
)
def test_a_broken_bundle_is_refused_by_the_rule_that_it_breaks(
    rule: str, what: str, change: Callable[[Json], object], log: Any, good: bytes
) -> None:
    assert what
    assert rule_of(edited(log, good, change)) == rule


def test_the_good_bundle_of_the_table_verifies(log: Any, good: bytes) -> None:
    found = verify_bundle(edited(log, good, lambda _: None))

    assert found.verdict == "proved"
    assert found.exact
    assert found.seal.state == "held"
    assert [hit.index for hit in found.hits] == log.expected(
        1, (log_issuer(log), "usr_1"), *period(log)
    )


# ---------------------------------------------------------------- rules that need another log


def test_a_policy_of_ones_own_that_does_not_know_the_log_refuses_it(
    bundle_log: Any, good: bytes
) -> None:
    other = bundle_log.BundleLog("vitne.test/log/other")

    assert rule_of(good, other.policies()) == "log_checkpoint"


def test_a_quorum_that_is_not_met_is_refused(good: bytes, log: Any) -> None:
    more = Signer("w3.example", bytes(32), 4)
    text = f"log {log.log.vkey}\nwitness w3 {more.vkey}\nquorum w3\n"
    mine = log.policies()
    given = type(mine)(parse_policy(text), mine.index)

    assert rule_of(good, given) == "log_checkpoint"
    assert (
        rule_of(
            good, type(mine)(mine.log, parse_policy(text.replace(log.log.vkey, log.index.vkey)))
        )
        == "index_checkpoint"
    )


def test_records_that_leave_a_hole_or_begin_too_late_are_refused(log: Any) -> None:
    ask = (1, (log_issuer(log), "usr_1"), *period(log))

    assert rule_of(log.sealed(log.ask(*ask, runs=[1]))) == "tiling"


def test_records_of_which_one_is_not_needed_are_refused(log: Any) -> None:
    low, _ = period(log)
    end = log.runs[0][1]

    facts = log.ask(1, (log_issuer(log), "usr_1"), low, log.recorded(end - 1), runs=[0, 1])

    assert rule_of(log.sealed(facts)) == "tiling"


def test_a_merged_run_beside_what_it_merged_is_refused(bundle_log: Any) -> None:
    log = bundle_log.example()
    merged = log.seal(level=1, start=0, note=False)
    ask = (1, (log_issuer(log), "usr_1"), *period(log))

    assert verify_bundle(log.bundle(*ask, runs=[merged])).verdict == "proved"
    assert rule_of(log.sealed(log.ask(*ask, runs=[0, 1, merged]))) == "tiling"


def test_a_record_whose_root_is_not_the_logs_is_refused(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("s")
    for _ in range(5):
        log.event("s")
    honest, log.leaves = log.leaves, [leaf_hash(b"another log") for _ in log.leaves]
    log.seal(note=False)
    log.leaves = honest
    log.event("s")

    facts = log.ask(1, (log_issuer(log), "usr_1"), log.recorded(0), log.now_us)

    assert rule_of(log.sealed(facts)) == "link"


def test_entries_whose_recorded_times_go_back_are_refused(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("s")
    log.event("s")
    log.now_us -= 2 * bundle_log.STEP_US
    log.event("s")
    facts = log.ask(1, (log_issuer(log), "usr_1"), bundle_log.START_US, log.now_us + 10**9)

    assert rule_of(log.sealed(facts)) == "entries"


def test_a_tail_with_a_hole_is_refused(log: Any, bundle_log: Any) -> None:
    facts = log.ask(1, (log_issuer(log), "usr_1"), log.recorded(0), log.now_us)
    kept = {at: entry for at, entry in facts.entries.items() if at != log.covered}
    path = bundle_log.path_of(log.leaves, list(kept))
    assert log.covered not in {facts.range[0], facts.range[1] - 1}

    assert rule_of(log.sealed(replaced(facts, entries=kept, path=path))) == "tail"


def replaced(facts: Any, **changes: Any) -> Any:
    values = {name: getattr(facts, name) for name in facts.__struct_fields__}
    return type(facts)(**values | changes)


def test_a_posting_that_names_an_entry_without_the_key_is_refused(bundle_log: Any) -> None:
    log = bundle_log.example()
    assert rule_of(lying(log, lambda mine: [*mine[:-1], mine[-1] + 1])) == "held"


def test_a_posting_that_leaves_out_a_shown_entry_is_refused(bundle_log: Any) -> None:
    log = bundle_log.example()
    first = log.expected(1, (log_issuer(log), "usr_1"), *period(log))[0]

    assert rule_of(lying(log, lambda mine: mine[1:], binding=[first])) == "held"


def lying(log: Any, change: Callable[[list[int]], list[int]], binding: Any = ()) -> bytes:
    """A bundle over an index whose auditor looked away: the postings of usr_1 are others."""
    ask = (1, (log_issuer(log), "usr_1"), *period(log))
    asked = log.ask(*ask).question.keys[0].key
    start, end, data, run = log.runs[0]
    at = run.find(asked)
    mine = change(run.postings[at])
    leaf = run.leaves[at]
    values = {name: getattr(leaf, name) for name in leaf.__struct_fields__}
    made = merkle_root([leaf_hash(index.to_bytes(8, "big")) for index in mine])
    run.postings[at] = mine
    run.leaves[at] = type(leaf)(
        **values | {"count": len(mine), "first": mine[0], "last": mine[-1], "postings_root": made}
    )
    lines = data.split(b"\n")
    lines[4] = f"{len(run.leaves)} {b64(Hash(run.root()))}".encode()
    log.runs[0] = (start, end, b"\n".join(lines), run)
    return log.sealed(log.ask(*ask, binding=binding))


def test_a_wrong_index_secret_is_refused_and_a_right_one_binds(log: Any, good: bytes) -> None:
    assert rule_of(good, log.policies({1: bytes(32)})) == "binding"
    assert rule_of(good, log.policies({1: b"short"})) == "binding"
    assert verify_bundle(good, log.policies(log.index_secrets)).binding == "key"


def test_an_index_secret_that_leads_to_another_key_refuses_a_key_that_is_only_stated(
    log: Any,
) -> None:
    data = log.bundle(1, (log_issuer(log), "usr_1"), *period(log), secrets=False)
    lie = edited(log, data, put("question", "keys", 0, "parts", 1, to="usr_2"))

    assert verify_bundle(lie).binding == "stated"
    assert rule_of(lie, log.policies(log.index_secrets)) == "binding"


@pytest.mark.parametrize(
    "seal",
    [
        lambda log, text: sign_note(text, [log.log]),
        lambda log, text: sign_note(text, [Signer(log.receipt.name, bytes(32))]),
        lambda log, text: sign_note(text, [log.receipt, Signer("a", bytes(32))]),
        lambda log, text: sign_note(text + "more\n", [log.receipt]),
        lambda log, text: sign_note(text.replace("=", "A"), [log.receipt]),
        lambda log, text: "no note",  # noqa: ARG005
    ],
)
def test_a_seal_that_does_not_hold_is_refused(seal: Any, log: Any, good: bytes) -> None:
    value = json.loads(good)
    del value["seal"]
    value["seal"] = seal(log, seal_text(value["origin"], encode_trusted(value)))

    assert rule_of(encode_trusted(value)) == "attached"


def test_a_seal_is_unknown_where_the_receipt_key_is_not_given(log: Any, bundle_log: Any) -> None:
    facts = log.ask(1, (log_issuer(log), "usr_1"), *period(log))
    kept = {at: entry for at, entry in facts.entries.items() if b'"receipt"' not in entry}
    data = log.sealed(
        replaced(facts, entries=kept, path=bundle_log.path_of(log.leaves, list(kept)))
    )

    found = verify_bundle(data)

    assert (found.seal.state, found.verdict) == ("unknown_key", "proved")
    assert (
        verify_bundle(
            encode_trusted({k: v for k, v in json.loads(data).items() if k != "seal"})
        ).seal.state
        == "none"
    )


def test_receipt_keys_of_another_type_say_nothing_about_a_seal(bundle_log: Any) -> None:
    log = bundle_log.example()
    name = log.receipt.name
    other = Vkey(name, 2, b"a key that is not Ed25519").encode()
    log.landmarks.append(log.add(SigningKeyEntry(log.tick(), "receipt", name, other, "add")))

    found = verify_bundle(log.bundle(1, (log_issuer(log), "usr_1"), *period(log)))

    assert (found.seal.state, found.seal.key) == ("held", log.receipt.vkey)


def test_stamps_and_detections_are_listed_and_decide_nothing(log: Any, good: bytes) -> None:
    hash_ = b64(bytes(32))
    found = verify_bundle(
        edited(
            log,
            good,
            lambda v: v.update(
                stamps=[{"kind": "ots", "over": hash_, "token": ""}],
                detections=[{"rule": "r", "hash": hash_, "matches": 3, "runs": [1, 2]}],
            ),
        )
    )

    assert found.exact
    assert [stamp.over for stamp in found.stamps] == ["other"]
    assert [(one.rule, one.matches, one.shown) for one in found.detections] == [("r", 3, False)]


def test_a_stamp_says_which_checkpoint_it_is_over(log: Any) -> None:
    facts = log.ask(1, (log_issuer(log), "usr_1"), *period(log))
    over = [
        sha256(note.encode()).digest() for note in (facts.log_checkpoint, facts.index_checkpoint)
    ]
    stamps = [StampMember("rfc3161", one, b"token") for one in over]

    found = verify_bundle(log.sealed(replaced(facts, stamps=stamps)))

    assert [stamp.over for stamp in found.stamps] == ["log", "index"]
