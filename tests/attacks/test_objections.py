"""An index log that omits a posting, as an auditor finds it: every answer names the objection."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from vitne.adapters.clock import SystemClock
from vitne.core.entry import keys as key_rules
from vitne.core.index.gap import GapLeaf, Run, build_run
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.grow import Edge, grow_tree
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Verifier, open_note, sign_note
from vitne.core.tree.objection import Objection
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.types import LeafIndex, LogId, Origin, TreeSize
from vitne.services.log.keys import Logs
from vitne.settings import Settings
from vitne.wiring import folder_adapters

QUESTION = {
    "ask": "did_touch",
    "actor": "usr_3",
    "target": "customer/cus_1",
    "to": "2020-01-01",
}
"""About a period before the log, so that nothing but an objection can limit the answer."""

UP_TO_NOW = {name: value for name, value in QUESTION.items() if name != "to"}


class Audited:
    """A server whose index log an auditor must cosign, and the key of that index log."""

    def __init__(self, world: ModuleType, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.server = world.ServerProcess(folder / "data")
        key = str(folder / "a.key")
        self.vkey = world.vitne("witness", "key", "a.example", "--out", key)["vkey"]
        (folder / "index.policy").write_text(f"witness a {self.vkey}\nquorum a\n")
        adapters = folder_adapters(Settings(folder=str(folder / "data")))
        self.vault = Logs(adapters.store, adapters.vault, "")
        adapters.close()
        self.start()
        found = self.server.keys()
        (folder / "log.policy").write_text(f"log {found['log_key']}\nquorum none\n")
        self.signer = self.vault.index_signer(Origin(found["origin"]))

    def start(self) -> None:
        """Serve."""
        self.server.start(
            index_policy=self.folder / "index.policy", seal_entries=20, seal_check_ms=20
        )

    def grow(self, records: int) -> int:
        """Send events until the index log is larger; its size."""
        self.server.send(50)
        note = self.server.await_size("index/checkpoint", records + 1)
        return int(note.split("\n")[1])

    def audit(self, url: str = "", status: int = 0) -> Any:
        """Run the auditor, on the server or on whoever stands before it."""
        return self.world.vitne(
            "audit-index",
            f"{url or self.server.url}/log/acme",
            *("--policy", str(self.folder / "log.policy")),
            *("--signing-key", str(self.folder / "a.key")),
            status=status,
            VITNE_API_KEY=self.server.key,
        )

    def ask(self) -> Any:
        """The question's answer."""
        with self.server.client() as client:
            reply = client.post("/v1/answers", json=QUESTION)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def get(self, path: str) -> bytes | None:
        """A published file."""
        with self.server.client() as client:
            reply = client.get(f"/log/acme/{path}")
        return reply.content if reply.status_code == 200 else None

    def false_index(self) -> dict[str, bytes]:
        """The index log, its last record without one posting of usr_77; signed by its own key."""
        size = int((self.get("index/checkpoint") or b"").split(b"\n")[1])
        tiles = TileReader(lambda path: self.get(f"index/{path}"), TreeSize(size))
        records = list(tiles.entries(0, size))
        start, end = (int(word) for word in records[-1].split(b"\n")[2].split(b" ")[:2])
        log_size = int((self.get("checkpoint") or b"").split(b"\n")[1])
        entries = TileReader(self.get, TreeSize(log_size)).entries(start, end)
        leaves = [one.encode() for one in without_one_posting(build_run(start, entries))]
        lines = records[-1].split(b"\n")
        made = base64.b64encode(merkle_root([leaf_hash(leaf) for leaf in leaves]))
        assert len(lines[4].split(b" ")) == 2
        lines[4] = b"%d %s" % (len(leaves), made)
        records[-1] = b"\n".join(lines)
        tree = Checkpoint(
            Origin(self.signer.name),
            TreeSize(size),
            merkle_root([leaf_hash(one) for one in records]),
        )
        files = {f"index/{path}": data for path, data in grow_tree(Edge(), records).objects.items()}
        return files | {"index/checkpoint": sign_note(tree.text(), [self.signer]).encode()}


def without_one_posting(run: Run) -> list[GapLeaf]:
    """The gap leaves of a run that tells of one event fewer of its actor."""
    at = next(
        at
        for at, leaf in enumerate(run.leaves)
        if leaf.key[0] == key_rules.ACTOR and leaf.count > 1
    )
    left = run.postings[at][1:]
    false = replace(
        run.leaves[at],
        count=len(left),
        first=left[0],
        postings_root=merkle_root([leaf_hash(one.to_bytes(8, "big")) for one in left]),
    )
    return [*run.leaves[:at], false, *run.leaves[at + 1 :]]


def lying(audited: Audited, brought: list[bytes]) -> Callable[[str, bytes], tuple[int, bytes]]:
    """Answers like the server, but for another index log than it has; keeps what is brought."""
    files = audited.false_index()

    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        shown = files.get(path.removeprefix("/log/acme/"))
        if shown is not None:
            return 200, shown
        with audited.server.client() as client:
            reply = client.post(path, content=body) if body else client.get(path)
        brought.extend([body] if body else [])
        return reply.status_code, reply.content

    return answer


@pytest.fixture
def audited(world: ModuleType, tmp_path: Path) -> Iterator[Audited]:
    """A server that runs, and its auditor."""
    made = Audited(world, tmp_path)
    yield made
    made.server.stop()


