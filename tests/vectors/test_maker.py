"""`tools/vectors` against the example log, every byte, and against the product in numbers.

The example was made with a third piece of code; it lies beside the checkout.
"""

import importlib
import json
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitne.errors import VerificationError
from vitne.evidence.bundle.answer import Policies
from vitne.evidence.bundle.verify import verify_bundle
from vitne.evidence.policy import parse_policy

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = ("absent", "present", "tail")


@pytest.fixture(scope="module")
def tools() -> Iterator[Any]:
    """Gives the modules of `tools/vectors` by their names."""
    sys.path.insert(0, str(ROOT))
    yield lambda name: importlib.import_module(f"tools.vectors.{name}")
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def example(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "vitne_example.json").read_text())
    return found


@pytest.fixture(scope="module")
def log(example: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(entry) for entry in example["log"]]


# ---------------------------------------------------------------- the example, every byte


def test_entries_are_made_again_from_their_fields(tools: Any, log: list[bytes]) -> None:
    entries, index = tools("entries"), tools("index")
    for data in log:
        it = index.head(data)
        end = 50 + 17 * it.count
        keys = [data[at : at + 17] for at in range(50, end, 17)]
        tail = json.loads(data[end:]) if it.type >= entries.STREAM else None

        made = entries.entry(
            it.type,
            it.recorded_us,
            it.occurred_us,
            it.stream,
            it.seq,
            flags=it.flags,
            epoch=it.epoch,
            keys=keys,
            tail=tools("basics").jcs(tail) if tail else data[end:],
        )

        assert made == data


def test_leaves_and_root_of_the_log(tools: Any, example: dict[str, Any], log: list[bytes]) -> None:
    basics = tools("basics")
    leaves = [basics.leaf(data) for data in log]

    assert [leaf.hex() for leaf in leaves] == example["leaf_hashes"]
    assert basics.mth(leaves).hex() == basics.Tree(leaves).root().hex() == example["root"]


def test_sections_keys_and_views_of_the_example_event(
    tools: Any, example: dict[str, Any], log: list[bytes]
) -> None:
    entries, event = tools("entries"), example["event"]
    record_key, leaves = bytes.fromhex(event["record_key"]), {}
    for name, part in event["parts"].items():
        salt = entries.salt(record_key, name)
        leaves[name] = entries.part_leaf(salt, name, part["jcs"].encode())
        assert (salt.hex(), leaves[name].hex()) == (part["salt"], part["leaf"])
    commitments = [
        entries.commitment(leaves[section], leaves.get(f"{section}.record"))
        for section in entries.SECTIONS
    ]
    sender_root = entries.body_root(*(leaves[section] for section in entries.SECTIONS))
    data, key = log[event["index"]], bytes.fromhex(example["index_key"])
    actor, target = ("https://id.example", "usr_77"), ("customer", "cus_90331")

    assert entries.body_root(*commitments).hex() == event["body_root"]
    assert sender_root.hex() == event["sender_root"]
    assert entries.sender_view(data, sender_root, "full").hex() == event["sender_view_full"]
    assert entries.sender_view(data, sender_root, "body").hex() == event["sender_view_body"]
    assert entries.key_commit(key).hex() == example["index_key_commit"]
    assert entries.secret(key, 1, actor).hex() == event["secrets"]["actor"]
    assert entries.secret(key, 2, target).hex() == event["secrets"]["target"]
    public = entries.public_secret(("customer", "*"))
    assert public.hex() == event["secrets"]["target customer/*"]
    core = json.loads(event["parts"]["core"]["jcs"])
    values = {1: actor, 2: target, 3: actor + target, 5: (core["type"],)}
    values[6] = (core["correlation"]["action_id"],)
    assert [f"{k:02x}{entries.value_key(key, k, v).hex()}" for k, v in values.items()] == (
        event["keys"]
    )


def test_streams_messages_and_signatures(
    tools: Any, example: dict[str, Any], log: list[bytes]
) -> None:
    entries, h, origin = tools("entries"), tools("basics").h, example["origin"]
    source = tools("notes").Key("crm/bff", bytes.fromhex(example["seeds"]["source"]))
    for stream in example["streams"]:
        made = entries.stream_id(origin, stream["source"], stream["name"])
        assert made.hex() == stream["stream_id"]
    signed = 0
    for data in log:
        it = tools("index").head(data)
        first, tail = int.from_bytes(data[50:58], "big"), data[50:]
        if it.type == entries.BATCH:
            message = entries.batch_message(
                origin, it.stream, first, it.seq, tail[8:40], tail[40:72]
            )
        elif it.type == entries.BEAT:
            message = entries.beat_message(
                origin, it.stream, it.seq, it.occurred_us, tail[0], tail[1:33]
            )
        elif it.type == entries.VOID:
            message = entries.void_message(origin, it.stream, first, it.seq, tail[8], tail[9:41])
        elif it.type == entries.STREAM and "sig" in json.loads(tail):
            message = entries.open_message(origin, it.stream, json.loads(tail))
            assert source.sign(message) == b64decode(json.loads(tail)["sig"])
            signed += 1
            continue
        else:
            continue
        assert source.sign(message) == data[-64:]
        signed += 1
        for name in ("batch", "beat", "void"):
            if data.hex() == example[name]["entry"]:
                assert message.hex() == example[name]["message"]
    assert signed == 11
    assert h(bytes.fromhex(example["batch"]["message"])).hex() == example["batch"]["message_hash"]


