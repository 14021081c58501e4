"""`vitne audit-index`: recompute an index log from its entries, and cosign it."""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from vitne.cli.base.app import REFUSED
from vitne.cli.base.client import OTHER_API_KEY_HELP
from vitne.cli.base.files import read_file
from vitne.cli.base.output import Json, Output, plain, run_every
from vitne.cli.base.published_files import FolderFiles, HttpFiles, open_files
from vitne.cli.base.signing_keys import Trust, read_policy, read_signer, trusted_keys
from vitne.core.tree.note import Signer
from vitne.core.tree.objection import Objection
from vitne.core.tree.signature import COSIGNATURE, ED25519
from vitne.core.values import count, format_utc
from vitne.errors import (
    BadInputError,
    ConfigurationError,
    StorageError,
    UnavailableError,
    VerificationError,
)
from vitne.evidence.audit import fraud
from vitne.evidence.audit.index_audit import AUDIT_RULES, AuditState
from vitne.evidence.bundle import document as bundle_document
from vitne.evidence.policy import Policy, policy_of_keys
from vitne.services.trust import Audited, audit_once, find_fraud

_STATE_BYTES_MAX = 1 << 30

ProofToCheck = Annotated[
    Path | None, Parameter(help="Fraud proof to check, offline; nothing else is done.")
]


def audit_index(  # noqa: PLR0913 - what an auditor may say
    where: Annotated[
        str, Parameter(help="The log: https://…/log/<tenant>, or a mirrored folder.")
    ] = "",
    /,
    *,
    policy: Annotated[
        Path | None, Parameter(help="C2SP policy of the log: its key, witnesses, quorum.")
    ] = None,
    index_policy: Annotated[
        Path | None, Parameter(help="Policy with the key of its index log; else the log names it.")
    ] = None,
    trust: Trust = None,
    signing_key: Annotated[
        Path | None,
        Parameter(
            help="File with your private key (`vitne witness key`), to cosign with and to sign"
            " objections."
        ),
    ] = None,
    state: Annotated[
        Path | None, Parameter(help="Folder for what was audited; the next audit continues there.")
    ] = None,
    follow: Annotated[int, Parameter(help="Seconds between two audits; 0 audits once.")] = 0,
    report: Annotated[
        Path | None, Parameter(help="File for a JSON report of what is wrong.")
    ] = None,
    bundle: Annotated[
        Path | None, Parameter(help="Bundle to search for entries of the log that it hides.")
    ] = None,
    proof: Annotated[
        Path | None, Parameter(help="File for the fraud proof that --bundle may find.")
    ] = None,
    check_proof: ProofToCheck = None,
    api_key: Annotated[str, Parameter(help=OTHER_API_KEY_HELP)] = "",
    json: Json = False,
) -> int:
    """Recompute an index log from the entries of its log, and cosign it if nothing is wrong.

    Needs no key of the log. Exit status 1 if the log or its index contradicts itself: the report
    names the record and the rule. docs/howto/audit-the-index.md says more.
    """
    out = Output(json)
    trusted, index = _policies(policy, index_policy, trusted_keys(trust))
    if check_proof is not None:
        return _check(out, check_proof, trusted, index)
    if not where:
        raise BadInputError("no log is named", hint="vitne audit-index https://…/log/<tenant>")
    files = open_files(where, api_key)
    if bundle is not None:
        return _search(out, files, trusted, bundle, proof)
    kept = None if state is None else state / _name(trusted)
    auditor = _Auditor(out, files, trusted, index, _signer(signing_key), kept)
    try:
        run_every(out, follow, auditor.run)
    except VerificationError as error:
        auditor.object(error)
        return _failed(out, error, where, report)
    return 0


