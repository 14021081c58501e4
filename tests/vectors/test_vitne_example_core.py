"""The example log, byte for byte: it was made by other code than the code under test."""

import json
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry import commit, keys, sender
from vitne.core.entry import entry as entries
from vitne.core.entry.assemble import Assembler, stamp_entry
from vitne.core.entry.control import SigningKeyEntry, StreamEntry, verify_stream
from vitne.core.entry.entry import BatchEntry, BeatEntry, EventEntry, VoidEntry
from vitne.core.entry.receipt import open_receipt
from vitne.core.event.event import ValidEvent
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.index_record import describe_run, parse_record
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Verifier, open_checkpoint, parse_vkey, sign_note
from vitne.core.tree.signature import COSIGNATURE, ED25519
from vitne.core.values.record import Facets, Parts
from vitne.core.values.types import Hash, Origin


@pytest.fixture(scope="module")
def example(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "vitne_example.json").read_text())
    return found


@pytest.fixture(scope="module")
def log(example: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(entry) for entry in example["log"]]


@pytest.fixture(scope="module")
def parts(example: dict[str, Any]) -> Parts:
    found = {name: part["jcs"].encode() for name, part in example["event"]["parts"].items()}
    return Parts(
        *(found[section] for section in ("core", "payload", "person")),
        *(found.get(f"{section}.record", b"") for section in ("core", "payload", "person")),
    )


@pytest.fixture(scope="module")
def event(example: dict[str, Any], parts: Parts, log: list[bytes]) -> ValidEvent:
    core = json.loads(parts.core or b"")
    entry = entries.decode_entry(log[example["event"]["index"]])
    assert isinstance(entry, EventEntry)
    return ValidEvent(
        event_id=bytes(16),
        tenant="acme",
        type=core["type"],
        category="view",
        occurred_us=entry.occurred_us,
        actor=(core["actor"]["issuer"], core["actor"]["id"]),
        targets=tuple((target["type"], target["id"]) for target in core["targets"]),
        overflow_type="",
        action_id=core["correlation"]["action_id"],
        source_id=example["streams"][0]["source"],
        stream_name=example["streams"][0]["name"],
        stream_seq=entry.stream_seq,
        core=parts.core or b"",
        payload=parts.payload or b"",
        person=parts.person or b"",
        digest=bytes(16),
        facets=Facets(),
    )


# ---------------------------------------------------------------- entries


def test_every_entry_decodes_and_encodes_to_its_own_bytes(log: list[bytes]) -> None:
    decoded = [entries.decode_entry(entry) for entry in log]

    assert [entries.encode_entry(entry) for entry in decoded] == log
    assert {data[4] for data in log} == {1, 2, 3, 4, 5, 6, 7, 8, 9}


def test_the_leaf_hashes_and_the_root_are_the_published_ones(
    example: dict[str, Any], log: list[bytes]
) -> None:
    leaves = [leaf_hash(entry) for entry in log]

    assert [leaf.hex() for leaf in leaves] == example["leaf_hashes"]
    assert merkle_root(leaves).hex() == example["root"]


def test_streams_have_the_published_ids(example: dict[str, Any], log: list[bytes]) -> None:
    streams = [entry for entry in map(entries.decode_entry, log) if isinstance(entry, StreamEntry)]

    for stream, expected in zip(streams, example["streams"], strict=True):
        assert (stream.source, stream.name, stream.mode, stream.stream_id.hex()) == (
            expected["source"],
            expected["name"],
            expected["mode"],
            expected["stream_id"],
        )
        verify_stream(stream, example["origin"])


# ---------------------------------------------------------------- sections, keys


def test_salts_leaves_and_roots_of_the_sections(example: dict[str, Any], parts: Parts) -> None:
    event = example["event"]
    record_key = bytes.fromhex(event["record_key"])
    for name, part in event["parts"].items():
        salt = commit.part_salt(record_key, name)
        leaf = commit.part_leaf(salt, name, part["jcs"].encode())
        assert (salt.hex(), leaf.hex()) == (part["salt"], part["leaf"]), name

    leaves = commit.section_leaves(record_key, parts)

    assert commit.body_root(leaves).hex() == event["body_root"]
    assert commit.sender_root(leaves).hex() == event["sender_root"]
    assert commit.record_flags(leaves) == 5


