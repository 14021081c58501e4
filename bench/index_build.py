"""What the index of a segment costs, and what one lookup in it does."""

import gc
import random
import secrets
import time
from typing import Any

import msgspec

from bench.scenarios import Figures
from vitne.adapters.archive.index.build import build_index, run_of
from vitne.adapters.archive.index.lookup import Lookup
from vitne.core.entry.assemble import Assembler
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.core.index.gap import gap_leaves, run_root
from vitne.core.tree.multiproof import multiproof
from vitne.core.values import Origin
from vitne.services.intake import core_record

SEGMENT = 65_536
_ROUNDS = 5
_LOOKUPS = 1_000


def measure(events: list[dict[str, Any]]) -> Figures:
    """µs CPU an event, best of rounds, over a full segment of simulated events."""
    entries, ids = _entries(events)
    count = len(entries)
    whole, hashed, plain = [], [], []
    index = build_index(0, entries, ids, frozenset(), frozenset())
    gc.collect()
    gc.disable()  # as the process that seals does
    for _ in range(_ROUNDS):
        started = time.process_time()
        build_index(0, entries, ids, frozenset(), frozenset())
        whole.append(time.process_time() - started)
        started = time.process_time()
        run_of(0, entries)
        hashed.append(time.process_time() - started)
    started = time.process_time()
    leaves = gap_leaves(0, entries)
    if run_root(leaves) != index.run_root:
        raise SystemExit("bench: the index is not that of the definition")
    plain.append(time.process_time() - started)
    gc.enable()
    return {
        "entries": count,
        "gap leaves an entry": index.gap_count / count,
        "µs gap leaves and run root": min(hashed) / count * 1e6,
        "µs with the file": min(whole) / count * 1e6,
        "µs by the definition": min(plain) / count * 1e6,
        "bytes an event": len(index.data) / count,
        "µs a lookup with its proof": _lookups(index.data, leaves),
    }


def _lookups(data: bytes, leaves: list[bytes]) -> float:
    lookup, chance = Lookup(data), random.Random(1)  # noqa: S311 - a repeatable choice
    keys = [chance.choice(leaves)[8:24] + secrets.token_bytes(1) for _ in range(_LOOKUPS)]
    started = time.process_time()
    for key in keys:
        place = lookup.find_leaf(key)
        lookup.leaf(place)
        multiproof(lookup.node, lookup.leaf_count, [place])
    return (time.process_time() - started) / len(keys) * 1e6


def _entries(events: list[dict[str, Any]]) -> tuple[list[bytes], list[bytes]]:
    registration = SourceRegistration("crm", "crm-bff", may_import=True)
    context = IntakeContext(
        now_us=time.time_ns() // 1000,
        registration=registration,
        fresh=secrets.token_bytes,
        pseudonym=lambda _tenant, _text: "h:0",
        tenants=("bench",),
        default_tenant="bench",
    )
    assembler = Assembler(Origin("bench.local/log/bench"), secrets.token_bytes(32), 1)
    beside = core_record("crm/crm-bff", "api_key", (), (), "access-24m")
    stamp = context.now_us.to_bytes(8, "big")
    entries, ids = [], []
    for at, event in enumerate(events[:SEGMENT]):
        found = validate_event(msgspec.json.encode(event), context, at)
        if not isinstance(found, ValidEvent):
            raise SystemExit("bench: a simulated event is not valid")
        made = assembler.prepare(found, beside, b"", b"", secrets.token_bytes(16)).entry
        entries.append(made[:10] + stamp + made[18:])
        ids.append(found.event_id)
    return entries, ids
