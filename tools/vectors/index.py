"""Gap leaves, runs, records of the index log and their six counts (§5), by their definitions."""

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack, unpack

from .basics import Tree, b64, h, leaf, mth, u
from .entries import BATCH, BEAT, EVENT, OVERFLOW, STREAM, VOID

FIRST, LAST = bytes(17), b"\xff" * 17


@dataclass(frozen=True)
class Head:
    """Header of an entry."""

    type: int
    flags: int
    epoch: int
    count: int
    recorded_us: int
    occurred_us: int
    stream: bytes
    seq: int


def head(data: bytes) -> Head:
    """Read it."""
    return Head(*unpack(">BBHHQQ16sQ", data[4:50]))


def keys_of(data: bytes) -> list[bytes]:
    """Stored and implied keys, 17 bytes each."""
    it = head(data)
    if it.type == EVENT:
        stored = [data[50 + 17 * i : 67 + 17 * i] for i in range(it.count)]
        return [*stored, b"\x04" + it.stream]
    by_type = b"\x08" + u(1, it.type) + bytes(15)
    return [by_type, b"\x07" + it.stream] if BATCH <= it.type <= STREAM else [by_type]


@dataclass
class Run:
    """The gap leaves of entries [start, end), with the postings of each."""

    start: int
    end: int
    leaves: list[bytes]
    postings: list[list[int]]
    tree: Tree

    def answer(self, key: bytes) -> int:
        """Position of the leaf with its key <= key < its next."""
        (found,) = [
            i for i, data in enumerate(self.leaves) if data[8:25] <= key < data[25:42]
        ]  # exactly one, whatever the key
        return found


def run(entries: Sequence[bytes], start: int, end: int) -> Run:
    """Gap leaves of a stretch of the log."""
    held: dict[bytes, list[int]] = {}
    numbers: dict[bytes, list[int]] = {}
    for index in range(start, end):
        for key in keys_of(entries[index]):
            held.setdefault(key, []).append(index)
            if key[0] in (4, 7):
                numbers.setdefault(key, []).append(head(entries[index]).seq)
    ordered = sorted(held)
    nexts = [*ordered, LAST]
    leaves = [
        pack(">8s17s17sIQQQQI32s", b"vitgapl1", FIRST, nexts[0], 0, 0, 0, 0, 0, 0, h(b""))
    ]  # the sentinel
    for key, following in zip(ordered, nexts[1:], strict=True):
        indices, seqs = held[key], numbers.get(key, [])
        numbered = (min(seqs), max(seqs), len(set(seqs))) if seqs else (0, 0, 0)
        root = mth([leaf(u(8, i)) for i in indices])
        leaves.append(
            pack(
                ">8s17s17sIQQQQI32s", b"vitgapl1", key, following, len(indices), indices[0],
                indices[-1], *numbered, root,
            )
        )  # fmt: skip
    return Run(start, end, leaves, [[], *(held[k] for k in ordered)], Tree(map(leaf, leaves)))


@dataclass(frozen=True)
class Counted:
    """What is wrong with one stream."""

    stream: bytes
    source: str
    open: int
    silent: int
    abandoned: int
    missing: int
    voided: int


def count_streams(entries: Sequence[bytes], end: int) -> list[Counted]:
    """Of every stream registered in entries [0, end) (§5.3)."""
    heads = [head(data) for data in entries[:end]]
    found = []
    opened = {it.stream: i for i, it in enumerate(heads) if it.type == STREAM}
    tails = {s: json.loads(entries[i][50:]) for s, i in opened.items()}
    followed = {b64decode(t["prev"]): t["prev_last"] for t in tails.values() if "prev" in t}
    now_us = heads[-1].recorded_us if heads else 0
    for stream, tail in tails.items():
        mine = [(it, data) for it, data in zip(heads, entries, strict=False) if it.stream == stream]
        events = {it.seq for it, _ in mine if it.type == EVENT}
        voids = [
            (int.from_bytes(d[50:58], "big"), it.seq, d[58]) for it, d in mine if it.type == VOID
        ]
        states = {d[50] for it, d in mine if it.type == BEAT}
        voided = {n for first, last, _ in voids for n in range(first, last + 1)}
        lost = {n for first, last, why in voids if why != 3 for n in range(first, last + 1)}
        largest = max([it.seq for it, _ in mine] + [followed.get(stream, 0)])
        open_ = not states & {1, 2} and stream not in followed
        newest_us = max(it.recorded_us for it, _ in mine)
        silent = open_ and tail["beat_s"] and now_us - newest_us > 3_000_000 * tail["beat_s"]
        found.append(
            Counted(
                stream,
                tail["source"],
                int(open_),
                int(bool(silent)),
                int(2 in states),
                largest - len(events | voided),
                len(lost - events),
            )
        )
    return found


def record(entries: Sequence[bytes], tree: Tree, run_: Run, origin: str, level: int) -> str:
    """The record of a run in the index log."""
    heads = [head(data) for data in entries[run_.start : run_.end]]
    events = [it for it in heads if it.type == EVENT]
    times = [it.occurred_us for it in events] or [0]
    epochs = [it.epoch for it in events] or [0]
    overflow = sum(1 for it in events if it.flags & OVERFLOW)
    counted = count_streams(entries, run_.end)
    sums = [
        len(counted),
        *(
            sum(getattr(one, name) for one in counted)
            for name in ("open", "silent", "abandoned", "missing", "voided")
        ),
    ]
    return (
        f"vitne-index/v1\n{origin}\n{level} {run_.start} {run_.end}\n"
        f"{b64(tree.root(0, run_.end))}\n{len(run_.leaves)} {b64(run_.tree.root())}\n"
        f"{heads[0].recorded_us} {heads[-1].recorded_us} {min(times)} {max(times)}\n"
        f"{min(epochs)} {max(epochs)} {overflow}\n{' '.join(map(str, sums))}\n"
    )
