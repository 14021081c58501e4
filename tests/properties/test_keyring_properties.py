"""Erasing sections of a record: what it commits to stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry.commit import body_root, parts_of, section_leaves
from vitne.core.entry.keyring import erase_sections, erased_sections, leaves_of, read_keyring
from vitne.core.values.record import Parts, Record
from vitne.core.values.types import SECTIONS, LeafIndex, Section
from vitne.errors import DecodeError

added = st.sampled_from([b"", b'{"a":1}'])
records = st.builds(
    lambda key, a, b, c, r1, r2, r3: Record(
        LeafIndex(7), 5, b"entry", b"i" * 16, key, Parts(a, b, c, r1, r2, r3)
    ),
    st.binary(min_size=16, max_size=16),
    *[st.sampled_from([b"{}", b'{"x":"y"}'])] * 3,
    *[added] * 3,
)
sections = st.lists(st.sampled_from(SECTIONS), max_size=3)


@given(records, sections, sections)
def test_an_erasure_keeps_every_commitment(
    record: Record, first: list[Section], second: list[Section]
) -> None:
    """Twice in a row, too, and whatever was erased before."""
    expected = section_leaves(record.keyring, record.parts)

    erased = erase_sections(erase_sections(record, first), second)

    assert leaves_of(record) == leaves_of(erased) == expected
    assert body_root(leaves_of(erased)) == body_root(expected)
    assert set(erased_sections(erased)) == {*first, *second}


@given(records, sections.filter(bool))
def test_an_erasure_leaves_neither_text_nor_salt(record: Record, gone: list[Section]) -> None:
    erased = erase_sections(record, gone)
    ring = read_keyring(record)

    for section in gone:
        assert not any(parts_of(erased.parts, section))
        assert ring.salts[section] not in erased.keyring
    assert record.keyring not in erased.keyring


@pytest.mark.parametrize("keyring", [b"", b"k" * 15, b"\x03" * 60, b"\x00" * 6, b"\x01" * 103])
def test_a_damaged_keyring_is_refused(keyring: bytes) -> None:
    with pytest.raises(DecodeError):
        leaves_of(Record(LeafIndex(7), 5, b"entry", b"i" * 16, keyring))
