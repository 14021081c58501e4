"""`python -m bench`: measure this machine; prints a table, writes bench/out/<time>.json.

One run gives every figure, so that ratios are of the same machine at the same time. The default
takes some minutes; `--events 10000000` is the size of docs/benchmarks.md.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench import answers, ask_kept, entry_cost, index_build, scenarios
from bench.load import Load
from bench.measure import machine
from bench.queries import queries_for
from bench.server import prepare, serving
from bench.simulated import simulated_events, slim

OUT = Path(__file__).parent / "out"


def main() -> None:
    """Run all scenarios."""
    options = _options()
    whole = simulated_events(options.templates)
    template_events = whole if options.full_events else [slim(event) for event in whole]
    results: dict[str, scenarios.Figures] = {}

    def told(name: str, figures: scenarios.Figures) -> None:
        results[name] = figures
        print(
            f"\n{name}",
            *(f"  {key:44} {value:>16,.2f}" for key, value in figures.items()),
            sep="\n",
            flush=True,
        )

    print(machine(), flush=True)
    if options.ask:
        told("answers over kept data", ask_kept.measure(Path(options.ask), options.seed))
        _write(options, results)
        return
    made = msgspec.json.decode(Load(template_events).batch(20_000))
    told("entry: CPU an event, one thread", entry_cost.measure(made))
    segment = msgspec.json.decode(Load(template_events).batch(index_build.SEGMENT))
    told("index of a segment: CPU an event, one thread", index_build.measure(segment))
    root = Path(tempfile.mkdtemp(prefix="vitne-bench-", dir=options.folder))
    if options.answers:
        told(
            f"answers over {options.events:,} events",
            answers.measure(root / "answers", [slim(event) for event in whole], options.events),
        )
        if not options.keep:
            scenarios.remove(root)
        _write(options, results)
        return
    folder = root / "server"
    try:
        _measure_server(options, template_events, folder, told)
    finally:
        if not options.keep:
            scenarios.remove(root)
    _write(options, results)


def _measure_server(
    options: argparse.Namespace,
    template_events: list[dict[str, Any]],
    folder: Path,
    told: Callable[[str, scenarios.Figures], None],
) -> None:
    load = Load(template_events)
    end_us = time.time_ns() // 1000
    queries = queries_for(template_events, end_us)
    keys = prepare(folder)
    sizes = [size for size in (1_000_000, 10_000_000, 50_000_000) if size < options.events]
    done = 0
    with serving(folder, keys) as server:
        for size in [*sizes, options.events]:
            while done < size:
                count = min(options.window, size - done)
                bodies = list(scenarios.year_of_batches(load, count, end_us, options.events, done))
                figures = scenarios.bulk_intake(server, bodies)
                done += count
                told(f"bulk intake, events {done - count:,} to {done:,}", figures)
            told(f"seal: time to catch up at {size:,}", scenarios.settle(server))
            told(f"search at {size:,} events", scenarios.search(server, queries, options.rounds))
            told(f"memory after searching at {size:,}", {"MiB": server.memory_mb()})
        told("single POSTs, 32 connections", scenarios.single_intake(server, load, options.singles))
    told("bare executemany, same rows and table", scenarios.floor(folder))
    told("disk", scenarios.disk(folder, done + options.singles))
    if not options.skip_fsck:
        told("fsck, offline, one core", scenarios.fsck(folder, done + options.singles))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="size to grow the log to")
    parser.add_argument("--window", type=int, default=1_000_000, help="events of one figure")
    parser.add_argument("--singles", type=int, default=20_000, help="single POSTs")
    parser.add_argument("--templates", type=int, default=50_000, help="distinct simulated events")
    parser.add_argument(
        "--full-events", action="store_true", help="as the SDK sends them, about 1,300 bytes each"
    )
    parser.add_argument("--rounds", type=int, default=60, help="searches of each kind")
    parser.add_argument("--folder", default=None, help="where to put the data")
    parser.add_argument("--skip-fsck", action="store_true", help="it takes minutes at 10 M")
    parser.add_argument(
        "--answers", action="store_true", help="only questions with evidence, over so many events"
    )
    parser.add_argument(
        "--ask", default=None, help="only questions over the data that --answers --keep left there"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the questions of --ask")
    parser.add_argument("--keep", action="store_true", help="leave the data there")
    return parser.parse_args()


def _write(options: argparse.Namespace, results: dict[str, scenarios.Figures]) -> None:
    OUT.mkdir(exist_ok=True)
    stamp = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    path = OUT / f"{stamp}.json"
    document = {
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
        "machine": machine(),
        "date": stamp,
        "options": vars(options),
        "results": results,
    }
    path.write_text(json.dumps(document, indent=1))
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
