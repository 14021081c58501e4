"""`vitne receipts check`: does the log keep what it promised?

Exit statuses: 0 every receipt holds, or is too young to say; 1 one does not, and the evidence is
written; 3 there are no receipts; the others as everywhere.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from cyclopts import App, Parameter

from vitne.cli.base.client import HttpClient, ServerOptions
from vitne.cli.base.output import Json, Output, plain, table
from vitne.cli.base.signing_keys import Trust, trusted_keys
from vitne.core.entry.receipt import Receipt, receipt_name
from vitne.core.tree.note import Verifier, open_checkpoint, parse_note
from vitne.core.tree.tile import parse_path
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import count
from vitne.errors import BadInputError, DecodeError, NotFoundError
from vitne.evidence.audit.receipt_check import CheckedReceipt, DatedCheckpoint, check_receipt
from vitne.sdk.options import default_spool_dir
from vitne.wire.tenants import TenantReply, TenantsReply

app = App(name="receipts", help="Check that the log contains every event it acknowledged.")

_US = 1_000_000
_MAX_BYTES = 256 * 1024 * 1024
_BROKEN = 1


class _KeptReceipt(msgspec.Struct):
    """One line of a file of receipts."""

    receipt: object = ""


class _Source(NamedTuple):
    """Where the log of one tenant is read from."""

    checkpoint: str
    at_us: int
    tile: Callable[[str], bytes | None]


@app.command(name="check")
def check_receipts(  # noqa: PLR0913  # the options of a verb
    *,
    receipts: Annotated[
        list[Path] | None,
        Parameter(
            help="File of receipts: receipts.jsonl of the SDK, receipts.ndjson of `vitne send`"
            " [those of the SDK in the spool folder]."
        ),
    ] = None,
    mirror: Annotated[
        Path | None,
        Parameter(help="Read the log from this folder instead of a server: a mirror, a backup."),
    ] = None,
    trust: Trust = None,
    max_delay: Annotated[
        int, Parameter(help="Seconds within which the log promises to publish.")
    ] = 60,
    evidence: Annotated[
        Path, Parameter(help="Folder for what is broken: one file a receipt.")
    ] = Path(),
    server: ServerOptions | None = None,
    json: Json = False,
) -> int:
    """Compare every receipt with the published log.

    This checks the signature of each receipt and of the checkpoint, that the promised entries are
    at their positions in the tree, and that no entry older than the delay is missing. Log and
    receipts have a key each; keys that are not given with --trust are those that the server names.

    For example:
        vitne receipts check --url https://audit.example --trust "$LOG" --trust "$RECEIPTS"
        vitne receipts check --mirror ./mirror --trust "$LOG" --trust "$RECEIPTS"
    """
    out = Output(json)
    by_origin = _by_origin(_notes(receipts))
    keys = _Keys(trusted_keys(trust))
    found: list[tuple[CheckedReceipt, DatedCheckpoint]] = []
    if mirror is not None:
        for origin, notes in by_origin.items():
            found += _check_log(origin, notes, _mirrored(mirror, origin), keys, max_delay)
    else:
        with HttpClient(server) as client:
            keys.ask = lambda: client.get("/v1/tenants", TenantsReply).tenants
            for origin, notes in by_origin.items():
                found += _check_log(origin, notes, _served(client, origin), keys, max_delay)
    return _tell(out, found, evidence, named_by_server=keys.asked)


# ---------------------------------------------------------------- receipts


def _notes(files: list[Path] | None) -> Iterator[str]:
    """The receipts of the files, each once.

    Raises:
        NotFoundError: there is no file, or none in it.
        BadInputError: a line is no receipt that the SDK kept.
    """
    paths = files or sorted(default_spool_dir().glob("*/receipts.jsonl*"))
    paths = [path for path in paths if path.suffix != ".lock"]
    seen: set[str] = set()
    for path in paths:
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise BadInputError(f"more than {_MAX_BYTES} bytes", where=str(path))
            data = path.read_bytes()
        except OSError as error:
            raise NotFoundError(
                f"cannot read receipts: {error.strerror}", where=str(path)
            ) from None
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            note = _receipt_of(line, f"{path}:{number}")
            if note and note not in seen:
                seen.add(note)
                yield note
    if not seen:
        raise NotFoundError(
            "there are no receipts",
            where=str(default_spool_dir()),
            hint="name a file: --receipts ~/.local/state/vitne/receipts.ndjson has those of vitne"
            " send",
        )


def _receipt_of(line: bytes, where: str) -> str:
    """The receipt of a line; `""` for half a line of a process that was killed."""
    try:
        note = msgspec.json.decode(line, type=_KeptReceipt).receipt
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if not isinstance(note, str):
        raise BadInputError("this receipt is not a text", where=where)
    return note


def _by_origin(notes: Iterable[str]) -> dict[str, list[str]]:
    """Receipts by the log that they say they are of."""
    found: dict[str, list[str]] = {}
    for note in notes:
        try:
            origin = Receipt.parse(parse_note(note)[0]).origin
        except DecodeError as error:
            raise BadInputError(f"no receipt: {error.message}", where=note[:60]) from None
        found.setdefault(origin, []).append(note)
    return found


# ---------------------------------------------------------------- logs


class _Keys:
    """The verifier keys: given, or else named by the server."""

    def __init__(self, trusted: list[str]) -> None:
        try:
            given = [Verifier(vkey) for vkey in trusted]
        except DecodeError as error:
            raise BadInputError(f"no verifier key: {error.message}") from None
        self._by_name = {verifier.name: verifier for verifier in given}
        self.ask: Callable[[], list[TenantReply]] | None = None
        self.asked = False

    def of(self, name: str) -> Verifier:
        """The key that signs under a name. Raises `BadInputError` if nobody names it."""
        if name not in self._by_name and self.ask is not None and not self.asked:
            self.asked = True
            for tenant in self.ask():
                for vkey in (tenant.log.log_key, tenant.log.receipt_key):
                    verifier = Verifier(vkey)
                    self._by_name.setdefault(verifier.name, verifier)
        found = self._by_name.get(name)
        if found is None:
            raise BadInputError(
                "no key is given to check this with", where=name, hint="give it with --trust VKEY"
            )
        return found


def _served(client: HttpClient, origin: str) -> _Source:
    """The log as a server has published it."""
    tenant = origin.rpartition("/")[2]
    checkpoint = client.data(f"/log/{tenant}/checkpoint").decode("utf-8", "replace")

    def tile(path: str) -> bytes | None:
        try:
            return client.data(f"/log/{tenant}/{path}")
        except NotFoundError:
            return None

    return _Source(checkpoint, time.time_ns() // 1000, tile)


def _mirrored(folder: Path, origin: str) -> _Source:
    """The log as it lies in a folder, as of the time of its checkpoint's file."""
    tenant = origin.rpartition("/")[2]
    places = [folder, folder / tenant, folder / "log" / tenant, folder / "objects/log" / tenant]
    for place in places:
        path = place / "checkpoint"
        if path.is_file() and path.read_text("utf-8", "replace").startswith(f"{origin}\n"):
            break
    else:
        raise NotFoundError(f"the folder holds no log {origin}", where=str(folder))

    def tile(name: str) -> bytes | None:
        parse_path(name)
        file = place / name
        return file.read_bytes() if file.is_file() else None

    at_us = path.stat().st_mtime_ns // 1000
    return _Source(path.read_text("utf-8", "replace"), at_us, tile)


