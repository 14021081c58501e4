"""`vitne import`: bring in logs of other systems, with their times, ids and originals."""

import gzip
import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
from cyclopts import Parameter

from vitne.cli.base.client import HttpClient, ServerOptions, read_reply
from vitne.cli.base.output import Json, Output, table
from vitne.core.event.body import IMPORT_TYPE
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.core.values import count, uuid_text
from vitne.errors import BadInputError, ConfigurationError, UnavailableError
from vitne.formats.cef import CallWatch
from vitne.formats.importing import Format, ImportOptions, Tally, import_batches, mapped_records
from vitne.formats.mapping import read_mapping
from vitne.wire.events import EventResult, IntakeReply, Status

_FORMAT_HELP = (
    "Else by the file's name: .csv and .tsv, .cef, .json (CloudTrail); jsonl for any other."
)
_MAPPING_HELP = (
    "For csv and jsonl: a TOML file that says which field becomes which, or one that comes with"
    " Vitne: example, permits, problems. How to write one: docs/howto/import-logs.md."
)
_TRIES = 6
_TYPE = {"Content-Type": IMPORT_TYPE}
_UNMAPPED_SHOWN = 12
_GZIP = b"\x1f\x8b"
_BY_SUFFIX: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".cef": "cef", ".json": "cloudtrail"}

Post = Callable[[bytes, int], list[EventResult]]
"""Send a body of so many events; the results, one per event."""


def import_(  # noqa: PLR0913  # one parameter per option of the verb
    file: Annotated[Path, Parameter(help="The log to bring in, plain or gzip.")],
    /,
    *,
    format: Annotated[Format | None, Parameter(help=_FORMAT_HELP)] = None,  # noqa: A002  # the name of the option
    mapping: Annotated[str, Parameter(help=_MAPPING_HELP)] = "",
    at: Annotated[
        str, Parameter(help="For jsonl: the member of each line that holds the record, e.g. event.")
    ] = "",
    delimiter: Annotated[str, Parameter(help="For csv: character between two cells.")] = ",",
    dry_run: Annotated[
        bool, Parameter(help="Only map and check all records and report; needs no server.")
    ] = False,
    restart: Annotated[
        bool, Parameter(help="Begin at the file's start, even if an import of it was cut off.")
    ] = False,
    server: ServerOptions | None = None,
    json: Json = False,
) -> int:
    """Bring in a log of another system: each of its records becomes an event.

    Every record keeps its time, and its original is kept whole beside the event. Ids derive from
    the records', so importing a file again adds nothing. An import that was interrupted continues
    where it stopped. Needs a key whose source may import: vitne key add --may-import. Exit status 1
    if a record was refused; the report says which and why.

    For example:
        vitne import trail.json.gz --format cloudtrail
        vitne import orders.csv --mapping mine.toml --dry-run
    """
    out = Output(json)
    rule = read_mapping(_mapping_bytes(mapping), mapping) if mapping else None
    chosen = format or _BY_SUFFIX.get(Path(file.name.removesuffix(".gz")).suffix, "jsonl")
    if not file.is_file():
        raise BadInputError("there is no such file", where=str(file))
    if len(delimiter) != 1:
        raise BadInputError("a delimiter is one character", where="--delimiter")
    options = ImportOptions(chosen, rule, at, delimiter)
    if dry_run:
        tally = _run(file, options, out, _judge, None)
        return _tell(tally, out, dry_run=True)
    with HttpClient(server) as client:
        options = msgspec.structs.replace(options, tenant=client.tenant)
        state = _State(file, options, mapping, client.url)
        if restart:
            state.path.unlink(missing_ok=True)
        tally = _run(file, options, out, partial(_post, client), state)
        state.path.unlink(missing_ok=True)
    return _tell(tally, out, dry_run=False)


def _run(
    file: Path, options: ImportOptions, out: Output, post: Post, state: "_State | None"
) -> Tally:
    """Read, map and post; continue after what an earlier run has done."""
    tally = state.load() if state is not None else Tally()
    if tally.read:
        done = count(tally.read, "record")
        out.note(f"An earlier import was interrupted after {done}; continuing there.")
    with _lines(file) as (lines, position), out.progress("importing", file.stat().st_size) as move:
        watch = CallWatch()
        records = mapped_records(lines, options)
        if options.format == "cef":
            records = watch.through(records)
        for _ in range(tally.read):
            next(records, None)
        moved = 0
        for batch, body in import_batches(records):
            sent = sum(record.event is not None for record in batch)
            results = post(body, sent) if sent else []
            tally.add(batch, [(one.status, one.problems[:1]) for one in results])
            if state is not None:
                state.save(tally)
            moved, before = position(), moved
            move(moved - before)
    tally.notes = [watch.finding] if watch.finding else []
    return tally


