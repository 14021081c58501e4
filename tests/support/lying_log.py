"""A log that lies in its index: ways to lie, and the mirror in which an auditor reads it.

The log is one in memory whose operator holds every key; what it publishes is written into a folder
as a mirror would have it, and the auditor is the command itself.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vitne.cli.base.app import run
from vitne.core.entry import keys
from vitne.core.tree.grow import Edge, grow_tree
from vitne.core.tree.merkle import leaf_hash, merkle_root

CULPRIT = ("https://id.example", "usr_1")


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
            found = grow_tree(Edge(), leaves).objects
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


def replaced(struct: Any, **changes: Any) -> Any:
    """The struct with other values."""
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
        made = merkle_root([leaf_hash(one.to_bytes(8, "big")) for one in left])
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
    """All but the first entries, and what is covered."""
    return log.recorded(5), log.recorded(log.covered - 1) + 1


def asked(log: Any, kind: int = keys.ACTOR, parts: tuple[str, ...] = CULPRIT) -> bytes:
    """The lookup key of a question."""
    key: bytes = log.ask(kind, parts, *period(log)).question.keys[0].key
    return key


LIES: dict[str, Callable[[bytes], Callable[[Any], None]]] = {
    "omitted posting": lambda key: drop_posting(key, 0),
    "skipped key": skip_key,
    "overlapping gaps": overlap,
}
