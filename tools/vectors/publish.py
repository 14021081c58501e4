"""Write docs/spec/vectors: `python -m tools.vectors.publish [FOLDER]`, from the checkout's root.

Everything but ML-DSA signatures, which are randomised, is a function of this code: a second run
writes the same bytes.
"""

import json
import sys
from pathlib import Path
from typing import Any

from . import fraud
from .basics import Tree, b64, consistency, h, inclusion, jcs, leaf, mth, multiproof, u
from .bundles import generate, generated, mutate
from .entries import (
    BATCH,
    BEAT,
    CONFIG,
    EVENT,
    KEY,
    SECTIONS,
    STREAM,
    VOID,
    batch_message,
    beat_message,
    commitment,
    entry,
    index_key,
    key_commit,
    open_message,
    public_secret,
    receipt_text,
    salt,
    secrets_of,
    sender_view,
    value_key,
    void_message,
)  # fmt: skip
from .index import head
from .log import ISSUER, Log, seed
from .notes import Key, note
from .publish_notes import notes
from .tour import broken, tour_log, verdicts, wrong_index_key

Document = dict[str, Any]
HERE = Path("docs/spec/vectors")
ABOUT = "public test keys: never trust them outside tests"


def entries(log: Log) -> Document:
    """Every entry of the tour, and bytes that are none."""
    good = [
        {"index": i, "type": head(data).type, "entry": data.hex(), "leaf": leaf(data).hex()}
        for i, data in enumerate(log.entries)
    ]
    event = next(data for data in log.entries if head(data).type == EVENT)
    return {
        "about": ABOUT, "origin": log.origin, "entries": good, "root": log.tree.root().hex(),
        "roots": [log.tree.root(0, size).hex() for size in range(len(log.entries) + 1)],
        "bad": [{"why": why, "entry": data.hex()} for why, data in _bad_entries(event)],
    }  # fmt: skip


def _bad_entries(event: bytes) -> list[tuple[str, bytes]]:
    it = head(event)
    keys = [event[50 + 17 * i : 67 + 17 * i] for i in range(it.count)]
    root = event[-32:]

    def made(keys: list[bytes], **changes: Any) -> bytes:
        values = {"flags": it.flags, "epoch": it.epoch, "tail": root} | changes
        return entry(EVENT, it.recorded_us, it.occurred_us, it.stream, it.seq, keys=keys, **values)

    def json_entry(tail: bytes, type_: int = CONFIG) -> bytes:
        return entry(type_, 1, 1, tail=tail)

    twice = b'{"value":{},"what":"a","what":"b"}'
    deep = b'{"value":{"a":' + b"[" * 40 + b"]" * 40 + b'},"what":"a"}'
    beat = entry(BEAT, 5, 5, it.stream, 1, tail=b"\0" + bytes(96))
    vkey = Key("n", seed("n")).vkey
    key = {"name": "n", "role": "source", "state": "add", "vkey": vkey}
    return [
        ("another magic", b"vit2" + event[4:]),
        ("shorter than a header", event[:49]),
        ("a byte short", event[:-1]),
        ("a byte long", event + b"\0"),
        ("flag 16", made(keys, flags=16)),
        ("recorded_us of 0", event[:10] + bytes(8) + event[18:]),
        ("recorded_us above 2^53 - 1", event[:10] + u(8, 2**53) + event[18:]),
        ("keys descending", made(keys[::-1])),
        ("a key twice", made([keys[0], *keys])),
        ("a key of kind 4", made(sorted([*keys, b"\x04" + it.stream]))),
        ("a key of kind 8", made(sorted([*keys, b"\x08" + bytes(16)]))),
        ("a key of kind 0", made(sorted([*keys, bytes(17)]))),
        ("no event type", made([k for k in keys if k[0] != 5])),
        ("two actors", made(sorted([*keys, b"\x01" + bytes(16)]))),
        ("actor times target is wanting", made([k for k in keys if k[0] != 3])),
        ("no keys at all", made([])),
        ("stream number 0", event[:42] + bytes(8) + event[50:]),
        ("a batch with a key epoch", entry(BATCH, 5, 5, it.stream, 1, epoch=1, tail=bytes(136))),
        ("a batch of another length", entry(BATCH, 5, 5, it.stream, 1, tail=bytes(135))),
        ("a batch that begins after its end",
         entry(BATCH, 5, 5, it.stream, 1, tail=u(8, 2) + bytes(128))),
        ("a beat of state 3", beat[:50] + b"\3" + beat[51:]),
        ("a void without numbers", entry(VOID, 5, 5, it.stream, 1, tail=u(8, 2) + b"\1" + bytes(96))),
        ("a control entry with a stream", entry(CONFIG, 1, 1, it.stream, tail=b'{"value":{},"what":"a"}')),
        ("a control entry of two times", entry(CONFIG, 1, 2, tail=b'{"value":{},"what":"a"}')),
        ("JSON with a space", json_entry(b'{"value":{}, "what":"a"}')),
        ("a name twice", json_entry(twice)),
        ("names out of order", json_entry(b'{"what":"a","value":{}}')),
        ("a float", json_entry(b'{"value":{"a":1.0},"what":"a"}')),
        ("an integer of 2^53", json_entry(b'{"value":{"a":9007199254740992},"what":"a"}')),
        ("forty levels", json_entry(deep)),
        ("a lone surrogate", json_entry(b'{"value":{"a":"\\ud800"},"what":"a"}')),
        ("text that is not NFC", json_entry('{"value":{"a":"e\u0301"},"what":"a"}'.encode())),
        ("an unknown member", json_entry(b'{"more":1,"value":{},"what":"a"}')),
        ("a member is wanting", json_entry(b'{"value":{}}')),
        ("no object", json_entry(b"[]")),
        ("a key entry of an unknown role", json_entry(jcs(key | {"role": "nobody"}), KEY)),
        ("a key entry whose vkey has another id",
         json_entry(jcs(key | {"vkey": vkey.replace("+", "+0", 1)[:-1]}), KEY)),
        ("base64 that is not canonical",
         json_entry(b'{"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=","what":"a"}')),
    ]  # fmt: skip


