"""What a record keeps to prove its parts: the record key, or after an erasure what remains of it.

Untouched, a keyring is the 16-byte record key, from which every salt derives. Whoever has it has
every salt, so an erasure puts in its place, for each of the six parts in the order of
`commit.PART_NAMES`, one tagged item: 0 no such part; 1 and its 16-byte salt; 2 and the 32-byte
leaf of an erased part, whose salt is gone (transparency-log §8).
"""

from collections.abc import Collection
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.commit import (
    KEY_BYTES,
    PART_NAMES,
    RECORD_PART,
    SALT_BYTES,
    PartName,
    SectionLeaves,
    part_leaf,
    part_salt,
    parts_of,
)
from vitne.core.values import HASH_BYTES, SECTIONS, Hash, Parts, Record, Section
from vitne.errors import DecodeError

_ABSENT: Final = 0
_SALT: Final = 1
_LEAF: Final = 2


class Keyring(Struct, frozen=True):
    """Salts of the parts that are there, leaves of those that are erased."""

    salts: dict[PartName, bytes]
    leaves: dict[PartName, Hash]

    def encode(self) -> bytes:
        """The tagged form."""
        made = bytearray()
        for name in PART_NAMES:
            if name in self.salts:
                made += bytes((_SALT,)) + self.salts[name]
            elif name in self.leaves:
                made += bytes((_LEAF,)) + self.leaves[name]
            else:
                made.append(_ABSENT)
        return bytes(made)


def read_keyring(record: Record) -> Keyring:
    """The salts and leaves of an event's record.

    Raises:
        DecodeError: the keyring has neither form, or does not fit the parts.
    """
    if len(record.keyring) == KEY_BYTES:
        return Keyring({name: part_salt(record.keyring, name) for name in _there(record)}, {})
    salts: dict[PartName, bytes] = {}
    leaves: dict[PartName, Hash] = {}
    data, at = record.keyring, 0
    for name in PART_NAMES:
        tag = data[at : at + 1]
        width = {b"\x01": SALT_BYTES, b"\x02": HASH_BYTES, b"\x00": 0}.get(tag)
        if width is None or len(data) < at + 1 + width:
            raise DecodeError("a damaged keyring", where=f"index {record.index}")
        value = data[at + 1 : at + 1 + width]
        at += 1 + width
        if tag[0] == _SALT:
            salts[name] = value
        elif tag[0] == _LEAF:
            leaves[name] = Hash(value)
    if at != len(data) or set(salts) != set(_there(record)):
        raise DecodeError("a keyring that does not fit its record", where=f"index {record.index}")
    return Keyring(salts, leaves)


def leaves_of(record: Record) -> dict[Section, SectionLeaves]:
    """The leaves of all sections of an event's record, erased ones included.

    Raises:
        DecodeError: the keyring does not fit, or a part is neither there nor erased.
    """
    ring = read_keyring(record)
    found: dict[Section, SectionLeaves] = {}
    for section in SECTIONS:
        name = RECORD_PART[section]
        event = _leaf(record, ring, section)
        if event is None:
            raise DecodeError("a record without its parts", where=f"index {record.index}")
        found[section] = SectionLeaves(event, _leaf(record, ring, name))
    return found


def erased_sections(record: Record) -> tuple[Section, ...]:
    """Sections whose event part is erased."""
    return tuple(name for name in SECTIONS if parts_of(record.parts, name)[0] is None)


def erase_sections(record: Record, sections: Collection[Section]) -> Record:
    """The same record without these sections: their JSON and salts are gone, their leaves stay.

    Facets are not touched; whoever stores the record derives them anew. Erasing what is erased
    changes nothing.
    """
    ring, leaves = read_keyring(record), leaves_of(record)
    gone: dict[str, bytes | None] = {}
    for section in sections:
        name = RECORD_PART[section]
        ring.salts.pop(section, None)
        ring.leaves[section] = leaves[section].event
        gone[section] = None
        record_leaf = leaves[section].record
        if record_leaf is not None:
            ring.salts.pop(name, None)
            ring.leaves[name] = record_leaf
            gone[name.replace(".", "_")] = None
    parts: Parts = replace(record.parts, **gone)
    return replace(record, parts=parts, keyring=ring.encode())


def _leaf(record: Record, ring: Keyring, name: PartName) -> Hash | None:
    if name in ring.leaves:
        return ring.leaves[name]
    data = _part(record.parts, name)
    return part_leaf(ring.salts[name], name, data) if data else None


def _there(record: Record) -> list[PartName]:
    return [name for name in PART_NAMES if _part(record.parts, name)]


def _part(parts: Parts, name: PartName) -> bytes | None:
    section: Section = "core" if "core" in name else "payload" if "payload" in name else "person"
    event, added = parts_of(parts, section)
    return added if name.endswith(".record") else event