@contextmanager
def _lines(file: Path) -> Iterator[tuple[Iterator[bytes], Callable[[], int]]]:
    """The file's lines, unpacked, and how many of its bytes are read."""
    with file.open("rb") as packed:
        start = packed.read(2)
        packed.seek(0)
        if start == _GZIP:
            with gzip.GzipFile(fileobj=packed) as unpacked:
                yield _iterate(unpacked, file), packed.tell
        else:
            yield _iterate(packed, file), packed.tell


def _iterate(unpacked: BinaryIO | gzip.GzipFile, file: Path) -> Iterator[bytes]:
    # `readline` and not iteration: that would make `tell` of the file useless.
    try:
        while line := unpacked.readline():
            yield line
    except (EOFError, zlib.error, OSError) as error:
        raise BadInputError(f"the file does not read: {error}", where=str(file)) from error


def _post(client: HttpClient, body: bytes, events: int) -> list[EventResult]:
    """Send a body; the results, one per event."""
    results = read_reply(client.send_events(body, _TYPE, _TRIES), IntakeReply).results
    if len(results) != events:
        message = f"the server answered for {len(results)} of {count(events, 'event')}"
        raise UnavailableError(message, where=client.url)
    return results


def _judge(body: bytes, events: int) -> list[EventResult]:
    """What a server would say of the form of the events, without one."""
    context = IntakeContext(
        now_us=time.time_ns() // 1000,
        registration=SourceRegistration("import", "cli", may_import=True),
        fresh=os.urandom,
        pseudonym=lambda _tenant, _plain: "0" * 32,
        default_tenant="unnamed",
    )
    found = []
    for line in body.split(b"\n")[:events]:
        event = msgspec.json.encode(msgspec.json.decode(line)["event"])
        judged = validate_event(event, context)
        if isinstance(judged, Rejected):
            found.append(EventResult("rejected", problems=tuple(judged.problems)))
        else:
            status: Status = "quarantined" if isinstance(judged, Quarantined) else "accepted"
            found.append(EventResult(status, uuid_text(judged.event_id)))
    return found


class _State:
    """How far the import of one file, read in one way, into one server, has come.

    The file is named by its content, so a changed one begins anew.
    """

    def __init__(self, file: Path, options: ImportOptions, mapping: str, url: str) -> None:
        digest = hashlib.sha256()
        with file.open("rb") as content:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
        way = f"{options.format}\n{options.at}\n{options.delimiter}\n{options.tenant}\n{url}"
        digest.update(f"\n{way}\n".encode() + (_mapping_bytes(mapping) if mapping else b""))
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        self.path = Path(home) / "vitne/imports" / f"{digest.hexdigest()}.json"

    def load(self) -> Tally:
        """What was done before; nothing if there is no state, or it does not read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Tally)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Tally()

    def save(self, tally: Tally) -> None:
        """Note how far it is. If this is lost, ids make sending again harmless."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(tally))
        beside.replace(self.path)


def _mapping_bytes(mapping: str) -> bytes:
    """A mapping file, or one of those that come with Vitne."""
    path = Path(mapping)
    if path.is_file():
        return path.read_bytes()
    shipped = files("vitne.formats") / "mappings"
    if mapping.isidentifier() and (shipped / f"{mapping}.toml").is_file():
        return (shipped / f"{mapping}.toml").read_bytes()
    names = sorted(f.name.removesuffix(".toml") for f in shipped.iterdir() if ".toml" in f.name)
    raise ConfigurationError(
        f"there is no mapping {mapping!r}",
        hint=f"give a TOML file, or one of: {', '.join(names)}",
    )


def _tell(tally: Tally, out: Output, *, dry_run: bool) -> int:
    counts = [(name, getattr(tally, name)) for name in _STATUSES if getattr(tally, name)]
    done = "would be " if dry_run else ""
    parts = [f"{count:,} {done}{name}" for name, count in counts] or ["nothing to import"]
    people: list[Any] = [f"{count(tally.read, 'record')} read: {', '.join(parts)}."]
    if tally.reasons:
        rows = [(reason, f"{count:,}") for reason, count in _most(tally.reasons)]
        people.append(table("Refused, by reason", ["reason", "records#"], rows))
        examples = [(e.number, e.code, e.path, e.expected, e.got) for e in tally.examples[:5]]
        columns = ["record#", "code", "path", "expected", "got"]
        people.append(table("The first of them", columns, examples))
    if tally.unmapped:
        rows = [(name, f"{count:,}") for name, count in _most(tally.unmapped)[:_UNMAPPED_SHOWN]]
        more = len(tally.unmapped) - len(rows)
        title = "Kept in the original only" + (f" (and {more} more fields)" if more else "")
        people.append(table(title, ["field", "records#"], rows))
    people += [f"Note: {note}." for note in tally.notes]
    out.result(msgspec.to_builtins(tally) | {"dry_run": dry_run}, *people)
    return 1 if tally.rejected else 0


_STATUSES = ("accepted", "duplicate", "quarantined", "dropped", "rejected")


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
