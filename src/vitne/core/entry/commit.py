"""Commitments: what binds an entry to the parts of its record (transparency-log §3.3).

Each section is committed apart, under its own salts, so that one can be erased or withheld while
the entry still proves the others. These are the plain definitions; `assemble` has the fast form.
"""

from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

from vitne.core.tree.merkle import leaf_hash, node_hash
from vitne.core.values import SECTIONS, Hash, Parts, Section, length_prefixed
from vitne.errors import BadInputError, DecodeError, VerificationError

PartName = Literal["core", "payload", "person", "core.record", "payload.record", "person.record"]
PART_NAMES: Final[tuple[PartName, ...]] = (
    "core", "payload", "person", "core.record", "payload.record", "person.record",
)  # fmt: skip
RECORD_PART: Final[dict[Section, PartName]] = {
    "core": "core.record",
    "payload": "payload.record",
    "person": "person.record",
}
RECORD_FLAG: Final[dict[Section, int]] = {"core": 1, "payload": 2, "person": 4}
"""The header flag that says that a section has a record part."""

OVERFLOW_FLAG: Final = 8
KEY_BYTES: Final = 16
SALT_BYTES: Final = 16


class SectionLeaves(Struct, frozen=True):
    """The leaves of one section: what it commits to, opened or not."""

    event: Hash
    record: Hash | None = None
    """None: the log added nothing."""


def part_salt(record_key: bytes, part: PartName) -> bytes:
    """The 16 salt bytes of a part. Whoever has the record key has every salt: never export it.

    Raises:
        BadInputError: the record key has not 16 bytes.
    """
    if len(record_key) != KEY_BYTES:
        raise BadInputError("a record key has 16 bytes")
    return sha256(b"vitsalt1" + record_key + part.encode()).digest()[:SALT_BYTES]


def part_leaf(salt: bytes, part: PartName, data: bytes) -> Hash:
    """Leaf of one part's canonical JSON.

    Raises:
        DecodeError: the salt has not 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise DecodeError("a salt has 16 bytes")
    return leaf_hash(salt + length_prefixed(part) + data)


def section_commitment(leaves: SectionLeaves) -> Hash:
    """Commitment of one section: its event leaf, joined with that of its record part if any."""
    return leaves.event if leaves.record is None else node_hash(leaves.event, leaves.record)


def section_leaves(record_key: bytes, parts: Parts) -> dict[Section, SectionLeaves]:
    """The leaves of all sections of a complete record.

    Raises:
        BadInputError: a part is erased or withheld: its leaf is not to be had from the record.
    """
    found: dict[Section, SectionLeaves] = {}
    for section in SECTIONS:
        event, record = parts_of(parts, section)
        if event is None or record is None:
            raise BadInputError("a part of the record is erased or withheld", where=section)
        name = RECORD_PART[section]
        found[section] = SectionLeaves(
            part_leaf(part_salt(record_key, section), section, event),
            part_leaf(part_salt(record_key, name), name, record) if record else None,
        )
    return found


def parts_of(parts: Parts, section: Section) -> tuple[bytes | None, bytes | None]:
    """Event part and record part of one section."""
    match section:
        case "core":
            return parts.core, parts.core_record
        case "payload":
            return parts.payload, parts.payload_record
        case "person":
            return parts.person, parts.person_record


def sections_root(core: bytes, payload: bytes, person: bytes) -> Hash:
    """Root of three hashes in the order of the sections' names (RFC 6962 MTH of three)."""
    return node_hash(node_hash(core, payload), person)


def body_root(leaves: dict[Section, SectionLeaves]) -> Hash:
    """What an event's entry commits to."""
    return sections_root(*(section_commitment(leaves[section]) for section in SECTIONS))


def sender_root(leaves: dict[Section, SectionLeaves]) -> Hash:
    """What the sender signs: the same without the log's record parts."""
    return sections_root(*(leaves[section].event for section in SECTIONS))


def record_flags(leaves: dict[Section, SectionLeaves]) -> int:
    """The header flags of the record parts that are there."""
    return sum(RECORD_FLAG[name] for name in SECTIONS if leaves[name].record is not None)


def verify_body(leaves: dict[Section, SectionLeaves], flags: int, expected: bytes) -> None:
    """Check that the leaves are those of an entry.

    Args:
        leaves: from opened parts (`part_leaf`), or as given for withheld ones.
        flags: the entry's flags.
        expected: the entry's body_root.

    Raises:
        VerificationError: a record part is lacking or too many, or the roots differ.
    """
    if set(leaves) != set(SECTIONS):
        raise VerificationError("a section is lacking", rule="sections")
    if record_flags(leaves) != flags & ~OVERFLOW_FLAG:
        raise VerificationError("the record parts are not those of the entry", rule="sections")
    if body_root(leaves) != expected:
        raise VerificationError("the parts are not those of the entry", rule="body_root")