def sections(log: Log) -> Document:
    """Salts, leaves, commitments and roots of every event of the tour."""
    found = []
    for told in log.told.values():
        parts = {
            name: {
                "json": jcs(value).decode(),
                "salt": salt(told.record_key, name).hex(),
                "leaf": told.leaf(name).hex(),
            }
            for name, value in sorted(told.parts.items())
        }
        found.append(
            {
                "index": told.index,
                "record_key": told.record_key.hex(),
                "parts": parts,
                "commitments": {
                    s: commitment(
                        told.leaf(s),
                        told.leaf(f"{s}.record") if f"{s}.record" in told.parts else None,
                    ).hex()
                    for s in SECTIONS
                },
                "body_root": told.body_root().hex(),
                "sender_root": told.sender_root().hex(),
                "erased": told.erased,
            }
        )
    return {"origin": log.origin, "events": found}


def keys(log: Log) -> Document:
    """Secrets and keys of each kind, with two epochs."""
    values = {
        1: (ISSUER, "usr_1"), 2: ("customer", "cus_1"), 3: (ISSUER, "usr_1", "customer", "cus_1"),
        5: ("crm.customer.viewed",), 6: ("act_1",),
    }  # fmt: skip
    more = [(1, ("", "usr_1")), (2, ("kunde", "Ærlig")), (2, ("order", "*"))]
    return {
        "about": ABOUT,
        "origin": log.origin,
        "index_keys": {
            str(epoch): {"key": key.hex(), "commit": key_commit(key).hex()}
            for epoch, key in log.K.items()
        },
        "values": [
            {
                "epoch": epoch, "kind": kind, "parts": list(parts),
                "secrets": [s.hex() for s in secrets_of(key, kind, parts)],
                "key": value_key(key, kind, parts).hex(),
            }
            for epoch, key in log.K.items()
            for kind, parts in [*values.items(), *more]
        ],
        "pseudo_target": {
            "type": "order", "secret": public_secret(("order", "*")).hex(),
            "key": index_key(2, public_secret(("order", "*"))).hex(),
        },
        "streams": [
            {"source": s.source, "name": s.name, "stream_id": s.id.hex()} for s in log.streams
        ],
    }  # fmt: skip


