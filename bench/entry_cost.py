"""What one event costs before the writer: from JSON to the bytes of its entry."""

import secrets
import time
from typing import Any

import msgspec

from bench.scenarios import Figures
from vitne.core.entry.assemble import Assembler
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.core.values import Origin
from vitne.services.intake import core_record

_ROUNDS = 5


def measure(events: list[dict[str, Any]]) -> Figures:
    """µs CPU an event to validate it, and to commit to it and build its entry; best of rounds."""
    raw = [msgspec.json.encode(event) for event in events[:20_000]]
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
    key = secrets.token_bytes(16)
    validated, assembled = [], []
    for _ in range(_ROUNDS):
        started = time.process_time()
        found = [validate_event(one, context, at) for at, one in enumerate(raw)]
        validated.append(time.process_time() - started)
        good = [one for one in found if isinstance(one, ValidEvent)]
        if len(good) != len(raw):
            raise SystemExit(f"bench: {len(raw) - len(good)} simulated events are not valid")
        started = time.process_time()
        for one in good:
            assembler.prepare(one, beside, b"", b"", key)
        assembled.append(time.process_time() - started)
    return {
        "bytes an event": sum(map(len, raw)) / len(raw),
        "µs validate and split": min(validated) / len(raw) * 1e6,
        "µs commit and build the entry": min(assembled) / len(raw) * 1e6,
    }