@dataclass
class _Auditor:
    """Audits again and again, with what it remembers."""

    out: Output
    files: HttpFiles | FolderFiles
    policy: Policy
    index: Policy | None
    signer: Signer | None
    path: Path | None
    """File for what was audited; None keeps it in memory."""

    def __post_init__(self) -> None:
        self.state = _load(self.path)

    def run(self) -> None:
        """One audit; what it verified is remembered before it is cosigned."""
        # A state that was changed in part is never used again: it is read anew.
        state = AuditState.decode(self.state) if self.state else None
        keys = self.index.logs if self.index else ()
        with self.out.progress("recomputing records") as advance:
            found, after = audit_once(
                self.files, self.policy, keys, state, lambda _done, _all: advance(1)
            )
        self.state = after.encode()
        _save(self.path, self.state)
        line = self._cosign(found)
        self.out.result(_told(found, line), *_lines(found, line))

    def _cosign(self, found: Audited) -> str:
        if self.signer is None or found.index is None:
            return ""
        line = self.signer.sign(found.index.text(), time.time_ns() // 1_000_000_000)
        if isinstance(self.files, HttpFiles):
            self.files.bring("cosignatures", found.index_note + line)
        return line

    def object(self, error: VerificationError) -> None:
        """Send the log a signed objection, which its answers then name."""
        files, signer = self.files, self.signer
        if not isinstance(files, HttpFiles) or signer is None or error.rule not in AUDIT_RULES:
            return
        if signer.kind != COSIGNATURE:
            self.out.note("No objection was sent to the log: that needs a key of type 0x04.")
            return
        try:
            origin = (files.get("checkpoint") or b"").decode("utf-8", "replace").partition("\n")[0]
            if not self.policy.log(origin):
                return
            text = Objection(f"{origin}/index", error.rule, error.where, error.message).text()
            files.bring(
                "objections", f"{text}\n{signer.sign(text, time.time_ns() // 1_000_000_000)}"
            )
        except (BadInputError, UnavailableError) as refused:
            self.out.note(f"No objection was sent to the log: {refused}")
            return
        self.out.note("The objection was sent to the log: its answers name it.")


def _policies(
    policy: Path | None, index_policy: Path | None, vkeys: list[str]
) -> tuple[Policy, Policy | None]:
    """The trusted keys. One file may hold the keys of both trees if it asks for no witness."""
    if policy is None and not vkeys:
        raise ConfigurationError(
            "no trusted key of the log is given", hint="give --policy FILE or --trust VKEY"
        )
    found = policy_of_keys(vkeys) if policy is None else read_policy(policy)
    if index_policy is not None:
        return found, read_policy(index_policy)
    own = [key.vkey for key in found.logs if key.name.endswith("/index")]
    return found, policy_of_keys(own) if own else None


def _signer(path: Path | None) -> Signer | None:
    if path is None:
        return None
    signer = read_signer(path)
    if signer.kind == ED25519:
        raise ConfigurationError(
            "an auditor signs with a key of type 0x04 or 0x06",
            where=str(path),
            hint="vitne witness key NAME --out FILE makes one",
        )
    return signer


def _name(policy: Policy) -> str:
    """One file for each log that is trusted: states of two logs never mix."""
    names = "\n".join(sorted(key.name for key in policy.logs))
    return f"{hashlib.sha256(names.encode()).hexdigest()[:16]}.audit"


def _load(path: Path | None) -> bytes:
    if path is None or not path.exists():
        return b""
    if path.stat().st_size > _STATE_BYTES_MAX:
        raise ConfigurationError("this is no state of an audit", where=str(path))
    return path.read_bytes()


def _save(path: Path | None, data: bytes) -> None:
    """Replace the file, durably: an auditor that forgets could cosign two histories."""
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(f"a file cannot be written: {error.strerror}", where=str(path)) from None


def _told(found: Audited, line: str) -> dict[str, Any]:
    return {
        "origin": found.log.origin,
        "log_size": found.log.size,
        "records": found.records,
        "new": found.new,
        "waiting": found.waiting,
        "index_size": found.index.size if found.index else None,
        "cosignature": line,
    }


def _lines(found: Audited, line: str) -> list[Any]:
    lines = [
        plain(
            f"{count(found.records, 'record')} of {found.log.origin} recomputed"
            f" ({found.new:,} new), under"
            f" a checkpoint of {count(found.log.size, 'entry')}: nothing is wrong.",
            "bold green",
        )
    ]
    if found.waiting:
        lines.append(
            plain(f"{count(found.waiting, 'record')} waiting for a cosigned checkpoint of the log.")
        )
    if line:
        lines.append(plain(line, lines=True))
    return lines


def _failed(out: Output, error: VerificationError, where: str, report: Path | None) -> int:
    """Report what is wrong, and keep it in a file."""
    told = {
        "log": where,
        "rule": error.rule,
        "where": error.where,
        "message": error.message,
        "found_at": format_utc(time.time_ns() // 1000),
    }
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    out.result(
        {"error": told},
        plain(f"Wrong: {error.message} [{error.where}, rule {error.rule}]", "bold red"),
        plain("Keep the log's files as they are: docs/howto/audit-the-index.md says why."),
    )
    return REFUSED


def _search(
    out: Output,
    files: HttpFiles | FolderFiles,
    policy: Policy,
    path: Path,
    proof: Path | None,
) -> int:
    """Whether the gap leaves of a bundle hide an entry; the proof of it as a file."""
    found = find_fraud(
        files, policy, bundle_document.read_bundle(read_file(path, bundle_document.MAX_BYTES))
    )
    if found is None:
        out.result({"fraud": False}, plain("The bundle hides no entry of the log.", "bold green"))
        return 0
    if proof is not None:
        proof.write_bytes(found)
    out.result(
        {"fraud": True, "proof": str(proof) if proof else None},
        plain("The bundle hides an entry of the log: its index is false.", "bold red"),
    )
    return REFUSED


def _check(out: Output, path: Path, policy: Policy, index: Policy | None) -> int:
    """Check a fraud proof; exit status 1 means that it does not hold, as in `vitne verify`."""
    found = fraud.verify_fraud_proof(read_file(path, bundle_document.MAX_BYTES), policy, index)
    record = found.record
    out.result(
        {
            "origin": found.log.origin,
            "entry": found.entry,
            "key": found.key.hex(),
            "record": found.position,
            "range": [record.start, record.end],
            "kind": found.kind,
        },
        plain(
            f"Proven: the index log of {found.log.origin} is false. Record {found.position} over"
            f" [{record.start}, {record.end}) hides entry {found.entry} ({found.kind}).",
            "bold red",
        ),
    )
    return 0