def sending(log: Log) -> Document:
    """What senders sign: messages, views and signatures of the tour."""
    by_id = {stream.id: stream for stream in log.streams}
    signed = []
    for index, data in enumerate(log.entries):
        it = head(data)
        if it.type not in (BATCH, BEAT, VOID, STREAM):
            continue
        stream = by_id[it.stream]
        tail = json.loads(data[50:]) if it.type == STREAM else {}
        first = int.from_bytes(data[50:58], "big")
        message = {
            BATCH: lambda: batch_message(
                log.origin, it.stream, first, it.seq, data[58:90], data[90:122]
            ),
            BEAT: lambda: beat_message(
                log.origin, it.stream, it.seq, it.occurred_us, data[50], data[51:83]
            ),
            VOID: lambda: void_message(log.origin, it.stream, first, it.seq, data[58], data[59:91]),
            STREAM: lambda: open_message(log.origin, it.stream, tail),
        }[it.type]()
        by_log = tail.get("mode") == "none" or data[-64:] == bytes(64)
        signed.append(
            {
                "index": index, "message": message.hex(), "hash": h(message).hex(),
                "signed": not by_log, "key": log.source_key(stream.source).vkey,
            }
        )  # fmt: skip
    views = [
        {
            "index": i, "mode": mode, "batch": told.signed.batch if told.signed else None,
            "view": sender_view(log.entries[i], told.sender_root(), mode).hex(),
        }
        for i, told in log.told.items()
        for mode in ("full", "body")
        if told.stream.mode == mode
    ]  # fmt: skip
    return {"about": ABOUT, "origin": log.origin, "signed": signed, "views": views}


def index(log: Log) -> Document:
    """Runs, gap leaves, records; what is neither."""
    tree = Tree(leaf(text.encode()) for _, _, text in log.runs)
    runs = [
        {
            "level": level, "start": run.start, "end": run.end, "run_root": run.tree.root().hex(),
            "gap_leaves": [data.hex() for data in run.leaves], "record": text,
        }
        for level, run, text in log.runs
    ]  # fmt: skip
    record, gap = log.runs[0][2], log.runs[0][1].leaves[1]
    lines = record.split("\n")

    def line(number: int, value: str) -> str:
        return "\n".join([*lines[:number], value, *lines[number + 1 :]])

    bad_records = {
        "another version": line(0, "vitne-index/v2"),
        "an origin in capitals": line(1, "Vectors.example/log/tour"),
        "start at its end": line(2, "0 5 5"),
        "a number with a zero in front": line(2, "0 00 5"),
        "two spaces": line(2, "0 0  5"),
        "a root of 31 bytes": line(3, b64(bytes(31))),
        "times descending": line(5, "5 4 0 0"),
        "more than 2^53 - 1": line(7, "9007199254740992 0 0 0 0 0"),
        "five counts": line(7, "1 0 0 0 0"),
        "a line more": record + "x\n",
        "no last line end": record[:-1],
        "CRLF": record.replace("\n", "\r\n"),
    }
    bad_gaps = {
        "another magic": b"vitgapl2" + gap[8:],
        "a byte short": gap[:-1],
        "key not below next": gap[:8] + gap[25:42] + gap[8:25] + gap[42:],
        "no postings, no sentinel": gap[:42] + bytes(4) + gap[46:],
        "numbers where none are": gap[:62] + u(8, 1) + u(8, 1) + u(4, 1) + gap[82:],
        "first after last": gap[:46] + u(8, 9) + u(8, 1) + gap[62:],
    }
    return {
        "origin": log.origin, "runs": runs, "index_root": tree.root().hex(),
        "bad_records": [{"why": w, "record": r} for w, r in bad_records.items()],
        "bad_gap_leaves": [{"why": w, "gap_leaf": g.hex()} for w, g in bad_gaps.items()],
    }  # fmt: skip


def proofs(log: Log) -> Document:
    """Inclusion, consistency and multiproofs over the leaves of the tour."""
    leaves = log.tree.leaves
    sizes = [1, 2, 3, 7, 8, 13]
    wanted = [[0], [0, 1], [3, 4, 11], list(range(13)), [12], []]
    return {
        "leaves": [one.hex() for one in leaves[:13]],
        "inclusion": [
            {"size": n, "index": i, "path": [x.hex() for x in inclusion(leaves[:n], i)]}
            for n in sizes
            for i in range(n)
        ],
        "consistency": [
            {"old": m, "new": n, "path": [x.hex() for x in consistency(leaves[:n], m)]}
            for n in sizes
            for m in range(1, n + 1)
        ],
        "multiproof": [
            {
                "size": 13,
                "wanted": some,
                "path": [x.hex() for x in multiproof(leaves[:13], some)],
                "root": mth(leaves[:13]).hex(),
            }
            for some in wanted
        ],
    }


