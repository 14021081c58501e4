"""The bounds of a fraud proof: its members may be larger in a bundle than here."""

import pytest
from msgspec.structs import replace

from vitne.errors import DecodeError
from vitne.evidence.audit.fraud import (
    FraudProof,
    HiddenEntryMember,
    HidingLeavesMember,
    encode_fraud_proof,
    read_fraud_proof,
)
from vitne.evidence.bundle.document import IndexMember, PostingsMember

HASH, LEAF = bytes(32), bytes(114)
GOOD = FraudProof(
    origin="log.example/acme",
    key=bytes(17),
    log=HiddenEntryMember("a checkpoint", 1, b"an entry", [HASH]),
    index=IndexMember("a checkpoint", [(0, b"a record")], [HASH]),
    gap=HidingLeavesMember(0, [(0, LEAF)], [HASH]),
    postings=PostingsMember(leaf=0, from_=0, items=[1], path=[HASH]),
)


def test_a_proof_within_the_bounds_is_read() -> None:
    assert read_fraud_proof(encode_fraud_proof(GOOD)) == GOOD


@pytest.mark.parametrize(
    "changed",
    [
        replace(GOOD, log=replace(GOOD.log, path=[HASH] * 4_097)),
        replace(GOOD, index=replace(GOOD.index, path=[HASH] * 4_097)),
        replace(GOOD, index=replace(GOOD.index, records=[])),
        replace(GOOD, gap=replace(GOOD.gap, path=[HASH] * 4_097)),
        replace(GOOD, gap=replace(GOOD.gap, leaves=[])),
        replace(GOOD, gap=replace(GOOD.gap, leaves=[(at, LEAF) for at in range(1_001)])),
        replace(GOOD, postings=PostingsMember(leaf=0, from_=0, items=[1], path=[HASH] * 4_097)),
        replace(GOOD, postings=PostingsMember(leaf=0, from_=0, items=list(range(1_001)), path=[])),
        replace(GOOD, postings=PostingsMember(leaf=0, from_=0, items=[], path=[])),
    ],
)
def test_a_proof_beyond_a_bound_is_not_read(changed: FraudProof) -> None:
    with pytest.raises(DecodeError):
        read_fraud_proof(encode_fraud_proof(changed))
