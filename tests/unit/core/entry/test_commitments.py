"""Sections, lookup keys and assembled entries at their limits."""

from collections import Counter

import msgspec
import pytest

from vitne.core.entry import commit, keys
from vitne.core.entry import entry as entries
from vitne.core.entry.assemble import Assembler, stamp_entry
from vitne.core.entry.commit import SectionLeaves
from vitne.core.entry.entry import EventEntry
from vitne.core.entry.keys import KeyCache
from vitne.core.event.event import ValidEvent
from vitne.core.values.record import Facets, Parts
from vitne.core.values.types import Hash, Origin
from vitne.errors import BadInputError, DecodeError, VerificationError

ORIGIN = Origin("vitne.local/log/acme")
INDEX_SECRET = bytes(range(32))
RECORD_KEY = bytes(range(16))
PARTS = Parts(b'{"a":1}', b"{}", b"{}", b'{"auth":"key"}', b"", b'{"peer_ip":"::1"}')
LEAVES = commit.section_leaves(RECORD_KEY, PARTS)
ROOT = commit.body_root(LEAVES)
EVENT = ValidEvent(
    event_id=bytes(16),
    tenant="acme",
    type="crm.customer.viewed",
    category="view",
    occurred_us=1_764_000_000_000_000,
    actor=("https://id.example", "usr_77"),
    targets=(("customer", "cus_1"),),
    overflow_type="",
    action_id="01981f3e-7c19-7000-8000-000000000001",
    source_id="crm/bff",
    stream_name="",
    stream_seq=0,
    core=b"{}",
    payload=b"{}",
    person=b"{}",
    digest=bytes(16),
    facets=Facets(),
)


def prepared(event: ValidEvent, assembler: Assembler | None = None) -> EventEntry:
    assembler = assembler or Assembler(ORIGIN, INDEX_SECRET, 1)
    found = assembler.prepare(event, b"", b"", b"", RECORD_KEY)
    decoded = entries.decode_entry(
        stamp_entry(found.entry, (5).to_bytes(8, "big"), found.stream_id, 3)
    )
    assert isinstance(decoded, EventEntry)
    return decoded


def kinds(entry: EventEntry) -> Counter[int]:
    return Counter(key[0] for key in entry.keys)


# ---------------------------------------------------------------- sections


def test_a_section_that_is_withheld_still_proves_the_others() -> None:
    """Its two leaves stand in for its text; those of another section do not."""
    withheld = LEAVES["person"]
    leaves = commit.section_leaves(RECORD_KEY, PARTS) | {
        "person": SectionLeaves(Hash(bytes(withheld.event)), withheld.record)
    }

    commit.verify_body(leaves, 0b101, ROOT)
    with pytest.raises(VerificationError) as refused:
        commit.verify_body(leaves | {"person": LEAVES["core"]}, 0b101, ROOT)
    assert refused.value.rule == "body_root"


@pytest.mark.parametrize("flags", [0b001, 0b100, 0b111, 0])
def test_a_record_part_that_is_dropped_or_added_is_noticed(flags: int) -> None:
    with pytest.raises(VerificationError):
        commit.verify_body(LEAVES, flags, ROOT)


def test_the_overflow_flag_says_nothing_about_parts() -> None:
    commit.verify_body(LEAVES, 0b1101, ROOT)
    with pytest.raises(VerificationError):
        commit.verify_body(LEAVES, 0b1100, ROOT)


def test_a_changed_part_salt_or_section_gives_another_root() -> None:
    other_key = commit.section_leaves(RECORD_KEY[::-1], PARTS)
    moved = commit.section_leaves(
        RECORD_KEY, Parts(b"{}", b'{"a":1}', b"{}", b'{"auth":"key"}', b"", b'{"peer_ip":"::1"}')
    )

    for leaves in (other_key, moved):
        with pytest.raises(VerificationError):
            commit.verify_body(leaves, 0b101, ROOT)
    with pytest.raises(VerificationError):
        commit.verify_body({"core": LEAVES["core"]}, 0b101, ROOT)


def test_equal_sections_have_unequal_leaves() -> None:
    """Else one could see that two parts, or two records, say the same."""
    same = Parts(b"{}", b"{}", b"{}", b"{}", b"{}", b"{}")
    leaves = commit.section_leaves(RECORD_KEY, same)

    found = {hash_ for part in leaves.values() for hash_ in (part.event, part.record)}

    assert len(found) == 6


def test_an_erased_part_cannot_be_committed_to_again() -> None:
    with pytest.raises(BadInputError):
        commit.section_leaves(RECORD_KEY, Parts(person=None))
    with pytest.raises(BadInputError):
        commit.part_salt(bytes(15), "core")
    with pytest.raises(DecodeError):
        commit.part_leaf(bytes(15), "core", b"{}")


# ---------------------------------------------------------------- keys


