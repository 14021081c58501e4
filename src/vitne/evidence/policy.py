"""Whose keys to trust, and how many witnesses: C2SP tlog-policy (transparency-log §2.7).

    log <vkey> [url]                       a log whose checkpoints are accepted
    witness <name> <vkey> [url]            a witness
    group <name> any|all|<k> <members>     k of the members, which are witnesses or groups
    quorum <name>|none                     what a checkpoint needs beside its log's signature

`#` begins a comment line. Names are defined before they are used; no key occurs twice.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from vitne.core.tree.note import Verified, Verifier
from vitne.core.tree.signature import COSIGNATURE, ED25519, MLDSA_COSIGNATURE
from vitne.errors import BadInputError, DecodeError, VerificationError

MAX_POLICY_BYTES = 1 << 20
_NONE = "none"
_COUNT = re.compile("[1-9][0-9]{0,3}", re.ASCII)
_BLANK = re.compile("[ \t]+")


class _Group(Struct, frozen=True):
    threshold: int
    members: tuple[str, ...]


class Policy(Struct, frozen=True):
    """Trusted logs and witnesses, and the quorum."""

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    groups: Mapping[str, _Group]
    quorum: str
    """Name of a witness or group; `"none"`: the log's own signature is enough."""
    urls: Mapping[str, str] = {}
    """Where witnesses are asked, by name; those without an address are not in it."""

    def log(self, origin: str) -> tuple[Verifier, ...]:
        """The trusted keys of one log."""
        return tuple(log for log in self.logs if log.name == origin)

    def quorum_time_of(self, signed: Iterable[Verified]) -> int | None:
        """When the quorum was met: the smallest t for which cosignatures up to t suffice.

        Two keys of one name do not count for each other.

        Args:
            signed: by witnesses of this policy; others are passed over.

        Returns:
            Seconds since 1970; None for the quorum `none`.

        Raises:
            VerificationError: the quorum is not met.
        """
        if self.quorum == _NONE:
            return None
        found = list(signed)
        times_s: dict[str, int] = {}
        for name, witness in self.witnesses.items():
            own = [one.time_s for one in found if one.verifier is witness]
            if own:
                times_s[name] = min(own)
        met = self._met(self.quorum, times_s)
        if met is None:
            raise VerificationError(
                f"the witnesses that cosigned do not make the quorum {self.quorum!r}",
                rule="quorum",
                where=", ".join(sorted(self.witnesses[name].name for name in times_s))
                or "no witness",
            )
        return met

    def _met(self, name: str, times_s: Mapping[str, int]) -> int | None:
        if name in self.witnesses:
            return times_s.get(name)
        group = self.groups[name]
        met = sorted(t for t in (self._met(m, times_s) for m in group.members) if t is not None)
        return met[group.threshold - 1] if len(met) >= group.threshold else None


def policy_of_keys(vkeys: Sequence[str]) -> Policy:
    """A policy that trusts these log keys and asks for no witness.

    Raises:
        BadInputError: one of them is no vkey of a log.
    """
    return Policy(tuple(_verifier(text, {ED25519}) for text in vkeys), {}, {}, _NONE)


def parse_policy(text: str) -> Policy:
    """Read a policy.

    Raises:
        BadInputError: a line is not as above; `where` is its number.
    """
    if len(text) > MAX_POLICY_BYTES:
        raise BadInputError(f"a policy has at most {MAX_POLICY_BYTES} characters")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        words = [word for word in _BLANK.split(line.removesuffix("\r")) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reader.take(words)
        except BadInputError as error:
            raise BadInputError(error.message, where=f"line {number}") from error
    return reader.policy()


class _Reader:
    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.witnesses: dict[str, Verifier] = {}
        self.groups: dict[str, _Group] = {}
        self.urls: dict[str, str] = {}
        self.quorum = ""
        self.keys: set[bytes] = set()
        self.used: set[str] = set()

    def take(self, words: list[str]) -> None:
        """Read one line."""
        readers: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in readers:
            raise BadInputError(f"expected log, witness, group or quorum, got {words[0]!r}")
        readers[words[0]](words[1:])

    def policy(self) -> Policy:
        """What was read."""
        if not self.quorum:
            raise BadInputError("a policy has one quorum line; `quorum none` asks for no witness")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum, self.urls)

    def _log(self, words: list[str]) -> None:
        if len(words) not in (1, 2):
            raise BadInputError("expected: log <vkey> [url]")
        self.logs.append(self._key(words[0], {ED25519}))

    def _witness(self, words: list[str]) -> None:
        if len(words) not in (2, 3):
            raise BadInputError("expected: witness <name> <vkey> [url]")
        self._free(words[0])
        self.witnesses[words[0]] = self._key(words[1], {COSIGNATURE, MLDSA_COSIGNATURE})
        if len(words) == 3:  # noqa: PLR2004 - with an address
            self.urls[words[0]] = words[2]

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:  # noqa: PLR2004  # name, threshold and a member
            raise BadInputError("expected: group <name> any|all|<k> <members>")
        name, count, *members = words
        self._free(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise BadInputError(f"{member!r} is not defined above")
            if member in self.used:
                raise BadInputError(f"{member!r} is a member twice")
            self.used.add(member)
        threshold = {"any": 1, "all": len(members)}.get(count, 0)
        if _COUNT.fullmatch(count):
            threshold = int(count)
        if not 1 <= threshold <= len(members):
            raise BadInputError(f"expected any, all or 1 to {len(members)}, got {count!r}")
        self.groups[name] = _Group(threshold, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1 or self.quorum:
            raise BadInputError("expected one line: quorum <name>|none")
        if words[0] != _NONE and words[0] not in self.witnesses and words[0] not in self.groups:
            raise BadInputError(f"{words[0]!r} is not defined above")
        self.quorum = words[0]

    def _free(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise BadInputError(f"the name {name!r} is taken")

    def _key(self, text: str, kinds: set[int]) -> Verifier:
        verifier = _verifier(text, kinds)
        # One key under two names would count twice.
        if verifier.public_key in self.keys:
            raise BadInputError("a public key occurs twice", where=verifier.name)
        self.keys.add(verifier.public_key)
        return verifier


def _verifier(text: str, kinds: set[int]) -> Verifier:
    try:
        verifier = Verifier(text)
    except DecodeError as error:
        raise BadInputError(f"this is no vkey: {error.message}", where=text[:200]) from error
    if verifier.kind not in kinds:
        raise BadInputError(f"a key of type 0x{verifier.kind:02x} has no place here", where=text)
    return verifier
