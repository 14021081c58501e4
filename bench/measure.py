"""Small measuring tools: memory, disk, percentiles, what machine this is."""

import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path


def rss_mb(pid: int) -> float:
    """Resident memory of a process and its children, in MiB (shared pages counted once each)."""
    total = 0
    for one in [pid, *_children(pid)]:
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().split("\n"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(one) for one in found] + [two for one in found for two in _children(int(one))]


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and its living children."""
    ticks = 0
    for one in [pid, *_children(pid)]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def disk_bytes(folder: Path) -> dict[str, int]:
    """Bytes on disk by kind: tiles, segments, indexes, database, the rest."""
    kinds: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            kind = _kind(path.relative_to(folder))
            kinds[kind] = kinds.get(kind, 0) + path.stat().st_size
    return kinds


def _kind(path: Path) -> str:
    if path.suffix == ".parquet":
        return "parquet"
    if path.suffix == ".idx":
        return "index"
    if "entries" in path.parts:
        return "entry bundles"
    if "tile" in path.parts:
        return "hash tiles"
    return "database" if path.name.startswith("vitne.db") else "rest"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> str:
    """One line about this machine."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().split("\n"):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory_gb:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {sys.version.split()[0]}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
