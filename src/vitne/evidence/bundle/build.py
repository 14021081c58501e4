"""Makes a bundle of proven facts: what `bundle.verify` reads back, or an error that says why not.

Nothing is proven here and nothing is hidden by chance: a record is shown section by section as
`OpenedFacts.shown` says, and all that is not shown is the 32-byte leaf. Postings are cut to the
range, with one neighbour at each side, by `postings_window`.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import asdict, replace

from vitne.answers.question import Question, QuestionKey
from vitne.core.entry.commit import RECORD_PART, SectionLeaves, parts_of
from vitne.core.entry.keyring import Keyring, leaves_of, read_keyring
from vitne.core.index.gap import GapLeaf
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.values import SECTIONS, Hash, Section
from vitne.errors import BadInputError, DecodeError, TooLargeError
from vitne.evidence.bundle.document import (
    MAX_BYTES,
    MAX_LIMITS,
    Bundle,
    CoverageMember,
    GapMember,
    IndexMember,
    KeyMember,
    LimitMember,
    LogMember,
    OpenedMember,
    PartMember,
    PolicyMember,
    PostingsMember,
    QuestionMember,
    SectionMember,
    encode_bundle,
    read_bundle,
)
from vitne.evidence.bundle.facts import BundleFacts, CoverageFacts, GapFacts, OpenedFacts
from vitne.evidence.bundle.rules_attached import seal_text

Sign = Callable[[str], str]
"""Makes a signed note of a text, under `<origin>/receipt`."""


def build_bundle(facts: BundleFacts, sign: Sign | None = None) -> bytes:
    """The bytes of a bundle.

    Args:
        facts: what it says.
        sign: seals it: who exported it; None: it is not sealed.

    Raises:
        BadInputError: the facts do not fit each other or the form; `where` names the member.
        DecodeError: a stored record or gap leaf is damaged.
        TooLargeError: the bundle would be larger than 64 MiB.
    """
    bundle = Bundle(
        origin=facts.origin,
        range=facts.range,
        policy=PolicyMember(facts.log_policy, facts.index_policy),
        question=_question(facts.question),
        log=LogMember(
            facts.log_checkpoint,
            list(facts.link),
            sorted(facts.entries.items()),
            list(facts.path),
        ),
        index=IndexMember(facts.index_checkpoint, list(facts.records), list(facts.index_path)),
        gaps=_gaps(facts),
        opened=[_opened(facts, found) for found in facts.opened],
        senders=list(facts.senders),
        coverage=_coverage(facts.coverage),
        detections=list(facts.detections),
        stamps=list(facts.stamps),
        limits=_limits(facts.limits),
    )
    return _checked(bundle if sign is None else _sealed(bundle, sign))


def _sealed(bundle: Bundle, sign: Sign) -> Bundle:
    return replace(bundle, seal=sign(seal_text(bundle.origin, _encoded(bundle))))


def postings_window(indices: Sequence[int], a: int, b: int) -> tuple[int, list[int], list[Hash]]:
    """What to show of a key's postings so that everything in [a, b) is shown for certain (rule 12).

    Args:
        indices: all log indices of the key in the run, ascending; at least one.
        a: first index that is searched.
        b: end of what is searched.

    Returns:
        Position of the first item, the items, and their multiproof in the tree of all.

    Raises:
        BadInputError: there is none.
    """
    if not indices:
        raise BadInputError("a key without postings has no gap leaf")
    start = max(bisect_left(indices, a) - 1, 0)
    end = max(min(bisect_left(indices, b) + 1, len(indices)), start + 1)
    leaves = [leaf_hash(index.to_bytes(8, "big")) for index in indices]
    ranges = multiproof_ranges(len(indices), range(start, end))
    return start, list(indices[start:end]), [merkle_root(leaves[low:high]) for low, high in ranges]


def _checked(bundle: Bundle) -> bytes:
    """Its bytes, if they read back as what they were made of."""
    data = _encoded(bundle)
    if len(data) > MAX_BYTES:
        raise TooLargeError(
            f"the bundle would have {len(data):,} bytes; at most {MAX_BYTES:,} are allowed",
            hint="ask about a shorter period, or withhold the section payload",
        )
    try:
        read_bundle(data)
    except DecodeError as error:
        raise BadInputError(f"no bundle: {error.message}", where=error.where) from error
    return data


def _encoded(bundle: Bundle) -> bytes:
    try:
        return encode_bundle(bundle)
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise BadInputError(f"the facts have no JSON form: {error}") from error


def _question(asked: Question) -> QuestionMember:
    return QuestionMember(**(asdict(asked) | {"keys": [_key(key) for key in asked.keys]}))


def _key(key: QuestionKey) -> KeyMember:
    if key.key[:1] != bytes((key.kind,)):
        raise BadInputError("a question's key is of another kind", where=f"epoch {key.epoch}")
    secrets = list(key.secrets) if key.secrets else UNSET
    return KeyMember(key.kind, key.epoch, list(key.parts), key.key[1:], secrets)


def _gaps(facts: BundleFacts) -> list[GapMember]:
    if [gap.record for gap in facts.gaps] != [position for position, _ in facts.records]:
        raise BadInputError("expected gap leaves for each record, in the same order", where="gaps")
    return [_gap(facts, gap) for gap in facts.gaps]


def _gap(facts: BundleFacts, gap: GapFacts) -> GapMember:
    wanted = {key.key for key in facts.question.keys}
    postings = []
    for position, data in gap.leaves:
        leaf = GapLeaf.decode(data)
        if leaf.key not in wanted:
            continue
        indices = gap.postings.get(position, ())
        if len(indices) != leaf.count:
            raise BadInputError(
                f"expected the {leaf.count} postings of the leaf, got {len(indices)}",
                where=f"gaps: record {gap.record}, leaf {position}",
            )
        start, items, path = postings_window(indices, *facts.range)
        postings.append(PostingsMember(position, start, items, list(path)))
    return GapMember(gap.record, list(gap.leaves), list(gap.path), postings)


def _opened(facts: BundleFacts, found: OpenedFacts) -> OpenedMember:
    record, where = found.record, f"opened: entry {found.record.index}"
    if facts.entries.get(record.index) != record.entry:
        raise BadInputError("a record whose entry is not given", where=where)
    ring, leaves = read_keyring(record), leaves_of(record)
    for erase in found.erased.values():
        if erase not in facts.entries:
            raise BadInputError("an erase entry that is not given", where=where)
    sections = {name: _section(found, name, ring, leaves[name]) for name in SECTIONS}
    return OpenedMember(record.index, **sections)


def _section(
    found: OpenedFacts, name: Section, ring: Keyring, leaves: SectionLeaves
) -> SectionMember:
    event, added = parts_of(found.record.parts, name)
    erase = found.erased.get(name)
    if event is None and name in found.shown:
        raise BadInputError(
            "an erased section cannot be shown", where=f"{found.record.index} {name}"
        )
    if erase is not None and event is not None:
        raise BadInputError("a section is not erased", where=f"{found.record.index} {name}")
    shown = name in found.shown
    made = _part(event if shown else None, ring.salts.get(name), leaves.event)
    record: PartMember | UnsetType = UNSET
    if leaves.record is not None:
        salt = ring.salts.get(RECORD_PART[name])
        record = _part(added if shown else None, salt, leaves.record)
    return SectionMember(made, record, UNSET if erase is None else erase)


def _part(data: bytes | None, salt: bytes | None, leaf: Hash) -> PartMember:
    if data is None or salt is None:
        return PartMember(hash=leaf)
    return PartMember(salt=salt, json=Raw(data))


def _coverage(stated: CoverageFacts | None) -> CoverageMember:
    if stated is None:
        return CoverageMember()
    streams = sorted(stated.streams, key=lambda stream: stream.stream)
    return CoverageMember(record=stated.record, **asdict(stated.counts), streams=streams)


def _limits(limits: Sequence[LimitMember]) -> list[LimitMember] | UnsetType:
    if len(limits) > MAX_LIMITS:
        raise BadInputError(f"at most {MAX_LIMITS:,} limits, got {len(limits):,}", where="limits")
    return list(limits) or UNSET
