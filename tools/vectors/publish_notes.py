"""What `publish` says of keys, checkpoints, proofs of one entry, policies."""

from typing import Any

from .basics import ZERO, b64, inclusion
from .log import Log, seed
from .notes import COSIGNATURE, MLDSA, Key, Witnesses, checkpoint_text, note, tlog_proof
from .tour import witnesses

Document = dict[str, Any]
ABOUT = "public test keys: never trust them outside tests"


def notes(log: Log, before: Document | None) -> Document:
    """Keys of the three types, cosigned checkpoints, proofs of one entry, policies."""
    body = checkpoint_text(log.origin, len(log.entries), log.tree.root())
    now = log.times[-1] // 1_000_000
    cosigners = [
        Key("w0.example/log", seed("w0 log"), COSIGNATURE),
        Key("w3.example/log", seed("w3 log"), MLDSA),
    ]
    lines = [log.log.line(body), cosigners[0].line(body, now)]
    lines.append(_kept(before) or cosigners[1].line(body, now + 1))
    signed = note(body, *lines)
    two, times = witnesses("log", log)
    quorum = note(
        body, log.log.line(body),
        *(k.line(body, t) for k, t in zip(two.keys, times, strict=True) if t is not None),
    )  # fmt: skip
    first = min(log.told)
    proof = tlog_proof(first, inclusion(log.tree.leaves, first), quorum)
    extra = tlog_proof(first, inclusion(log.tree.leaves, first), quorum, log.entries[first])
    return {
        "about": ABOUT,
        "keys": [
            {"name": k.name, "type": k.type, "seed": k.seed.hex(), "vkey": k.vkey, "skey": k.skey}
            for k in (log.log, log.index, log.receipt, *cosigners)
        ],
        "subtree_message": cosigners[1].subtree(body, now + 1).hex(),
        "checkpoint": {"note": signed, "size": len(log.entries), "root": log.tree.root().hex(),
                       "vkeys": [log.log.vkey, *(k.vkey for k in cosigners)],
                       "times_s": [0, now, now + 1]},
        "bad_checkpoints": _bad_checkpoints(log, body, cosigners[0], now),
        "tlog_proofs": {
            "policy": two.policy(log.log), "index": first, "entry": log.entries[first].hex(),
            "quorum_time_s": two.quorum_time_s(times), "proof": proof, "with_entry": extra,
            "bad": [
                {"why": "another entry's index", "proof": extra.replace(f"index {first}", "index 0")},
                {"why": "a hash less", "proof": tlog_proof(
                    first, inclusion(log.tree.leaves, first)[1:], quorum, log.entries[first])},
                {"why": "no quorum", "proof": tlog_proof(
                    first, inclusion(log.tree.leaves, first), note(body, log.log.line(body)),
                    log.entries[first])},
                {"why": "another version", "proof": extra.replace("@v1", "@v2")},
                {"why": "CRLF", "proof": extra.replace("\n", "\r\n")},
            ],
        },
        "policies": _policies(log),
    }  # fmt: skip


def _kept(before: Document | None) -> str:
    """The ML-DSA line that is published already: a new one would have other bytes."""
    lines = before["checkpoint"]["note"].split("\n") if before else []
    return next((f"{line}\n" for line in lines if line.startswith("— w3.example/log ")), "")


def _bad_checkpoints(log: Log, body: str, cosigner: Key, now: int) -> list[Document]:
    def signed(text_: str, key: Key = log.log) -> str:
        return note(text_, key.line(text_))

    size = len(log.entries)
    good, other = signed(body), note(body, log.log.line(body.replace(f"{size}", f"{size - 1}", 1)))
    stranger = Key(log.origin, seed("stranger"))
    bad = {
        "the signature is over another text": other,
        "nobody's key": signed(body, stranger),
        "no signature": body + "\n",
        "an extension line": signed(body + "more\n"),
        "a zero in front of the size": signed(body.replace(f"\n{size}\n", f"\n0{size}\n")),
        "a sign in front of the size": signed(body.replace(f"\n{size}\n", f"\n+{size}\n")),
        "a root of 31 bytes": signed(f"{log.origin}\n{size}\n{b64(bytes(31))}\n"),
        "another origin": signed(body.replace("/tour", "/else")),
        "CRLF": good.replace("\n", "\r\n"),
        "a byte order mark": "\ufeff" + good,
        "a hyphen for the dash": good.replace("—", "-"),
        "a known cosignature that fails": note(
            body, log.log.line(body), cosigner.line(checkpoint_text(log.origin, 1, ZERO), now)
        ),
        "101 signatures": note(body, *[log.log.line(body)] * 101),
        "no last line end": good[:-1],
    }
    return [{"why": why, "note": text_} for why, text_ in bad.items()]


def _policies(log: Log) -> Document:
    keys = tuple(Key(f"w{i}.example/log", seed(f"w{i} log"), COSIGNATURE) for i in range(3))
    names = [key.name for key in keys]
    good = [
        {
            "text": Witnesses(keys[:count], quorum).policy(log.log),
            "cases": [
                {"times_s": dict(zip(names, times, strict=False)),
                 "quorum_time_s": Witnesses(keys[:count], quorum).quorum_time_s(times)}
                for times in ([7, 5, 6][:count], [4, 9, 4][:count])
            ],
        }
        for count, quorum in ((1, "any"), (2, "all"), (3, "any"), (3, "2"), (3, "3"))
    ]  # fmt: skip
    two = Witnesses(keys[:2], "all").policy(log.log)
    bad = {
        "no quorum": two.replace("quorum enough\n", ""),
        "two quorums": two + "quorum none\n",
        "an unknown member": two.replace("all w0 w1", "all w0 w7"),
        "a member twice": two.replace("all w0 w1", "all w0 w0"),
        "a key twice": two.replace("witness w1", f"witness w9 {keys[0].vkey}\nwitness w1"),
        "a name twice": two + f"witness w0 {keys[2].vkey}\n",
        "more than there are": two.replace("all w0 w1", "3 w0 w1"),
        "a threshold of 0": two.replace("all w0 w1", "0 w0 w1"),
        "an unknown word": two + "trust w0\n",
        "a vkey of another id": two.replace(keys[0].id.hex(), "00000000"),
        "used before it is defined": "quorum enough\n" + two.replace("quorum enough\n", ""),
    }
    return {"good": good, "bad": [{"why": why, "text": text_} for why, text_ in bad.items()]}