def test_an_event_of_a_hundred_targets_can_be_found_by_each_of_them_and_by_each_pair() -> None:
    targets = tuple(("customer", f"cus_{number}") for number in range(100))
    entry = prepared(msgspec.structs.replace(EVENT, targets=targets))

    assert kinds(entry) == {1: 1, 2: 100, 3: 100, 5: 1, 6: 1}
    actor = keys.secret(INDEX_SECRET, keys.ACTOR, *EVENT.actor)
    for target in targets:
        secret = keys.secret(INDEX_SECRET, keys.TARGET, *target)
        assert keys.key(keys.TARGET, secret) in entry.keys
        assert keys.pair_key(actor, secret) in entry.keys


def test_510_targets_fit_an_entry_and_511_do_not() -> None:
    def event(count: int) -> ValidEvent:
        targets = tuple(("customer", str(number)) for number in range(count))
        return msgspec.structs.replace(EVENT, targets=targets)

    assert len(prepared(event(510)).keys) == 1023
    with pytest.raises(BadInputError):
        prepared(event(511))


def test_an_event_without_a_person_has_no_actor_and_no_pairs() -> None:
    event = msgspec.structs.replace(EVENT, actor=("https://id.example", ""), action_id="")

    assert kinds(prepared(event)) == {2: 1, 5: 1}


def test_an_overflow_list_is_found_under_the_public_key_of_its_type() -> None:
    entry = prepared(msgspec.structs.replace(EVENT, overflow_type="customer"))
    secret = keys.overflow_secret("customer")

    assert entry.flags == commit.OVERFLOW_FLAG
    assert keys.key(keys.TARGET, secret) in entry.keys
    assert kinds(entry)[3] == 2


def test_a_target_called_star_is_not_the_overflow_list() -> None:
    star = (("customer", "*"),)
    entry = prepared(msgspec.structs.replace(EVENT, targets=star, overflow_type="customer"))

    assert kinds(entry)[2] == 2


def test_a_target_named_twice_has_one_key() -> None:
    entry = prepared(msgspec.structs.replace(EVENT, targets=EVENT.targets * 2))

    assert entry.keys == prepared(EVENT).keys


def test_the_parts_of_a_value_cannot_be_shifted_between_each_other() -> None:
    found = {
        keys.secret(INDEX_SECRET, kind, *parts)
        for kind, parts in (
            (1, ("ab", "c")),
            (1, ("a", "bc")),
            (1, ("", "abc")),
            (2, ("ab", "c")),
            (5, ("abc",)),
            (6, ("abc",)),
        )
    }

    assert len(found) == 6


def test_a_value_longer_than_its_length_can_say_has_no_key() -> None:
    with pytest.raises(BadInputError):
        keys.secret(INDEX_SECRET, keys.TARGET, "a", "b" * 65_536)


def test_one_cache_serves_two_logs_without_mixing_their_keys() -> None:
    cache = KeyCache(8)
    one = prepared(EVENT, Assembler(ORIGIN, INDEX_SECRET, 1, cache))
    two = prepared(EVENT, Assembler(Origin("vitne.local/log/b"), INDEX_SECRET[::-1], 1, cache))
    cache.clear()

    assert not set(one.keys) & set(two.keys)
    assert one.stream_id != two.stream_id
    assert prepared(EVENT, Assembler(ORIGIN, INDEX_SECRET, 1, cache)) == one


def test_a_cache_keeps_no_more_values_than_it_may() -> None:
    cache = KeyCache(16)
    assembler = Assembler(ORIGIN, INDEX_SECRET, 1, cache)
    for number in range(100):
        event = msgspec.structs.replace(EVENT, targets=(("customer", str(number)),))
        prepared(event, assembler)

    assert cache.two_parts.cache_info().currsize == 16


def test_no_key_shows_in_what_a_program_log_would_print() -> None:
    shown = repr(Assembler(ORIGIN, INDEX_SECRET, 1)) + repr(KeyCache())

    assert str(INDEX_SECRET) not in shown
    assert INDEX_SECRET.hex() not in shown


# ---------------------------------------------------------------- stamping


def test_a_stamp_sets_time_and_number_and_nothing_else() -> None:
    entry = Assembler(ORIGIN, INDEX_SECRET, 1).prepare(EVENT, b"", b"", b"", RECORD_KEY).entry

    time, stream = bytes.fromhex("0102030405060708"), bytes.fromhex("51" * 16)
    stamped = stamp_entry(entry, time, stream, 0x1112131415161718)

    assert stamped[10:18].hex() == "0102030405060708"
    assert stamped[42:50].hex() == "1112131415161718"
    assert stamped[26:42] == stream
    whole = stamped[:10] + bytes(8) + stamped[18:26] + entry[26:42] + bytes(8) + stamped[50:]
    assert whole == entry
    assert stamp_entry(entry, time)[18:] == entry[18:]


@pytest.mark.parametrize("index_secret", [b"", bytes(31), bytes(33)])
def test_an_index_secret_has_32_bytes_and_a_record_key_16(index_secret: bytes) -> None:
    with pytest.raises(BadInputError):
        Assembler(ORIGIN, index_secret, 1)
    with pytest.raises(BadInputError):
        Assembler(ORIGIN, INDEX_SECRET, 1).prepare(EVENT, b"", b"", b"", index_secret)
