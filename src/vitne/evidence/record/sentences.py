"""What a verified proof says, in plain language: proved, trusted, withheld, not proved.

Every sentence names the party on which it rests (transparency-log §6.4), so that nobody reads more
into a proof than it carries.
"""

from msgspec import Struct

from vitne.core.values import format_utc
from vitne.evidence.record.tlog_proof import VerifiedEntry
from vitne.evidence.record.verify import VerifiedHead, VerifiedRecord

_SKEW_US = 300_000_000


class Claims(Struct, frozen=True):
    """Sentences for people."""

    headline: str
    proved: tuple[str, ...]
    trust: tuple[str, ...]
    """On whose word the proof rests."""
    withheld: tuple[str, ...]
    not_proved: tuple[str, ...]


def claims_of_record(found: VerifiedRecord, now_us: int | None = None) -> Claims:
    """What the proof of a record says.

    Args:
        found: what `record_proof.verify` returned.
        now_us: the verifier's clock; with it a record from the future is pointed out.
    """
    head = found.head
    proved = [
        f"Entry {found.index:,} of {head.origin} commits to what is shown, to the byte.",
        f"It is in the tree of {head.size:,} entries that the log has signed.",
        f"The log says that it recorded it at {format_utc(found.recorded_us)}.",
    ]
    not_proved = [
        f"When it happened: {format_utc(found.occurred_us)} is the sender's word.",
        "That the content is true: it is what the sender reported.",
        "That the entry's index keys are this actor's and these targets': the key is secret.",
        *_not_proved_by(head),
        "That nothing else happened: this proves one record, not the absence of others.",
    ]
    if now_us is not None and found.recorded_us > now_us + _SKEW_US:
        not_proved.insert(0, "The recorded time: it lies in the future of this machine's clock.")
    return Claims(
        headline=f"Verified: the record is entry {found.index:,} of {head.origin}, unchanged.",
        proved=tuple(proved),
        trust=_trust(head),
        withheld=tuple(
            f"The section {section} was erased; entry {entry:,} of the log says why. Its hash is"
            " proved: the record is otherwise unchanged."
            for section, entry in found.erased.items()
        )
        + tuple(
            f"The section {section} was withheld by whoever exported this; its hash is proved, so"
            " it can be shown later and checked against it."
            for section in found.withheld
        ),
        not_proved=tuple(not_proved),
    )


def claims_of_entry(found: VerifiedEntry) -> Claims:
    """What a tlog-proof says."""
    head = found.head
    return Claims(
        headline=f"Verified: these {len(found.entry):,} bytes are entry {found.index:,}"
        f" of {head.origin}.",
        proved=(f"They are in the tree of {head.size:,} entries that the log has signed.",),
        trust=_trust(head),
        withheld=("Everything but the entry: a tlog-proof does not carry the record.",),
        not_proved=(
            "What the entry commits to: for that one needs the record's proof (vitne prove).",
            *_not_proved_by(head),
        ),
    )


def _trust(head: VerifiedHead) -> tuple[str, ...]:
    if head.trust == "bundled":
        key = (
            f"Trust as bundled: the key {head.key} came with the file itself. Whoever made the"
            " file could have made the key too; compare it with the one that the log's owner"
            " publishes, or give that one with --trust."
        )
    else:
        key = f"The log's key {head.key} is one that you gave."
    seen = [
        f"The witness {one.name} saw this tree at {format_utc(one.time_s * 1_000_000)}."
        for one in head.cosigned
    ]
    return (key, *seen)


def _not_proved_by(head: VerifiedHead) -> list[str]:
    if head.quorum_s is not None:
        return []
    sentence = (
        "That everyone is shown the same log: no quorum of witnesses was asked for, so the holder"
        " of the log's key could keep a second version."
    )
    return [sentence]
