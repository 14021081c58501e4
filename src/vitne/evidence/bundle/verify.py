"""The evidence bundle `vitne-bundle/v1`: a question, its answer, and everything to check it with.

`verify_bundle` applies these rules in order; the first that fails is named in the error.
`docs/spec/bundle.md` specifies each to the byte, so that other verifiers agree.

     1 form              strict JSON in JCS, exactly the members, everything ascending
     2 policies          whose keys count: the verifier's own, or those of the bundle
     3 log_checkpoint    the log's head is signed by its log and a quorum of witnesses
     4 index_checkpoint  likewise the index log's
     5 records           the records stand in the index log and are about this log
     6 tiling            they cover the range without hole or overlap, whatever their levels
     7 link              they describe the very log of the head
     8 entries           the entries stand in the log, recorded in order
     9 window            the range is all that was recorded in the window
    10 keys              the lookup keys are of one value, for every epoch that is searched
    11 gaps              each run says of each key how many entries hold it
    12 postings          and which; those in the range are the candidates
    13 tail              what no record covers yet is given whole
    14 held              candidates hold the key, and what holds it is a candidate
    15 opened            their records are what the entries commit to
    16 hits              which of them answer the question
    17 senders           which of them their senders signed
    18 binding           on whose word the keys are those of the value
    19 coverage          gaps and silences that could hide an event
    20 attached          stamps, detections and seal, which decide nothing

A rule that fails makes the bundle invalid: there is no verdict. A *reason* only limits the verdict.
Pure: no network, no clock; the base install is enough.
"""

from collections.abc import Callable
from typing import Final

from msgspec import UnsetType
from msgspec.structs import asdict, replace

from vitne.answers.question import Question, QuestionKey
from vitne.answers.verdict_and_reasons import LIMIT, decide_verdict
from vitne.core.entry.control import EraseEntry
from vitne.core.values import SECTIONS, Section
from vitne.evidence.bundle import rules_attached, rules_entries, rules_index, rules_keys
from vitne.evidence.bundle.answer import Answer, Policies
from vitne.evidence.bundle.document import Bundle, KeyMember, read_bundle
from vitne.evidence.bundle.state import Case
from vitne.evidence.rule import named_rule

_FORM: Final = "form"
_RULES: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("policies", rules_index.policies),
    ("log_checkpoint", rules_index.log_checkpoint),
    ("index_checkpoint", rules_index.index_checkpoint),
    ("records", rules_index.records),
    ("tiling", rules_index.tiling),
    ("link", rules_index.link),
    ("entries", rules_entries.entries),
    ("window", rules_entries.window),
    ("keys", rules_keys.question_keys),
    ("gaps", rules_index.gaps),
    ("postings", rules_index.postings),
    ("tail", rules_entries.tail),
    ("held", rules_entries.held),
    ("opened", rules_entries.opened),
    ("hits", rules_entries.hits),
    ("senders", rules_attached.senders),
    ("binding", rules_keys.binding),
    ("coverage", rules_attached.coverage),
    ("attached", rules_attached.attached),
)

RULES: Final[tuple[str, ...]] = (_FORM, *(name for name, _ in _RULES))
"""Names of the twenty rules, in the order in which they are applied."""


def verify_bundle(data: bytes, policies: Policies | None = None) -> Answer:
    """Check a bundle by the rules above.

    Args:
        data: the file's bytes.
        policies: whom the verifier trusts, and index secrets that it has; None takes the policies
            that the bundle names, which proves only that the bundle agrees with itself.

    Raises:
        VerificationError: a rule fails; `rule` names it.
    """
    with named_rule(_FORM):
        bundle = read_bundle(data)
    case = Case(data, bundle, policies, _question(bundle))
    for name, apply in _RULES:
        with named_rule(name):
            apply(case)
    return _answer(case)


def _question(bundle: Bundle) -> Question:
    members = asdict(bundle.question)
    return Question(**(members | {"keys": [_key(key) for key in bundle.question.keys]}))


def _key(key: KeyMember) -> QuestionKey:
    secrets = () if isinstance(key.secrets, UnsetType) else tuple(key.secrets)
    tagged = bytes((key.kind,)) + key.key
    return QuestionKey(key.kind, key.epoch, tuple(key.parts), tagged, secrets)


def _answer(case: Case) -> Answer:
    found = tuple(replace(hit, signed=case.signed.get(hit.index)) for hit in case.hits)
    erased, listed = tuple(_erased(case)), case.bundle.coverage.streams
    return Answer(
        verdict=decide_verdict(len(found), case.reasons),
        hits=found,
        exact=not case.reasons,
        reasons=tuple(case.reasons),
        binding=case.binding,
        trust=case.trust,
        origin=case.log.origin,
        question=case.question,
        log_head=case.log,
        index_head=case.index,
        range=case.bundle.range,
        window=case.window,
        covered=case.covered,
        runs=len(case.runs),
        coverage=case.counts,
        streams=() if isinstance(listed, UnsetType) else tuple(listed),
        limits=tuple(one for one in case.reasons if one.code.startswith(LIMIT)),
        withheld=tuple(_withheld(case)),
        erased=erased,
        basis={
            index: (entry.basis, entry.ref)
            for index, entry in ((index, case.entries[index]) for _, _, index in erased)
            if isinstance(entry, EraseEntry)
        },
        stamps=tuple(case.stamps),
        detections=tuple(case.detections),
        seal=case.seal,
    )


def _withheld(case: Case) -> list[tuple[int, Section]]:
    return [
        (index, name)
        for index, found in case.opened.items()
        for name in SECTIONS
        if isinstance(found.section(name).erased, UnsetType)
        and any(part.data() is None for part in found.section(name).parts())
    ]


def _erased(case: Case) -> list[tuple[int, Section, int]]:
    return [
        (index, name, section.erased)
        for index, found in case.opened.items()
        for name, section in ((name, found.section(name)) for name in SECTIONS)
        if isinstance(section.erased, int)
    ]