def receipts(log: Log) -> Document:
    """Two receipts and their entries; notes that are none."""
    key = log.receipt
    first = min(log.told)
    good = []
    for start, count in ((first, 1), (first, 5)):
        body = receipt_text(
            log.origin, start, log.entries[start : start + count], log.times[start + count - 1]
        )
        good.append({"first": start, "count": count, "note": note(body, key.line(body))})
    body = receipt_text(log.origin, first, log.entries[first : first + 1], log.times[first])

    def signed(text_: str, signer: Key = key) -> str:
        return note(text_, signer.line(text_))

    bad = {
        "count of 0": signed(body.replace(f"{first} 1\n", f"{first} 0\n")),
        "a zero in front": signed(body.replace(f"{first} 1\n", f"0{first} 1\n")),
        "an extension line": signed(body + "more\n"),
        "another version": signed(body.replace("/v1", "/v2")),
        "a time of 0": signed(body.replace(f"{log.times[first]}\n", "0\n")),
        "the log's own key": signed(body, log.log),
        "another text under the signature": note(
            body.replace(f"{first} 1\n", f"{first + 1} 1\n"), key.line(body)
        ),
    }
    return {
        "about": ABOUT, "origin": log.origin, "vkey": key.vkey, "receipts": good,
        "bad": [{"why": why, "note": text_} for why, text_ in bad.items()],
    }  # fmt: skip


def bundles() -> dict[str, bytes]:
    """The files of the folder `bundles`, and what they must give."""
    files: dict[str, bytes] = {}
    expected: list[Document] = []
    for name, export in verdicts().items():
        made = generated(export)
        files[f"{name}.vitne"] = made.data
        expected.append(
            {
                "file": f"{name}.vitne", "policies": made.policies,
                "index_keys": {str(e): k.hex() for e, k in made.index_secrets.items()},
                **made.expected.json(),
            }
        )  # fmt: skip
    for rule, data in broken().items():
        given = wrong_index_key() if rule == "binding" else {}
        files[f"broken-{rule.replace('_', '-')}.vitne"] = data
        expected.append(
            {
                "file": f"broken-{rule.replace('_', '-')}.vitne", "policies": None,
                "index_keys": {str(e): k.hex() for e, k in given.items()},
                "verdict": "invalid", "rule": rule,
            }
        )  # fmt: skip
    files["expected.json"] = pretty({"about": ABOUT, "bundles": expected})
    return files


def seeds() -> Document:
    """Digests of generated bundles and mutations, to see that a maker is this one."""
    return {
        "generate": [
            {"seed": s, "sha256": h(made.data).hex(), **made.expected.json()}
            for s in range(20)
            for made in [generate(s)]
        ],
        "mutate": [
            {"seed": s, "of": 0, "sha256": h(mutate(generate(0).data, s)).hex()} for s in range(10)
        ],
    }


def pretty(document: Document) -> bytes:
    """JSON for people and diffs."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def files(before: Document | None = None) -> dict[str, bytes]:
    """Every file by its path in the folder; `before`: notes.json as published."""
    log = tour_log()
    made = {
        "entries.json": entries(log), "sections.json": sections(log), "keys.json": keys(log),
        "sending.json": sending(log), "index.json": index(log), "proofs.json": proofs(log),
        "receipts.json": receipts(log), "notes.json": notes(log, before), "seeds.json": seeds(),
        "fraud.json": fraud.cases(),
    }  # fmt: skip
    return {name: pretty(document) for name, document in made.items()} | {
        f"bundles/{name}": data for name, data in bundles().items()
    }


def main(folder: Path) -> None:
    """Write them."""
    old = folder / "notes.json"
    for name, data in files(json.loads(old.read_text()) if old.exists() else None).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{len(data):>8,}  {name}")  # noqa: T201 - a command


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