def test_keys_checkpoints_policies_and_the_receipt(
    tools: Any, example: dict[str, Any], log: list[bytes]
) -> None:
    notes, basics = tools("notes"), tools("basics")
    kept = {}
    for role, vkey in example["vkeys"].items():
        witness = role in {"w1", "w2", "auditor"}
        key = notes.Key(
            vkey.split("+")[0],
            bytes.fromhex(example["seeds"][role]),
            notes.COSIGNATURE if witness else notes.ED25519,
        )
        assert key.vkey == vkey
        kept[role] = key
    records = [basics.leaf(segment["record"].encode()) for segment in example["segments"]]
    heads = [
        ("checkpoint", "log", len(log), example["root"], ("w1", "w2")),
        ("index_checkpoint", "index-log", 2, basics.mth(records).hex(), ("w1", "w2", "auditor")),
    ]
    for name, role, size, root, witnesses in heads:
        body = notes.checkpoint_text(kept[role].name, size, bytes.fromhex(root))
        line = example[name].rstrip("\n").split("\n")[-1]
        time_s = int.from_bytes(b64decode(line.split(" ")[2])[4:12], "big")
        lines = [kept[role].line(body), *(kept[w].line(body, time_s) for w in witnesses)]
        assert notes.note(body, *lines) == example[name]
    receipt = example["receipt"]
    index = receipt["first"]
    body = tools("entries").receipt_text(
        example["origin"], index, [log[index]], tools("index").head(log[index]).recorded_us
    )
    assert notes.note(body, kept["receipt"].line(body)) == receipt["note"]


def test_runs_records_and_the_merged_run(
    tools: Any, example: dict[str, Any], log: list[bytes]
) -> None:
    index, basics = tools("index"), tools("basics")
    tree = basics.Tree(map(basics.leaf, log))
    for segment in example["segments"]:
        run = index.run(log, segment["start"], segment["end"])
        assert [leaf.hex() for leaf in run.leaves] == segment["gap_leaves"]
        assert run.tree.root().hex() == segment["run_root"]
        assert index.record(log, tree, run, example["origin"], 0) == segment["record"]
    merged = example["merged_run"]
    run = index.run(log, merged["start"], merged["end"])
    assert (len(run.leaves), run.tree.root().hex()) == (merged["gap_leaves"], merged["run_root"])


@pytest.mark.parametrize("name", BUNDLES)
def test_every_proof_of_the_example_bundles(
    name: str, tools: Any, vectors: Path, example: dict[str, Any], log: list[bytes]
) -> None:
    index, basics, notes = tools("index"), tools("basics"), tools("notes")
    data = (vectors / f"vitne_example_{name}.vitne").read_bytes()
    bundle, tree = json.loads(data), basics.Tree(map(basics.leaf, log))
    b64 = basics.b64
    runs = [index.run(log, s["start"], s["end"]) for s in example["segments"]]
    records = basics.Tree(basics.leaf(s["record"].encode()) for s in example["segments"])

    given = [i for i, _ in bundle["log"]["entries"]]
    listed = [i for i, _ in bundle["index"]["records"]]

    assert basics.jcs(bundle) == data
    assert bundle["log"]["entries"] == [[i, b64(log[i])] for i in given]
    assert bundle["log"]["path"] == list(map(b64, tree.multiproof(given)))
    link = tree.consistency(runs[listed[-1]].end, len(log))
    assert bundle["log"]["link"] == list(map(b64, link))
    assert bundle["index"]["path"] == list(map(b64, records.multiproof(listed)))
    for gaps in bundle["gaps"]:
        run, leaves = runs[gaps["record"]], [i for i, _ in gaps["leaves"]]
        assert gaps["leaves"] == [[i, b64(run.leaves[i])] for i in leaves]
        assert gaps["path"] == list(map(b64, run.tree.multiproof(leaves)))
    seal = bundle.pop("seal")
    key = notes.Key(f"{example['origin']}/receipt", bytes.fromhex(example["seeds"]["receipt"]))
    digest = b64(basics.h(basics.jcs(bundle)))
    body = f"vitne-bundle/v1\n{example['origin']}\n{digest}\n"
    assert notes.note(body, key.line(body)) == seal


# ---------------------------------------------------------------- the maker and the product


def _verify(made: Any, data: bytes) -> Any:
    texts = made.policies
    own = (parse_policy(texts["log"]), parse_policy(texts["index"])) if texts else (None, None)
    return verify_bundle(data, Policies(*own, index_secrets=made.index_secrets))


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_bundles_give_what_a_scan_of_their_log_gives(first: int, tools: Any) -> None:
    generate = tools("bundles").generate
    for seed in range(first, first + 50):
        made = generate(seed)

        answer = _verify(made, made.data)

        found = {
            "verdict": answer.verdict,
            "hits": [hit.index for hit in answer.hits],
            "reasons": sorted(reason.code for reason in answer.reasons),
            "exact": answer.exact,
            "binding": answer.binding,
            "trust": answer.trust,
            "seal": answer.seal.state,
        }
        assert found == made.expected.json(), seed


def test_no_change_leaves_a_held_seal_or_anything_but_a_named_rule(tools: Any) -> None:
    bundles = tools("bundles")
    made = [made for made in map(bundles.generate, range(12)) if made.expected.seal == "held"]
    assert len(made) >= 2

    for number in range(400):
        one, other = made[number % len(made)], made[(number + 1) % len(made)]
        changed = bundles.mutate(one.data, number, other.data)
        assert changed != one.data
        try:
            answer = _verify(one, changed)
        except VerificationError as error:
            assert error.rule  # noqa: PT017 - every failure is one of a named rule
            continue
        assert answer.seal.state != "held"