def _check_log(
    origin: str, notes: list[str], source: _Source, keys: _Keys, max_delay_s: int
) -> list[tuple[CheckedReceipt, DatedCheckpoint]]:
    """All receipts of one log, by index. Raises `VerificationError` for a bad checkpoint."""
    checkpoint, _ = open_checkpoint(source.checkpoint, keys.of(origin))
    head = DatedCheckpoint(checkpoint, source.checkpoint, source.at_us)
    tiles = TileReader(source.tile, checkpoint.size)
    verifier = keys.of(receipt_name(origin))
    found = [
        check_receipt(note, verifier, head, tiles, max_delay_s * _US)
        for note in sorted(notes, key=lambda note: Receipt.parse(parse_note(note)[0]).first)
    ]
    return [(one, head) for one in found]


# ---------------------------------------------------------------- telling


def _tell(
    out: Output,
    found: list[tuple[CheckedReceipt, DatedCheckpoint]],
    folder: Path,
    *,
    named_by_server: bool,
) -> int:
    counts = Counter(one.status for one, _ in found)
    broken = [(one, head) for one, head in found if one.status == "broken"]
    files = [_write(folder, one, head) for one, head in broken]
    trust = "the key that the server names" if named_by_server else "your keys"
    machine = {
        "held": counts["held"],
        "waits": counts["waits"],
        "broken": [
            {"code": one.code, "text": one.text, "origin": one.origin, "evidence": str(file)}
            for (one, _), file in zip(broken, files, strict=True)
        ],
        "trust": trust,
    }
    told = (
        f"{count(counts['held'], 'receipt')} kept, {counts['waits']} too recent to say,"
        f" {len(broken)} broken; checked with {trust}."
    )
    rows = [
        (one.code, one.origin, one.text, file) for (one, _), file in zip(broken, files, strict=True)
    ]
    people: list[Any] = [plain(told)]
    if rows:
        columns = ("what!", "log!?", "why", "evidence!")
        people.append(lambda: table(count(len(rows), "broken promise"), columns, rows))
    out.result(machine, *people)
    return _BROKEN if broken else 0


def _write(folder: Path, one: CheckedReceipt, head: DatedCheckpoint) -> Path:
    """Keep the evidence under a name that says which receipt."""
    tenant = one.origin.rpartition("/")[2] or "unreadable"
    base = f"receipt-{tenant}-{one.first}-{one.code}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(10_000):
        path = folder / (f"{base}.json" if not number else f"{base}-{number}.json")
        try:
            with path.open("xb") as file:
                file.write(one.evidence(head))
        except FileExistsError:
            continue
        return path
    raise BadInputError("too many files of evidence", where=str(folder))
