"""A small signed log, built from the definitions, and proofs of its records."""

from collections.abc import Callable, Sequence

import pytest

from vitne.core.entry import commit
from vitne.core.entry import entry as entries
from vitne.core.entry.entry import EventEntry
from vitne.core.entry.keys import EVENT_TYPE, key, secret, stream_id
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import inclusion_proof, leaf_hash, merkle_root
from vitne.core.tree.note import Signer, sign_note
from vitne.core.values.ids import uuid7, uuid_text
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.times import format_utc
from vitne.core.values.types import LeafIndex, Origin, Section, TreeSize
from vitne.evidence.record import tlog_proof
from vitne.evidence.record.document import build_document

ORIGIN = Origin("vitne.test/log/acme")
NOW_US = 1_795_000_000_000_000


class SmallLog:
    """`size` records, each a customer viewed, under one checkpoint."""

    def __init__(self, size: int = 11) -> None:
        self.signer = Signer(ORIGIN, bytes(range(32)))
        self.records = [_record(index) for index in range(size)]
        self.leaves = [leaf_hash(record.entry) for record in self.records]
        head = Checkpoint(ORIGIN, TreeSize(size), merkle_root(self.leaves))
        self.text = head.text()
        self.note = sign_note(self.text, [self.signer])

    def prove(
        self, index: int, withhold: Sequence[Section] = (), note: str = "", key: str = ""
    ) -> bytes:
        """The record proof of one record."""
        return build_document(
            self.records[index],
            note or self.note,
            inclusion_proof(self.leaves, index),
            [key or self.signer.vkey],
            withhold,
        )

    def prove_entry(self, index: int) -> bytes:
        """The tlog-proof of one entry."""
        path = inclusion_proof(self.leaves, index)
        return tlog_proof.encode_tlog_proof(index, path, self.note, self.records[index].entry)


def _record(index: int) -> Record:
    at_us = NOW_US + index * 1_000
    event_id = uuid7(at_us, bytes(10))
    keyring = bytes([index]) * 16
    core = (
        f'{{"actor":{{"id":"usr_{index}"}},"id":"{uuid_text(event_id)}",'
        f'"occurred_at":"{format_utc(at_us)}","outcome":{{"result":"succeeded"}},'
        f'"targets":[{{"id":"cus_{index}","type":"customer"}}],"type":"crm.customer.viewed"}}'
    )
    parts = Parts(
        core=core.encode(),
        payload=b"{}",
        person='{"/actor/name":"Kari Nordmann","/targets/0/name":"Åse Ødegård"}'.encode(),
        core_record=b'{"source_id":"crm/bff","status":"accepted"}',
        person_record=b'{"peer_ip":"203.0.113.4"}' if index % 2 else b"",
    )
    leaves = commit.section_leaves(keyring, parts)
    made = EventEntry(
        recorded_us=at_us + 7,
        occurred_us=at_us,
        stream_id=stream_id(ORIGIN, "crm/bff", "pod-1"),
        stream_seq=index + 1,
        key_epoch=1,
        keys=(key(EVENT_TYPE, secret(bytes(32), EVENT_TYPE, "crm.customer.viewed")),),
        body_root=commit.body_root(leaves),
        flags=commit.record_flags(leaves),
    )
    entry = entries.encode_entry(made)
    return Record(LeafIndex(index), at_us + 7, entry, event_id, keyring, parts, Facets())


@pytest.fixture(scope="session")
def small_log() -> SmallLog:
    """One log for all tests that only read it."""
    return SmallLog()


@pytest.fixture(scope="session")
def make_log() -> Callable[[int], SmallLog]:
    """Logs of any size."""
    return SmallLog
