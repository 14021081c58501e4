"""Fraud proofs (`vitne-fraud/v1`): logs whose index hides an entry, and what convicts them."""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from .basics import Tree, b64, inclusion, jcs, leaf, u
from .entries import CONFIG, control
from .export import Export
from .index import Run, keys_of, record, run
from .log import Log
from .notes import Key
from .tour import calm_log, choices

Document = dict[str, Any]


def cases() -> Document:
    """Proofs that hold, and proofs that break each rule."""
    log = calm_log()
    export = Export(log, choices(log))
    policies = {
        "log": export.c.log_witnesses.policy(log.log),
        "index": export.c.index_witnesses.policy(log.index),
    }
    good, honest = [], export.log.runs[1]
    skipped, omitted, outside = _hidden(log)
    for why, (index, key, windowed) in {
        "the run skips the key": (skipped[0], skipped[1], False),
        "a posting is left out in the middle": (omitted[0], omitted[1], True),
        "the first posting is left out": (outside[0], outside[1], False),
    }.items():
        lie = _without(log, honest[1], index)
        kind = "skipped" if why.startswith("the run") else "omitted"
        proof = _proof(export, lie, index, key, windowed=windowed)
        good.append({"why": why, "kind": kind, "entry": index, "proof": jcs(proof).decode()})
    lie = _without(log, honest[1], omitted[0])
    proof = _proof(export, lie, omitted[0], omitted[1], windowed=True)
    truth = _proof(export, honest[1], omitted[0], omitted[1], windowed=True)
    return {
        "policies": policies,
        "proofs": good,
        "bad": [
            {"rule": rule, "proof": text}
            for rule, text in _broken(proof, truth, log.receipt).items()
        ],
    }


def _hidden(log: Log) -> list[tuple[int, bytes]]:
    """Of the second run: an entry with a key of its own; one in the midst of a key; a first one."""
    made = log.runs[1][1]
    alone = next(p for p in made.postings if len(p) == 1 and p[0] in log.told)
    many = max((p for p in made.postings if set(p) <= set(log.told)), key=len)
    keys = [data[8:25] for data in made.leaves]
    return [
        (alone[0], keys[made.postings.index(alone)]),
        (many[2], keys[made.postings.index(many)]),
        (many[0], keys[made.postings.index(many)]),
    ]


def _without(log: Log, honest: Run, index: int) -> Run:
    """The run, made as if something else stood there."""
    changed = list(log.entries)
    changed[index] = control(CONFIG, log.times[index], {"value": {}, "what": "nothing"})
    return run(changed, honest.start, honest.end)


def _proof(export: Export, lie: Run, index: int, key: bytes, *, windowed: bool) -> Document:
    log, c = export.log, export.c
    texts = [text for _, _, text in log.runs]
    texts[1] = record(log.entries, log.tree, lie, log.origin, 0)
    tree = Tree(leaf(text.encode()) for text in texts)
    position = lie.answer(key)
    found: Document = {
        "format": "vitne-fraud/v1",
        "origin": log.origin,
        "key": b64(key),
        "log": {
            "checkpoint": export.note(log.log, log.tree, c.log_witnesses, c.log_times),
            "index": index,
            "entry": b64(log.entries[index]),
            "path": list(map(b64, inclusion(log.tree.leaves, index))),
        },
        "index": {
            "checkpoint": export.note(log.index, tree, c.index_witnesses, c.index_times),
            "records": [[1, b64(texts[1].encode())]],
            "path": list(map(b64, tree.multiproof([1]))),
        },
        "gap": {
            "record": 1,
            "leaves": [[position, b64(lie.leaves[position])]],
            "path": list(map(b64, lie.tree.multiproof([position]))),
        },
    }
    assert key in keys_of(log.entries[index])
    if windowed:
        items = lie.postings[position]
        first = max(0, sum(i < index for i in items) - 1)
        shown = items[first : first + 2]
        postings = Tree(leaf(u(8, i)) for i in items)
        path = postings.multiproof(range(first, first + len(shown)))
        found["postings"] = {
            "leaf": position, "from": first, "items": shown, "path": list(map(b64, path)),
        }  # fmt: skip
    return found


def _broken(proof: Document, truth: Document, stranger: Key) -> dict[str, str]:
    def changed(change: Callable[[Document], None]) -> str:
        document = json.loads(jcs(proof))
        change(document)
        return jcs(document).decode()

    def flip(member: str) -> Callable[[Document], None]:
        def change(document: Document) -> None:
            raw = bytearray(b64decode(document[member]["path"][0]))
            raw[0] ^= 1
            document[member]["path"][0] = b64(bytes(raw))

        return change

    def unsigned(member: str) -> Callable[[Document], None]:
        def change(document: Document) -> None:
            text = document[member]["checkpoint"].partition("\n\n")[0] + "\n"
            document[member]["checkpoint"] = f"{text}\n{stranger.line(text)}"

        return change

    return {
        "form": changed(lambda d: d.update(more=1)),
        "log_head": changed(unsigned("log")),
        "index_head": changed(unsigned("index")),
        "entry": changed(flip("log")),
        "record": changed(flip("index")),
        "gap": changed(flip("gap")),
        "contradiction": jcs(truth).decode(),
    }
