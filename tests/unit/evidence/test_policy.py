"""C2SP tlog-policy: whose keys, and how many witnesses."""

from typing import Any

import pytest

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.tree.note import Signer, Verified
from vitne.core.tree.signature import COSIGNATURE, MLDSA_COSIGNATURE
from vitne.core.values.types import Origin, TreeSize
from vitne.errors import BadInputError, VerificationError
from vitne.evidence.policy import Policy, parse_policy, policy_of_keys
from vitne.evidence.record import verify as record_proof

WITNESSES = [Signer(f"w{n}.example", bytes([n]) * 32, COSIGNATURE) for n in range(1, 5)]
LOG = Signer("vitne.test/log/acme", bytes(range(32)))


def _text(*lines: str) -> str:
    named = [f"witness w{n} {signer.vkey} https://w{n}.example" for n, signer in _numbered()]
    return "\n".join([f"log {LOG.vkey}", "# the witnesses", "", *named, *lines]) + "\n"


def _numbered() -> list[tuple[int, Signer]]:
    return list(enumerate(WITNESSES, start=1))


def _signed(policy: Policy, times: dict[int, int]) -> list[Verified]:
    """Cosignatures of witnesses 1, 2, …, each of its time in seconds."""
    return [Verified(policy.witnesses[f"w{n}"], time_s, "") for n, time_s in times.items()]


@pytest.mark.parametrize(
    ("lines", "times", "met"),
    [
        (("quorum none",), {}, None),
        (("quorum w1",), {1: 50}, 50),
        (("group g any w1 w2", "quorum g"), {1: 50, 2: 40}, 40),
        (("group g all w1 w2", "quorum g"), {1: 50, 2: 40}, 50),
        (("group g 2 w1 w2 w3", "quorum g"), {1: 50, 2: 40, 3: 10}, 40),
        (("group a any w1 w2", "group b all w3 a", "quorum b"), {1: 9, 3: 7, 2: 8}, 8),
    ],
)
def test_the_quorum_time_is_the_first_at_which_the_quorum_was_met(
    lines: tuple[str, ...], times: dict[int, int], met: int | None
) -> None:
    """The smallest t for which the cosignatures up to t suffice."""
    policy = parse_policy(_text(*lines))

    assert policy.quorum_time_of(_signed(policy, times)) == met


@pytest.mark.parametrize(
    ("lines", "times"),
    [
        (("quorum w1",), {2: 50}),
        (("group g all w1 w2", "quorum g"), {1: 50}),
        (("group g 3 w1 w2 w3 w4", "quorum g"), {1: 50, 4: 1}),
        (("group a all w1 w2", "group b any a w3", "quorum b"), {1: 1, 4: 1}),
    ],
)
def test_too_few_witnesses_make_no_quorum(lines: tuple[str, ...], times: dict[int, int]) -> None:
    """Whichever others cosigned."""
    policy = parse_policy(_text(*lines))

    with pytest.raises(VerificationError) as refused:
        policy.quorum_time_of(_signed(policy, times))
    assert refused.value.rule == "quorum"


def test_two_keys_of_one_witness_do_not_stand_in_for_each_other() -> None:
    """A witness may sign with a second key under its name; a quorum of both needs both."""
    first, second = WITNESSES[0], Signer(WITNESSES[0].name, bytes(32), MLDSA_COSIGNATURE)
    policy = parse_policy(
        f"log {LOG.vkey}\nwitness a {first.vkey}\nwitness b {second.vkey}\n"
        "group both all a b\nquorum both\n"
    )
    text = Checkpoint(Origin(LOG.name), TreeSize(0), EMPTY_ROOT).text()
    note = f"{text}\n{LOG.sign(text)}{first.sign(text, 9)}{first.sign(text, 5)}"

    with pytest.raises(VerificationError) as refused:
        record_proof.check_head(note, policy)
    assert refused.value.rule == "quorum"
    assert record_proof.check_head(note + second.sign(text, 7), policy).quorum_s == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {LOG.vkey}\n",
        "quorum nobody\n",
        "quorum none\nquorum none\n",
        "quorum none more\n",
        "log nonsense\nquorum none\n",
        f"log {LOG.vkey} url more\nquorum none\n",
        f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n",
        f"log {WITNESSES[0].vkey}\nquorum none\n",
        f"witness w1 {LOG.vkey}\nquorum w1\n",
        f"witness none {WITNESSES[0].vkey}\nquorum none\n",
        _text("witness w1 " + WITNESSES[0].vkey, "quorum none"),
        _text("group w1 any w2", "quorum none"),
        _text("group g any w1 w1", "quorum g"),
        _text("group a any w1", "group b any w1", "quorum b"),
        _text("group g any later", "quorum g"),
        _text("group g 0 w1", "quorum g"),
        _text("group g 2 w1", "quorum g"),
        _text("group g +1 w1", "quorum g"),
        _text("group g any", "quorum none"),
        "unknown line\nquorum none\n",
        "log\u00a0" + LOG.vkey + "\nquorum none\n",
    ],
)
def test_a_policy_that_means_two_things_or_nothing_is_refused(text: str) -> None:
    """With the line that is wrong."""
    with pytest.raises(BadInputError):
        parse_policy(text)


def test_the_number_of_the_wrong_line_is_told() -> None:
    """Counted from 1, comments and empty lines too."""
    with pytest.raises(BadInputError) as refused:
        parse_policy(f"# mine\n\nlog {LOG.vkey}\ngroup g any w9\nquorum g\n")
    assert refused.value.where == "line 4"


def test_a_record_is_verified_under_a_policy_with_witnesses(small_log: Any) -> None:
    """Two of three cosigned: enough for 2, not for all."""
    lines = [WITNESSES[0].sign(small_log.text, 100), WITNESSES[1].sign(small_log.text, 200)]
    data = small_log.prove(3, note=small_log.note + "".join(lines))
    two = parse_policy(_text("group g 2 w1 w2 w3", "quorum g"))
    three = parse_policy(_text("group g all w1 w2 w3", "quorum g"))

    head = record_proof.verify_record(data, two).head
    assert [(seen.name, seen.time_s) for seen in head.cosigned] == [
        ("w1.example", 100),
        ("w2.example", 200),
    ]
    assert head.quorum_s == 200
    with pytest.raises(VerificationError) as refused:
        record_proof.verify_record(data, three)
    assert refused.value.rule == "quorum"


def test_one_bad_cosignature_of_a_known_witness_spoils_the_note(small_log: Any) -> None:
    """A forged line is not merely passed over."""
    good, other = WITNESSES[0].sign(small_log.text, 100), WITNESSES[0].sign(small_log.text, 200)
    forged = good[:60] + other[60:]
    assert forged not in {good, other}
    policy = parse_policy(_text("quorum w1"))

    with pytest.raises(VerificationError) as refused:
        record_proof.verify_record(small_log.prove(3, note=small_log.note + forged), policy)
    assert refused.value.rule == "signature"


def test_a_list_of_keys_is_a_policy_without_witnesses() -> None:
    """And takes log keys only."""
    assert policy_of_keys([LOG.vkey]).quorum == "none"
    with pytest.raises(BadInputError):
        policy_of_keys([WITNESSES[0].vkey])
