"""The product against docs/spec/vectors, which other code made from the specification alone."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry import commit, keys, sender
from vitne.core.entry import entry as entries
from vitne.core.entry.control import IndexSecretEntry, StreamEntry
from vitne.core.entry.entry import BatchEntry, BeatEntry, EventEntry, VoidEntry
from vitne.core.entry.keyring import erase_sections, leaves_of
from vitne.core.entry.receipt import open_receipt
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.gap import GapLeaf
from vitne.core.index.index_record import describe_run, parse_record
from vitne.core.tree import multiproof
from vitne.core.tree.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)
from vitne.core.tree.note import Signer, Verified, Verifier, open_checkpoint, parse_vkey
from vitne.core.values.record import Parts, Record
from vitne.core.values.types import SECTIONS, Hash, LeafIndex, Origin
from vitne.errors import VitneError
from vitne.evidence.policy import parse_policy
from vitne.evidence.record import tlog_proof

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs/spec/vectors"
JSON = dict[str, Any]


def published(name: str) -> JSON:
    found: JSON = json.loads((PUBLISHED / name).read_text())
    return found


@pytest.fixture(scope="module")
def maker() -> Iterator[Any]:
    """`tools/vectors/publish.py`."""
    sys.path.insert(0, str(ROOT))
    yield importlib.import_module("tools.vectors.publish")
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    return [bytes.fromhex(found["entry"]) for found in published("entries.json")["entries"]]


def refused(read: Callable[[Any], object], bad: list[JSON], member: str) -> list[str]:
    """The cases that were read although they are bad."""
    passed = []
    for case in bad:
        value = case[member]
        try:
            read(bytes.fromhex(value) if member in {"entry", "gap_leaf"} else value)
        except VitneError:
            continue
        passed.append(case["why"])
    return passed


def test_the_maker_makes_the_published_files_again_byte_for_byte(maker: Any) -> None:
    made = maker.files(published("notes.json"))

    there = {
        path.relative_to(PUBLISHED).as_posix(): path.read_bytes()
        for path in PUBLISHED.rglob("*")
        if path.is_file() and path.name != "README.md"
    }
    assert sorted(made) == sorted(there)
    assert [name for name, data in made.items() if there[name] != data] == []


def test_the_maker_imports_nothing_of_the_product() -> None:
    sources = [path.read_text() for path in (ROOT / "tools/vectors").glob("*.py")]

    assert len(sources) >= 8
    assert not [line for text in sources for line in text.split("\n") if "import vitne" in line]
    assert not [line for text in sources for line in text.split("\n") if "from vitne" in line]


# ---------------------------------------------------------------- entries


def test_entries_of_every_type_decode_and_encode_to_their_own_bytes(log: list[bytes]) -> None:
    decoded = [entries.decode_entry(data) for data in log]

    assert [entries.encode_entry(entry) for entry in decoded] == log
    assert {data[4] for data in log} == set(range(1, 11))


def test_leaf_hashes_and_the_root_of_every_size(log: list[bytes]) -> None:
    file = published("entries.json")
    leaves = [leaf_hash(data) for data in log]

    assert [leaf.hex() for leaf in leaves] == [found["leaf"] for found in file["entries"]]
    assert [merkle_root(leaves[:size]).hex() for size in range(len(leaves) + 1)] == file["roots"]


def test_bytes_that_are_no_entry_are_refused() -> None:
    assert refused(entries.decode_entry, published("entries.json")["bad"], "entry") == []


def test_sections_of_every_event(log: list[bytes]) -> None:
    for event in published("sections.json")["events"]:
        record = _record(event, log)
        for name, part in event["parts"].items():
            salt = commit.part_salt(record.keyring, name)
            leaf = commit.part_leaf(salt, name, part["json"].encode())
            assert (salt.hex(), leaf.hex()) == (part["salt"], part["leaf"])

        leaves = leaves_of(record)
        entry = entries.decode_entry(record.entry)

        assert isinstance(entry, EventEntry)
        assert commit.body_root(leaves).hex() == event["body_root"] == entry.body_root.hex()
        assert commit.sender_root(leaves).hex() == event["sender_root"]
        commit.verify_body(leaves, commit.record_flags(leaves), entry.body_root)
        assert {
            section: commit.section_commitment(leaves[section]).hex() for section in SECTIONS
        } == event["commitments"]


def test_an_erased_record_keeps_its_leaves(log: list[bytes]) -> None:
    for event in published("sections.json")["events"]:
        record = _record(event, log)

        left = erase_sections(record, ["person", "payload"])

        assert leaves_of(left) == leaves_of(record)
        assert (left.parts.person, left.parts.payload) == (None, None)
        assert left.parts.core == record.parts.core
        assert record.keyring not in left.keyring


def _record(event: JSON, log: list[bytes]) -> Record:
    found = {name: part["json"].encode() for name, part in event["parts"].items()}
    parts = Parts(
        *(found[section] for section in SECTIONS),
        *(found.get(f"{section}.record", b"") for section in SECTIONS),
    )
    index = event["index"]
    return Record(
        LeafIndex(index),
        int.from_bytes(log[index][10:18], "big"),
        log[index],
        keyring=bytes.fromhex(event["record_key"]),
        parts=parts,
    )


# ---------------------------------------------------------------- keys, senders


def test_secrets_keys_and_commitments() -> None:
    file = published("keys.json")
    index_secrets = {epoch: bytes.fromhex(k["key"]) for epoch, k in file["index_keys"].items()}
    for epoch, value in file["index_keys"].items():
        assert keys.commit(index_secrets[epoch]).hex() == value["commit"]
    for value in file["values"]:
        key, parts = index_secrets[str(value["epoch"])], value["parts"]
        secrets = _secrets(key, value["kind"], parts)
        made = keys.pair_key(*secrets) if len(secrets) == 2 else keys.key(value["kind"], *secrets)
        # The product puts the kind in front.
        assert made.hex()[-32:] == value["key"], value
        assert [secret.hex() for secret in secrets] == value["secrets"]
    for stream in file["streams"]:
        found = keys.stream_id(file["origin"], stream["source"], stream["name"])
        assert found.hex() == stream["stream_id"]


def _secrets(key: bytes, kind: int, parts: list[str]) -> list[Hash]:
    if kind == 3:
        return [*_secrets(key, 1, parts[:2]), *_secrets(key, 2, parts[2:])]
    if kind == 2 and parts[1] == "*":
        return [keys.overflow_secret(parts[0])]
    return [keys.secret(key, kind, *parts)]


def test_what_senders_sign(log: list[bytes]) -> None:
    file = published("sending.json")
    for signed in file["signed"]:
        entry = entries.decode_entry(log[signed["index"]])
        assert isinstance(entry, BatchEntry | BeatEntry | VoidEntry | StreamEntry)
        if signed["signed"]:
            public_key = parse_vkey(signed["key"]).public_key
            sender.verify_sender(file["origin"], entry, public_key)
        message = _message(file["origin"], entry)
        assert message.hex() == signed["message"]
        assert sender.message_hash(message).hex() == signed["hash"]


def _message(origin: str, entry: BatchEntry | BeatEntry | VoidEntry | StreamEntry) -> bytes:
    if isinstance(entry, BatchEntry):
        return sender.batch_message(origin, entry)
    if isinstance(entry, BeatEntry):
        return sender.beat_message(origin, entry)
    if isinstance(entry, VoidEntry):
        return sender.void_message(origin, entry)
    return sender.open_message(origin, entry)


def test_sender_views_lead_to_the_roots_of_their_batches(log: list[bytes]) -> None:
    roots = {e["index"]: e["sender_root"] for e in published("sections.json")["events"]}
    batches: dict[int, list[bytes]] = {}
    for view in published("sending.json")["views"]:
        entry = entries.decode_entry(log[view["index"]])
        assert isinstance(entry, EventEntry)
        made = sender.sender_view(entry, bytes.fromhex(roots[view["index"]]), view["mode"])
        assert made.hex() == view["view"]
        if view["batch"] is not None:
            batches.setdefault(view["batch"], []).append(leaf_hash(made))

    assert len(batches) >= 4
    for index, leaves in batches.items():
        batch = entries.decode_entry(log[index])
        assert isinstance(batch, BatchEntry)
        assert merkle_root(leaves) == batch.root


# ---------------------------------------------------------------- index, proofs


def test_runs_of_both_levels_and_their_records(log: list[bytes]) -> None:
    file = published("index.json")
    leaves = [leaf_hash(data) for data in log]
    for run in file["runs"]:
        start, end = run["start"], run["end"]
        found = gap.gap_leaves(start, log[start:end])
        record = describe_run(
            Origin(file["origin"]),
            start,
            log[start:end],
            log_root=Hash(merkle_root(leaves[:end])),
            run=(len(found), gap.run_root(found)),
            coverage=_counted(log[:end]).coverage(),
            level=run["level"],
        )

        assert [leaf.hex() for leaf in found] == run["gap_leaves"]
        assert gap.run_root(found).hex() == run["run_root"]
        assert record.text() == run["record"]
        assert parse_record(run["record"].encode()) == record
    records = [leaf_hash(run["record"].encode()) for run in file["runs"]]
    assert {run["level"] for run in file["runs"]} == {0, 1}
    assert merkle_root(records).hex() == file["index_root"]


def _counted(log: list[bytes]) -> CoverageCounter:
    counter = CoverageCounter()
    for data in log:
        counter.add(data)
    return counter


def test_bad_gap_leaves_and_records_are_refused() -> None:
    file = published("index.json")

    assert refused(GapLeaf.decode, file["bad_gap_leaves"], "gap_leaf") == []
    assert refused(lambda text: parse_record(text.encode()), file["bad_records"], "record") == []


def test_inclusion_consistency_and_multiproofs() -> None:
    file = published("proofs.json")
    leaves = [bytes.fromhex(leaf) for leaf in file["leaves"]]
    for case in file["inclusion"]:
        size, index = case["size"], case["index"]
        path = [bytes.fromhex(one) for one in case["path"]]
        assert inclusion_proof(leaves[:size], index) == path
        verify_inclusion(leaves[index], index, size, path, merkle_root(leaves[:size]))
    for case in file["consistency"]:
        old, new = case["old"], case["new"]
        path = [bytes.fromhex(one) for one in case["path"]]
        assert consistency_proof(leaves[:new], old) == path
        verify_consistency(old, new, merkle_root(leaves[:old]), merkle_root(leaves[:new]), path)
    for case in file["multiproof"]:
        wanted = [(i, leaves[i]) for i in case["wanted"]]
        path = [bytes.fromhex(one) for one in case["path"]]
        assert multiproof.multiproof_root(case["size"], wanted, path).hex() == case["root"]


# ---------------------------------------------------------------- receipts, notes, policies


def test_receipts_and_what_is_none(log: list[bytes]) -> None:
    file = published("receipts.json")
    verifier = Verifier(file["vkey"])
    for case in file["receipts"]:
        receipt = open_receipt(case["note"], verifier)
        first, count = case["first"], case["count"]
        assert (receipt.first, receipt.count) == (first, count)
        assert receipt.root == merkle_root([leaf_hash(data) for data in log[first : first + count]])

    assert refused(lambda note: open_receipt(note, verifier), file["bad"], "note") == []


def test_keys_of_all_types_are_made_from_their_seeds() -> None:
    for key in published("notes.json")["keys"]:
        signer = Signer(key["name"], bytes.fromhex(key["seed"]), key["type"])

        assert (signer.vkey, signer.skey) == (key["vkey"], key["skey"])
        assert Signer.from_skey(key["skey"]).vkey == key["vkey"]


def test_a_checkpoint_with_cosignatures_of_both_types() -> None:
    case = published("notes.json")["checkpoint"]
    log_key, *others = (Verifier(vkey) for vkey in case["vkeys"])

    head, opened = open_checkpoint(case["note"], log_key, others)

    assert (head.size, head.root.hex()) == (case["size"], case["root"])
    assert [found.time_s for found in opened.verified] == case["times_s"]
    assert opened.unknown == ()


def test_bad_checkpoints_are_refused() -> None:
    file = published("notes.json")
    log_key, *others = (Verifier(vkey) for vkey in file["checkpoint"]["vkeys"])

    def read(note: str) -> object:
        return open_checkpoint(note, log_key, others)

    assert refused(read, file["bad_checkpoints"], "note") == []


def test_proofs_of_one_entry() -> None:
    file = published("notes.json")["tlog_proofs"]
    policy, entry = parse_policy(file["policy"]), bytes.fromhex(file["entry"])

    alone = tlog_proof.verify_tlog_proof(file["with_entry"].encode(), policy)
    beside = tlog_proof.verify_tlog_proof(file["proof"].encode(), policy, entry)

    assert alone.entry == beside.entry == entry
    assert alone.index == beside.index == file["index"]
    bad = file["bad"]
    assert refused(lambda t: tlog_proof.verify_tlog_proof(t.encode(), policy), bad, "proof") == []


def test_policies_and_their_quorum_times() -> None:
    file = published("notes.json")["policies"]
    for good in file["good"]:
        policy = parse_policy(good["text"])
        for case in good["cases"]:
            signed = [
                Verified(witness, case["times_s"][witness.name], "")
                for witness in policy.witnesses.values()
                if witness.name in case["times_s"]
            ]
            assert policy.quorum_time_of(signed) == case["quorum_time_s"]

    assert refused(parse_policy, file["bad"], "text") == []


def test_an_epoch_lists_its_kinds(log: list[bytes]) -> None:
    epochs = [e for e in map(entries.decode_entry, log) if isinstance(e, IndexSecretEntry)]

    assert [(entry.epoch, entry.kinds) for entry in epochs] == [
        (1, (1, 2, 3, 5, 6)),
        (2, (1, 2, 3, 5, 6)),
    ]
