"""How `vitne verify` reports on an evidence bundle: the rules one by one, then what they prove."""

from pathlib import Path
from typing import Any

import msgspec

from vitne.cli.base.files import read_text
from vitne.cli.base.output import Output, plain, second, sections
from vitne.core.values import format_utc
from vitne.errors import BadInputError, VerificationError
from vitne.evidence.bundle.answer import Answer, Hit, Policies
from vitne.evidence.bundle.sentences import RULE_SENTENCES, AnswerClaims, claims_of_answer
from vitne.evidence.bundle.verify import RULES, verify_bundle
from vitne.evidence.policy import Policy

_KEY_BYTES = 32
MAX_FILE_BYTES = 64 << 20
_MOST_HITS = 50
"""Shown to people; programs get all of them."""


def print_bundle_check(
    out: Output, data: bytes, log: Policy | None, index: Policy | None, keys: dict[int, bytes]
) -> None:
    """Check a bundle and print what it proves.

    Args:
        out: where to.
        data: the file's bytes.
        log: the verifier's own policy, or None for the file's.
        index: likewise for the index log; None takes `log`, if that has a key of it.
        keys: index secrets by epoch that the verifier has.

    Raises:
        VerificationError: a rule fails; the rules up to it were printed.
    """
    try:
        found = verify_bundle(data, Policies(log, log if index is None else index, keys))
    except VerificationError as error:
        if not out.as_json:
            out.result(None, *_rules(error.rule))
        raise
    told = claims_of_answer(found)
    out.result(_machine(found, told), *_rules(""), "", *_lines(found, told))


def index_secrets(texts: list[str]) -> dict[int, bytes]:
    """Keys by epoch from texts `EPOCH:HEX`, or from files: `EPOCH:@FILE`.

    Raises:
        BadInputError: another form; the text, which may be secret, is not repeated.
    """
    found: dict[int, bytes] = {}
    for text in texts:
        epoch, _, key = text.partition(":")
        if key.startswith("@"):
            key = read_text(Path(key[1:]), MAX_FILE_BYTES).strip()
        try:
            value = bytes.fromhex(key)
        except ValueError:
            value = b""
        if not (epoch.isascii() and epoch.isdecimal()) or len(value) != _KEY_BYTES:
            raise BadInputError("expected --index-secret EPOCH:HEX with 64 hex digits")
        found[int(epoch)] = value
    return found


def _rules(failed: str) -> list[Any]:
    """The twenty rules with a tick, up to the one that failed."""
    lines: list[Any] = [plain("Checked", "bold")]
    reached = RULES.index(failed) if failed in RULES else len(RULES)
    for at, name in enumerate(RULES):
        if at < reached:
            mark, style = "✓", "green"
        else:
            mark, style = ("✗", "bold red") if at == reached else ("·", "dim")
        lines.append(plain(f"  {mark} {at + 1:>2} {name:<17}{RULE_SENTENCES[name]}", style))
    return lines


def _lines(found: Answer, told: AnswerClaims) -> list[Any]:
    style = {"proved": "bold green", "disproved": "bold green", "undecidable": "bold yellow"}
    lines: list[Any] = [plain(told.headline, style[found.verdict])]
    if found.hits:
        lines += ["", *(plain(f"  {_hit_line(hit)}") for hit in found.hits[:_MOST_HITS])]
    if len(found.hits) > _MOST_HITS:
        lines.append(plain(f"  and {len(found.hits) - _MOST_HITS:,} more (--json has all)"))
    lines += sections(
        ("Proved", told.proved),
        ("Why this is not the last word", told.limits),
        ("What you have to trust", told.trust),
        ("Withheld and erased", told.withheld),
        ("Not proved", told.not_proved),
    )
    return lines


def _hit_line(hit: Hit) -> str:
    core = hit.core()
    actor = core.get("actor")
    who = actor.get("id", "") if isinstance(actor, dict) else ""
    signed = f", signed ({hit.signed})" if hit.signed else ""
    grade = f", attribution {hit.attribution}" if hit.attribution else ""
    when = second(format_utc(hit.occurred_us))
    return f"entry {hit.index:,}  {when}  {who}  {core.get('type', '')}{grade}{signed}"


def _machine(found: Answer, told: AnswerClaims) -> dict[str, Any]:
    asked = found.question
    return {
        "verified": True,
        "verdict": found.verdict,
        "exact": found.exact,
        "hits": [_hit(hit) for hit in found.hits],
        "reasons": found.reasons,
        "binding": found.binding,
        "trust": found.trust,
        "origin": found.origin,
        "question": {
            "text": asked.text,
            "clock": asked.clock,
            "from_us": asked.from_us,
            "to_us": asked.to_us,
            "early_us": asked.early_us,
            "late_us": asked.late_us,
            "filter": asked.filter,
            "parts": asked.keys[0].parts,
        },
        "range": found.range,
        "window_us": found.window,
        "covered": found.covered,
        "heads": [
            {
                "origin": head.origin,
                "size": head.size,
                "root": head.root,
                "key": head.key,
                "cosigned": head.cosigned,
                "quorum_s": head.quorum_s,
            }
            for head in (found.log_head, found.index_head)
        ],
        "coverage": found.coverage,
        "streams": [
            {"stream": one.stream.hex(), "source": one.source, "missing": one.missing}
            | {"silent": one.silent, "abandoned": one.abandoned, "voided": one.voided}
            | {"from_us": one.from_us, "to_us": one.to_us}
            for one in found.streams
        ],
        "withheld": found.withheld,
        "erased": found.erased,
        "seal": found.seal,
        "stamps": [{"kind": one.kind, "over": one.over} for one in found.stamps],
        "detections": found.detections,
        "rules": RULES,
        "claims": told,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "index": hit.index,
        "recorded_at": format_utc(hit.recorded_us),
        "occurred_at": format_utc(hit.occurred_us),
        "stream": {"id": hit.stream_id.hex(), "seq": hit.stream_seq},
        "signed": hit.signed,
        "attribution": hit.attribution,
        **{
            name: None if data is None else msgspec.json.decode(data or b"{}")
            for name in hit.parts.__struct_fields__
            for data in (getattr(hit.parts, name),)
        },
    }
