"""The fast assembler against its plain definition."""

from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry import commit, keys
from vitne.core.entry import entry as entries
from vitne.core.entry.assemble import Assembler, stamp_entry
from vitne.core.entry.entry import EventEntry
from vitne.core.entry.keys import Hmac, KeyCache
from vitne.core.event.event import ValidEvent
from vitne.core.values.record import Facets, Parts
from vitne.core.values.strict import MAX_INT
from vitne.core.values.types import Origin

ORIGIN = Origin("vitne.local/log/acme")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PARTS = st.sampled_from([b"{}", b'{"a":1}', b'{"id":"0198"}' * 30])
RECORD_PARTS = st.sampled_from([b"", b'{"auth":"key"}', b'{"peer_ip":"203.0.113.7"}'])
KEY = st.binary(min_size=16, max_size=16)
SMALL = KeyCache(4)
"""So small that values fall out and come back."""


@st.composite
def events(draw: st.DrawFn) -> ValidEvent:
    named = draw(st.booleans())
    return ValidEvent(
        event_id=draw(KEY),
        tenant="acme",
        type=draw(TEXT.filter(bool)),
        category="view",
        occurred_us=draw(st.integers(0, MAX_INT)),
        actor=(draw(TEXT), draw(TEXT)),
        targets=tuple(draw(st.lists(st.tuples(TEXT, TEXT), max_size=4, unique=True))),
        overflow_type=draw(st.sampled_from(["", "customer"])),
        action_id=draw(st.sampled_from(["", "01981f3e-7c19-7000-8000-000000000001"])),
        source_id="crm/bff",
        stream_name=draw(TEXT) if named else "",
        stream_seq=draw(st.integers(1, MAX_INT)) if named else 0,
        core=draw(PARTS),
        payload=draw(PARTS),
        person=draw(PARTS),
        digest=bytes(16),
        facets=Facets(),
    )


def assemble_plainly(
    origin: Origin,
    index_secret: bytes,
    epoch: int,
    event: ValidEvent,
    parts: Parts,
    record_key: bytes,
) -> EventEntry:
    """The definition of `Assembler.prepare`: the same entry, not yet stamped, from plain rules.

    Args:
        origin: of the log.
        index_secret: K of the epoch.
        epoch: its number.
        event: what the sender sent, checked.
        parts: all six parts.
        record_key: 16 bytes.
    """
    leaves = commit.section_leaves(record_key, parts)
    secrets = [keys.secret(index_secret, keys.TARGET, *target) for target in event.targets]
    if event.overflow_type:
        secrets.append(keys.overflow_secret(event.overflow_type))
    found = {keys.key(keys.TARGET, secret) for secret in secrets}
    found.add(keys.key(keys.EVENT_TYPE, keys.secret(index_secret, keys.EVENT_TYPE, event.type)))
    if event.actor[1]:
        actor = keys.secret(index_secret, keys.ACTOR, *event.actor)
        found.add(keys.key(keys.ACTOR, actor))
        found |= {keys.pair_key(actor, secret) for secret in secrets}
    if event.action_id:
        secret = keys.secret(index_secret, keys.ACTION, event.action_id)
        found.add(keys.key(keys.ACTION, secret))
    return EventEntry(
        0,
        event.occurred_us,
        keys.stream_id(origin, event.source_id, event.stream_name),
        event.stream_seq,
        epoch,
        tuple(sorted(found)),
        commit.body_root(leaves),
        commit.record_flags(leaves) | (commit.OVERFLOW_FLAG if event.overflow_type else 0),
    )


@given(
    events(),
    st.tuples(RECORD_PARTS, RECORD_PARTS, RECORD_PARTS),
    KEY,
    st.binary(min_size=32, max_size=32),
    st.integers(1, 0xFFFF),
    st.integers(1, MAX_INT),
)
def test_the_fast_entry_is_the_plain_one(
    event: ValidEvent,
    records: tuple[bytes, bytes, bytes],
    record_key: bytes,
    index_secret: bytes,
    epoch: int,
    recorded_us: int,
) -> None:
    prepared = Assembler(ORIGIN, index_secret, epoch, SMALL).prepare(event, *records, record_key)
    parts = Parts(event.core, event.payload, event.person, *records)
    plain = assemble_plainly(ORIGIN, index_secret, epoch, event, parts, record_key)
    number = event.stream_seq or 7

    stamped = stamp_entry(
        prepared.entry,
        recorded_us.to_bytes(8, "big"),
        prepared.stream_id,
        0 if event.stream_seq else number,
    )
    decoded = entries.decode_entry(stamped)

    assert decoded == EventEntry(
        recorded_us,
        plain.occurred_us,
        plain.stream_id,
        number,
        plain.key_epoch,
        plain.keys,
        plain.body_root,
        plain.flags,
    )
    assert prepared.parts == parts
    assert prepared.stream_id == plain.stream_id
    leaves = commit.section_leaves(record_key, prepared.parts)
    commit.verify_body(leaves, plain.flags, plain.body_root)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_the_fast_hmac_is_that_of_the_standard_library(index_secret: bytes, message: bytes) -> None:
    import hmac  # noqa: PLC0415 - the oracle of this test alone

    assert Hmac(index_secret).digest(message) == hmac.digest(index_secret, message, "sha256")


@given(st.binary(min_size=32, max_size=32), TEXT, TEXT)
def test_cached_keys_are_the_plain_ones(index_secret: bytes, first: str, second: str) -> None:
    mac = Hmac(index_secret)
    for _ in range(2):
        secret = keys.secret(index_secret, keys.TARGET, first, second)
        assert SMALL.two_parts(mac, keys.TARGET, first, second) == (
            secret,
            keys.key(keys.TARGET, secret),
        )
        secret = keys.secret(index_secret, keys.EVENT_TYPE, first)
        assert SMALL.one_part(mac, keys.EVENT_TYPE, first) == (
            secret,
            keys.key(keys.EVENT_TYPE, secret),
        )
        secret = keys.overflow_secret(first)
        assert SMALL.overflow(first) == (secret, keys.key(keys.TARGET, secret))