def operators_events(folder: Path) -> list[tuple[str, str]]:
    """Types and results of what the operator's log of a stopped server holds."""
    adapters = folder_adapters(Settings(folder=str(folder)))
    log = LogId("vitne")
    size = LeafIndex(adapters.store.log(log).next_index)
    rows = [
        *adapters.archive.records(log, LeafIndex(0), size),
        *adapters.store.records(log, LeafIndex(0), size),
    ]
    adapters.close()
    return [(row.facets.type, row.facets.outcome) for row in rows]


def codes(answer: Any) -> list[str]:
    return [reason["code"] for reason in answer["reasons"]]


def test_an_index_that_omits_one_posting_is_objected_to_in_every_answer(
    audited: Audited,
) -> None:
    records = audited.grow(0)
    audited.audit()
    assert audited.ask()["verdict"] == "disproved"

    audited.grow(records)
    objections: list[bytes] = []
    liar = audited.world.Door(lying(audited, objections))
    told = audited.audit(liar.url, status=1)
    liar.close()

    assert told["error"]["rule"] == "record"
    found = audited.ask()
    assert (found["verdict"], codes(found)) == ("undecidable", ["limit:index_disputed"])
    (reason,) = found["reasons"]
    assert "the auditor a.example objects to the index log: record " in reason["text"]
    with audited.server.client() as client:
        assert client.get("/readyz").status_code == 200, "events must be taken all the same"

    # It outlives a restart, and ends when the same auditor finds the index log to be true.
    audited.server.stop()
    told = operators_events(audited.folder / "data")
    assert ("system.pipeline.witness_refused", "failed") in told
    audited.start()
    assert audited.ask()["verdict"] == "undecidable"
    audited.audit()
    assert audited.ask()["verdict"] == "disproved"

    # Nobody can bring it again, not even after another restart.
    audited.server.stop()
    audited.start()
    with audited.server.client() as client:
        again = client.post("/v1/logs/acme/index/objections", content=objections[0])
    assert again.status_code == 409
    assert audited.ask()["verdict"] == "disproved"


def test_whoever_has_not_cosigned_is_named_where_records_are_not_used(audited: Audited) -> None:
    records = audited.grow(0)
    audited.audit()
    audited.grow(records)

    with audited.server.client() as client:
        found = client.post("/v1/answers", json=UP_TO_NOW).json()

    assert any(
        "records of the index are not used: no cosignature by a.example" in sentence
        for sentence in found["coverage"]["sentences"]
    )


def objection(signer: Signer, origin: str, time_s: int, said: str = "record 1 is false") -> str:
    text = Objection(origin, "record", "record 1", said).text()
    return f"{text}\n{signer.sign(text, time_s)}"


def test_only_the_auditors_own_word_about_this_log_is_an_objection(audited: Audited) -> None:
    audited.grow(0)
    audited.audit()
    own = Signer.from_skey((audited.folder / "a.key").read_text().strip())
    stranger = Signer("a.example", bytes(32), own.kind)
    index, now_s = audited.signer.name, SystemClock().now_us() // 1_000_000
    bad = {
        "by a stranger's key of the same name": objection(stranger, index, now_s + 5),
        "of another log": objection(own, index.replace("acme", "beta"), now_s + 5),
        "older than its cosignature": objection(own, index, 5),
        "of a time to come": objection(own, index, now_s + 86_400),
        "no objection": f"hello\n\n{own.sign('hello' + chr(10), now_s + 5)}",
        "no note": "hello",
        "not signed": Objection(index, "record", "", "false").text(),
    }
    statuses = {}
    with audited.server.client() as client:
        for name, note in bad.items():
            reply = client.post("/v1/logs/acme/index/objections", content=note.encode())
            statuses[name] = reply.status_code
        long = client.post("/v1/logs/acme/index/objections", content=b"x" * 100_000)
    nobody = httpx.post(
        f"{audited.server.url}/v1/logs/acme/index/objections",
        content=objection(own, index, now_s + 5).encode(),
    )

    assert statuses == dict.fromkeys(bad, 400) | {"older than its cosignature": 409}
    assert [long.status_code, nobody.status_code] == [413, 401]
    assert audited.ask()["verdict"] == "disproved"


def test_an_objection_of_the_second_in_which_its_auditor_cosigned_stands(audited: Audited) -> None:
    """Which of the two came first nobody can tell; it was refused, and answers said disproved."""
    audited.grow(0)
    audited.audit()
    own = Signer.from_skey((audited.folder / "a.key").read_text().strip())
    note = (audited.get("index/checkpoint.cosigned") or b"").decode()
    cosigned_s = open_note(note, [Verifier(audited.vkey)]).verified[0].time_s
    brought = objection(own, audited.signer.name, cosigned_s).encode()

    with audited.server.client() as client:
        first = client.post("/v1/logs/acme/index/objections", content=brought)
    disputed = audited.ask()
    while SystemClock().now_us() // 1_000_000 <= cosigned_s:
        time.sleep(0.05)  # what is awaited is the next second itself
    audited.audit()
    with audited.server.client() as client:
        again = client.post("/v1/logs/acme/index/objections", content=brought)

    assert (first.status_code, again.status_code) == (200, 409)
    assert (disputed["verdict"], codes(disputed)) == ("undecidable", ["limit:index_disputed"])
    assert audited.ask()["verdict"] == "disproved"
