"""`vitne fsck`: hash a whole folder again."""

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Parameter

from vitne.cli.base.admin import ServerFolder, settings_of
from vitne.cli.base.app import REFUSED
from vitne.cli.base.output import Advance, Json, Output, plain, table
from vitne.core.values import LogId, count
from vitne.services.check import FsckReport
from vitne.wiring import Server, open_server


def fsck(
    *,
    tenant: Annotated[str, Parameter(help="Tenant whose log alone is checked.")] = "",
    rebuild: Annotated[
        bool, Parameter(help="First make damaged index files of segments anew, from the records.")
    ] = False,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> int:
    """Hash everything again: parts, entries, tiles of every level, roots, signatures, segments.

    Reads only, and may run beside a server. Exit status 1 if anything is damaged; the report
    names file and index. Nothing is repaired, but for index files of segments with --rebuild:
    they hold nothing that the records do not say.
    """
    out = Output(json)
    server = open_server(settings_of(server_folder), serving=False)
    try:
        rebuilt = _rebuild(server, tenant) if rebuild else []
        logs = (
            [server.adapters.store.log(LogId(tenant))] if tenant else server.adapters.store.logs()
        )
        with out.progress("hashing", sum(info.next_index for info in logs)) as advance:
            report = server.fsck.run(LogId(tenant) if tenant else None, _follow(advance))
    finally:
        server.close()
    out.result(
        {"clean": report.clean, "rebuilt": rebuilt, "report": report},
        *[plain(f"Made anew: {key}") for key in rebuilt],
        *_lines(report),
    )
    return 0 if report.clean else REFUSED


def _rebuild(server: Server, tenant: str) -> list[str]:
    """Object keys of the index files that were made anew."""
    logs = [LogId(tenant)] if tenant else [info.log for info in server.adapters.store.logs()]
    return [
        segment.index_key
        for log in logs
        for segment in server.adapters.segments.segments(log)
        if server.adapters.archive.rebuild(log, segment)
    ]


def _follow(advance: Advance) -> Callable[[LogId, int, int], None]:
    """Turns "this far in this log" into steps of a bar."""
    at: Counter[LogId] = Counter()

    def step(log: LogId, done: int, _total: int) -> None:
        advance(done - at[log])
        at[log] = done

    return step


def _lines(report: FsckReport) -> list[Any]:
    lines: list[Any] = []
    if report.damages:
        rows = [
            (d.log, d.where, "" if d.index is None else d.index, d.what) for d in report.damages
        ]
        lines.append(table("Damage", ("log", "file", "index#", "what"), rows))
        more = report.damage_count - len(report.damages)
        if more:
            lines.append(plain(f"and {more:,} more"))
    lines.append(
        plain(
            f"{count(report.logs, 'log')}, {count(report.entries, 'entry')}"
            f" ({report.published:,} under a signed checkpoint),"
            f" {count(report.segments, 'segment')}: {report.took_s:.1f} s"
        )
    )
    if report.clean:
        lines.append(plain("Clean: everything hashes to what was signed.", "bold green"))
    else:
        lines.append(plain(f"{report.damage_count:,} damaged.", "bold red"))
    return lines