def test_secrets_and_the_commitment_to_the_index_secret(
    example: dict[str, Any], event: ValidEvent
) -> None:
    index_secret, secrets = bytes.fromhex(example["index_key"]), example["event"]["secrets"]

    assert keys.commit(index_secret).hex() == example["index_key_commit"]
    assert keys.secret(index_secret, keys.ACTOR, *event.actor).hex() == secrets["actor"]
    assert keys.secret(index_secret, keys.TARGET, *event.targets[0]).hex() == secrets["target"]
    assert keys.overflow_secret("customer").hex() == secrets["target customer/*"]


def test_the_assembler_makes_the_published_entry(
    example: dict[str, Any], event: ValidEvent, parts: Parts
) -> None:
    published = example["event"]
    expected = entries.decode_entry(bytes.fromhex(published["entry"]))
    origin, index_secret = Origin(example["origin"]), bytes.fromhex(example["index_key"])
    record_key = bytes.fromhex(published["record_key"])

    fast = Assembler(origin, index_secret, 1).prepare(
        event,
        parts.core_record or b"",
        parts.payload_record or b"",
        parts.person_record or b"",
        record_key,
    )

    assert isinstance(expected, EventEntry)
    assert (
        stamp_entry(fast.entry, expected.recorded_us.to_bytes(8, "big")).hex() == published["entry"]
    )
    assert [key.hex() for key in expected.keys] == published["keys"]
    assert leaf_hash(bytes.fromhex(published["entry"])).hex() == published["leaf_hash"]


# ---------------------------------------------------------------- senders


def test_sender_views_of_both_modes(example: dict[str, Any], log: list[bytes]) -> None:
    published = example["event"]
    entry = entries.decode_entry(log[published["index"]])
    assert isinstance(entry, EventEntry)

    full = sender.sender_view(entry, bytes.fromhex(published["sender_root"]), "full")
    body = sender.sender_view(entry, bytes.fromhex(published["sender_root"]), "body")

    assert (full.hex(), leaf_hash(full).hex()) == (
        published["sender_view_full"],
        published["sender_leaf_full"],
    )
    assert (body.hex(), leaf_hash(body).hex()) == (
        published["sender_view_body"],
        published["sender_leaf_body"],
    )


def test_the_messages_that_senders_sign(example: dict[str, Any], log: list[bytes]) -> None:
    origin = example["origin"]
    batch = entries.decode_entry(log[example["batch"]["index"]])
    beat = entries.decode_entry(log[example["beat"]["index"]])
    void = entries.decode_entry(log[example["void"]["index"]])
    assert isinstance(batch, BatchEntry)
    assert isinstance(beat, BeatEntry)
    assert isinstance(void, VoidEntry)

    message = sender.batch_message(origin, batch)

    assert message.hex() == example["batch"]["message"]
    assert sender.message_hash(message).hex() == example["batch"]["message_hash"]
    assert sender.beat_message(origin, beat).hex() == example["beat"]["message"]
    assert sender.void_message(origin, void).hex() == example["void"]["message"]


def test_every_sender_signature_of_the_log_holds(example: dict[str, Any], log: list[bytes]) -> None:
    public_key = parse_vkey(example["vkeys"]["source"]).public_key
    signed = [
        entry
        for entry in map(entries.decode_entry, log)
        if isinstance(entry, BatchEntry | BeatEntry | VoidEntry)
        or (isinstance(entry, StreamEntry) and entry.mode != "none")
    ]

    for entry in signed:
        sender.verify_sender(example["origin"], entry, public_key)

    assert len(signed) == 11


