"""`vitne verify`: check a proof without a server, a network or the extra `server`."""

import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vitne.cli.base.files import read_file, read_text, write_file
from vitne.cli.base.output import Json, Output, members, plain, second, sections
from vitne.cli.base.signing_keys import Trust, trusted_keys
from vitne.cli.prove.verify_bundle import MAX_FILE_BYTES, index_secrets, print_bundle_check
from vitne.core.values import JsonObject, format_utc
from vitne.errors import BadInputError, VerificationError
from vitne.evidence import policy
from vitne.evidence.browser import read_verifier_page
from vitne.evidence.bundle.document import is_bundle
from vitne.evidence.policy import Policy, parse_policy
from vitne.evidence.record import sentences as claims
from vitne.evidence.record import tlog_proof
from vitne.evidence.record import verify as record_proof
from vitne.evidence.record.sentences import Claims
from vitne.evidence.record.tlog_proof import VerifiedEntry
from vitne.evidence.record.verify import VerifiedHead, VerifiedRecord

_RECORD = b'{"checkpoint":'
"""How every record proof begins."""


def write_page(out: Output, path: Path) -> None:
    """Write the page, and say its SHA-256, by which others can know it.

    Raises:
        BadInputError: the file cannot be written.
        ConfigurationError: this installation lacks the page.
    """
    page = read_verifier_page()
    digest = sha256(page).hexdigest()
    write_file(path, page)
    told = {"file": str(path), "bytes": len(page), "sha256": digest}
    out.result(told, f"{path}: {len(page):,} bytes, SHA-256 {digest}")


def verify(  # noqa: PLR0913  # one option for each thing that a verifier may have
    file: Annotated[Path | None, Parameter(help="A bundle, a record proof or .tlog-proof.")] = None,
    /,
    *,
    trust: Trust = None,
    policy: Annotated[
        Path | None, Parameter(help="C2SP tlog-policy: logs, witnesses, quorum.")
    ] = None,
    index_policy: Annotated[
        Path | None, Parameter(help="The same for the index log of a bundle.")
    ] = None,
    index_secret: Annotated[
        list[str] | None, Parameter(help="Tenant index secret, EPOCH:HEX or EPOCH:@FILE.")
    ] = None,
    entry: Annotated[
        Path | None, Parameter(help="The entry of a .tlog-proof that carries none.")
    ] = None,
    html: Annotated[Path | None, Parameter(help="Write the verifier for browsers here.")] = None,
    json: Json = False,
) -> None:
    """Check an answer or a record, offline: that it follows from the log, unchanged.

    Prints what is proved, what you have to trust, what was withheld and what is not proved.
    Without --trust or --policy the key in the file itself is used: then the proof is only as good
    as the file's origin.

    Exit status 0 if every rule holds, whatever a bundle's verdict is: proved, disproved or
    undecidable. Exit status 1 if a rule fails; its name is printed, and there is no verdict.

    With --html and no FILE it writes a second verifier, one HTML file that needs no network, for
    people who have no Python.
    """
    out = Output(json)
    if html is not None and file is None:
        write_page(out, html)
        return
    if file is None or html is not None:
        raise BadInputError("give either a file to verify or --html")
    data = read_file(file, MAX_FILE_BYTES)
    trusted = _policy(trusted_keys(trust), policy)
    try:
        if tlog_proof.is_tlog_proof(data):
            _tell_entry(out, _verified_entry(data, trusted, entry))
        elif is_bundle(data) or (file.suffix == ".vitne" and not data.startswith(_RECORD)):
            of_index = (
                None
                if index_policy is None
                else parse_policy(read_text(index_policy, MAX_FILE_BYTES))
            )
            print_bundle_check(out, data, trusted, of_index, index_secrets(index_secret or []))
        else:
            _tell_record(out, record_proof.verify_record(data, trusted))
    except VerificationError as error:
        error.message = f"NOT verified, rule {error.rule} fails: {error.message}"
        error.hint = error.hint or "the file was changed, or is no proof of this kind"
        raise


def _verified_entry(data: bytes, trusted: Policy | None, entry: Path | None) -> VerifiedEntry:
    if trusted is None:
        raise BadInputError(
            "a .tlog-proof contains no key", hint="give the log's key with --trust or --policy"
        )
    return tlog_proof.verify_tlog_proof(
        data, trusted, None if entry is None else read_file(entry, MAX_FILE_BYTES)
    )


def _policy(keys: list[str], policy_file: Path | None) -> Policy | None:
    if policy_file is not None:
        if keys:
            raise BadInputError("give keys or a policy, not both")
        return parse_policy(read_text(policy_file, MAX_FILE_BYTES))
    return policy.policy_of_keys(keys) if keys else None


def _tell_record(out: Output, found: VerifiedRecord) -> None:
    told = claims.claims_of_record(found, time.time_ns() // 1000)
    event = found.event()
    machine = {
        **_of_head(found.head, found.index),
        "recorded_at": format_utc(found.recorded_us),
        "occurred_at": format_utc(found.occurred_us),
        "stream": {"id": found.stream_id.hex(), "seq": found.stream_seq},
        "withheld": found.withheld,
        "erased": found.erased,
        "event": event,
        "record": found.record(),
        "claims": told,
    }
    out.result(machine, *_lines(told, _facts(found, event)))


def _tell_entry(out: Output, found: VerifiedEntry) -> None:
    told = claims.claims_of_entry(found)
    machine = {**_of_head(found.head, found.index), "entry": found.entry, "claims": told}
    out.result(machine, *_lines(told, []))


def _of_head(head: VerifiedHead, index: int) -> JsonObject:
    return {
        "verified": True,
        "origin": head.origin,
        "index": index,
        "size": head.size,
        "root": head.root,
        "key": head.key,
        "trust": head.trust,
        "cosigned": head.cosigned,
    }


def _facts(found: VerifiedRecord, event: dict[str, Any]) -> list[tuple[str, object]]:
    """What people look for first; an opened event may lack any of it."""
    actor, outcome = members(event.get("actor")), members(event.get("outcome"))
    raw = event.get("targets")
    targets = [members(one) for one in raw] if isinstance(raw, list) else []
    facts = [
        ("event", event.get("type")),
        ("id", event.get("id")),
        ("actor", " ".join(str(actor[n]) for n in ("id", "name") if n in actor)),
        ("targets", ", ".join(f"{one.get('type')}/{one.get('id')}" for one in targets)),
        ("outcome", " ".join(str(outcome[n]) for n in ("result", "code") if n in outcome)),
        ("happened", f"{second(format_utc(found.occurred_us))}  (as the sender states)"),
        ("recorded", f"{second(format_utc(found.recorded_us))}  (as the log recorded it)"),
        ("stream", f"{found.stream_id.hex()} number {found.stream_seq:,}"),
    ]
    return [(name, value) for name, value in facts if value]


def _lines(told: Claims, facts: list[tuple[str, object]]) -> list[Any]:
    lines: list[Any] = [plain(told.headline, "bold green")]
    if facts:
        lines += ["", *(plain(f"  {name:<9} {value}") for name, value in facts)]
    lines += sections(
        ("Proved", told.proved),
        ("What you have to trust", told.trust),
        ("Withheld", told.withheld),
        ("Not proved", told.not_proved),
    )
    return lines
