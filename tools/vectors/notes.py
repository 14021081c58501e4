"""Signed notes, keys, checkpoints, cosignatures, policies and proofs of C2SP (§2)."""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from .basics import b64, h, text, u

ED25519, COSIGNATURE, MLDSA = 1, 4, 6


@dataclass(frozen=True)
class Key:
    """A named key of one type, from its seed."""

    name: str
    seed: bytes
    type: int = ED25519

    @property
    def private(self) -> Ed25519PrivateKey:
        """The Ed25519 key."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        """32 bytes, or 1,312 of ML-DSA-44."""
        if self.type == MLDSA:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed).public_key().public_bytes_raw()
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        """key_id."""
        return h(self.name.encode() + b"\n" + u(1, self.type) + self.public)[:4]

    @property
    def vkey(self) -> str:
        """The verifier key."""
        return f"{self.name}+{self.id.hex()}+{b64(u(1, self.type) + self.public)}"

    @property
    def skey(self) -> str:
        """The key file's text, in Go's convention."""
        return f"PRIVATE+KEY+{self.name}+{self.id.hex()}+{b64(u(1, self.type) + self.seed)}"

    def sign(self, message: bytes) -> bytes:
        """A bare Ed25519 signature."""
        return self.private.sign(message)

    def line(self, body: str, time_s: int = 0) -> str:
        """A signature line under a text; cosignatures of a checkpoint need a time."""
        if self.type == ED25519:
            signature = self.sign(body.encode())
        elif self.type == COSIGNATURE:
            signature = u(8, time_s) + self.sign(f"cosignature/v1\ntime {time_s}\n{body}".encode())
        else:
            key = MLDSA44PrivateKey.from_seed_bytes(self.seed)
            signature = u(8, time_s) + key.sign(self.subtree(body, time_s))
        return f"— {self.name} {b64(self.id + signature)}\n"

    def subtree(self, body: str, time_s: int) -> bytes:
        """The message of a 0x06 cosignature (§2.3)."""
        origin, size, root = body.split("\n")[:3]
        head = b"subtree/v1\n\0" + text(self.name) + u(8, time_s) + text(origin)
        return head + u(8, 0) + u(8, int(size)) + b64decode(root)


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Text of a checkpoint."""
    return f"{origin}\n{size}\n{b64(root)}\n"


def note(body: str, *lines: str) -> str:
    """A signed note."""
    return f"{body}\n{''.join(lines)}"


def tlog_proof(index: int, path: Sequence[bytes], checkpoint: str, extra: bytes = b"") -> str:
    """One entry's proof (§2.6)."""
    more = f"extra {b64(extra)}\n" if extra else ""
    head = f"c2sp.org/tlog-proof@v1\n{more}index {index}\n"
    return head + "".join(f"{b64(item)}\n" for item in path) + "\n" + checkpoint


@dataclass(frozen=True)
class Witnesses:
    """A policy's witnesses and quorum."""

    keys: tuple[Key, ...] = ()
    quorum: str = "none"
    """`none`, `any`, `all`, or a number of them."""

    def policy(self, log: Key) -> str:
        """The policy of one log."""
        lines = [f"log {log.vkey}"]
        names = [f"w{i}" for i in range(len(self.keys))]
        lines += [f"witness {n} {k.vkey}" for n, k in zip(names, self.keys, strict=True)]
        if self.quorum != "none":
            lines.append(f"group enough {self.quorum} {' '.join(names)}")
        return "\n".join([*lines, f"quorum {'none' if self.quorum == 'none' else 'enough'}", ""])

    def quorum_time_s(self, times: Sequence[int | None]) -> int | None:
        """Smallest t for which the cosignatures up to t meet the quorum; None without one."""
        given = sorted(t for t in times if t is not None)
        if self.quorum == "none":
            return None
        need = {"any": 1, "all": len(self.keys)}.get(self.quorum) or int(self.quorum)
        return given[need - 1]