def test_a_batch_covers_the_sender_views_of_its_events(
    example: dict[str, Any], log: list[bytes]
) -> None:
    batch = entries.decode_entry(log[example["batch"]["index"]])

    assert isinstance(batch, BatchEntry)
    assert merkle_root([bytes.fromhex(example["event"]["sender_leaf_full"])]) == batch.root


# ---------------------------------------------------------------- notes


def test_seeds_give_the_published_keys(example: dict[str, Any], log: list[bytes]) -> None:
    listed = {
        entry.vkey for entry in map(entries.decode_entry, log) if isinstance(entry, SigningKeyEntry)
    }

    for role, vkey in example["vkeys"].items():
        key = parse_vkey(vkey)
        assert Signer(key.name, bytes.fromhex(example["seeds"][role]), key.kind).vkey == vkey
    assert listed == {example["vkeys"][role] for role in ("log", "index-log", "receipt", "source")}


def test_the_checkpoints_and_their_cosignatures_are_made_again(example: dict[str, Any]) -> None:
    for note, role, witnesses in (
        (example["checkpoint"], "log", ["w1", "w2"]),
        (example["index_checkpoint"], "index-log", ["w1", "w2", "auditor"]),
    ):
        signers = {
            name: Signer(
                parse_vkey(example["vkeys"][name]).name,
                bytes.fromhex(example["seeds"][name]),
                ED25519 if name == role else COSIGNATURE,
            )
            for name in (role, *witnesses)
        }
        others = [signers[name].verifier for name in witnesses]

        head, opened = open_checkpoint(note, Verifier(example["vkeys"][role]), others)
        lines = [
            next(s for s in signers.values() if s.name == found.verifier.name).sign(
                opened.text, found.time_s
            )
            for found in opened.verified
        ]

        assert opened.unknown == ()
        assert head.text() + "\n" + "".join(lines) == note


def test_the_receipt_opens_and_is_made_again(example: dict[str, Any]) -> None:
    signer = Signer(f"{example['origin']}/receipt", bytes.fromhex(example["seeds"]["receipt"]))
    published = example["receipt"]

    receipt = open_receipt(published["note"], signer.verifier)

    assert (receipt.first, receipt.count) == (published["first"], published["count"])
    assert (receipt.count, receipt.root.hex()) == (1, example["event"]["leaf_hash"])
    assert receipt.sign(signer) == sign_note(receipt.text(), [signer]) == published["note"]


# ---------------------------------------------------------------- segments


def test_gap_leaves_run_roots_and_records_of_both_segments(
    example: dict[str, Any], log: list[bytes]
) -> None:
    leaves = [leaf_hash(entry) for entry in log]
    counter = CoverageCounter()
    for segment in example["segments"]:
        start, end = segment["start"], segment["end"]
        for entry in log[start:end]:
            counter.add(entry)

        found = gap.gap_leaves(start, log[start:end])
        record = describe_run(
            Origin(example["origin"]),
            start,
            log[start:end],
            log_root=Hash(merkle_root(leaves[:end])),
            run=(len(found), gap.run_root(found)),
            coverage=counter.coverage(),
        )

        assert [leaf.hex() for leaf in found] == segment["gap_leaves"]
        assert gap.run_root(found).hex() == segment["run_root"]
        assert record.text() == segment["record"]
        assert parse_record(segment["record"].encode()) == record


def test_the_merged_run_is_built_from_the_same_entries(
    example: dict[str, Any], log: list[bytes]
) -> None:
    merged = example["merged_run"]

    found = gap.gap_leaves(merged["start"], log[merged["start"] : merged["end"]])

    assert (len(found), gap.run_root(found).hex()) == (merged["gap_leaves"], merged["run_root"])


def test_the_index_log_holds_the_records(example: dict[str, Any], log: list[bytes]) -> None:
    leaves = [leaf_hash(segment["record"].encode()) for segment in example["segments"]]
    listed = [entry.leaf for entry in map(entries.decode_entry, log) if hasattr(entry, "leaf")]

    assert merkle_root(leaves).hex() == example["index_root"]
    assert listed == leaves
