"""A year of events with known actors and targets, and what a plain scan says of any question.

The events are the simulator's, with actors and targets drawn anew from large populations. What is
kept of them for the scan is made while they are made, beside the log and not from it.
"""

import random
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from bench.load import uuid7
from vitne.core.values import format_utc

OUTCOMES: Final = ("succeeded", "denied", "failed", "partial", "unknown")
DAY_US: Final = 86_400 * 1_000_000
_SLOTS: Final = re.compile(r"@@(ID|ACTION|ACTOR|T[0-9]+|TIME|SEQ)@@")
_ENCODE: Final = msgspec.json.Encoder().encode


class Asked(Struct, frozen=True):
    """One question to the scan; what is None is not asked about."""

    from_us: int
    to_us: int
    clock: str = "recorded"
    actor: str | None = None
    target: tuple[str, str] | None = None
    type: str | None = None
    action: str | None = None
    outcome: str | None = None


class _Template:
    """One event with holes, and what the scan must know of it."""

    def __init__(self, event: dict[str, Any]) -> None:
        self.type = str(event["type"])
        self.outcome = str(event["outcome"]["result"])
        self.unattributed = event["actor"]["attribution"] == "none"
        self.targets = [str(one["type"]) for one in event.get("targets", ())]
        targets = [one | {"id": f"@@T{at}@@"} for at, one in enumerate(event.get("targets", ()))]
        holes = event | {
            "id": "@@ID@@",
            "occurred_at": "@@TIME@@",
            "actor": event["actor"] | {"id": "@@ACTOR@@"},
            "correlation": {"action_id": "@@ACTION@@"},
            "stream": {"id": "bench/answers/1", "seq": "@@SEQ@@"},
            **({"targets": targets} if targets else {}),
        }
        text = _ENCODE(holes).decode().replace('"@@SEQ@@"', "@@SEQ@@")
        pieces = _SLOTS.split(text)
        self.literals, self.slots = pieces[0::2], pieces[1::2]

    def fill(self, values: dict[str, str]) -> str:
        out = [self.literals[0]]
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            out += (values[slot], literal)
        return "".join(out)


class World:
    """The events of a year, batch by batch, and the scan over them.

    Args:
        events: of the simulator, as templates.
        total: how many the year has.
        end_us: when it ends.
        actors: how many people act.
    """

    def __init__(
        self, events: list[dict[str, Any]], total: int, end_us: int, actors: int, seed: int = 1
    ) -> None:
        self._templates = [_Template(event) for event in events]
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable choice
        self.total = total
        self.start_us = end_us - 365 * DAY_US
        self.end_us = end_us
        self.actors = actors
        self.targets = max(total // 50, 100)
        """Of each type."""
        self.types = sorted({template.type for template in self._templates})
        self._type_number = {name: at for at, name in enumerate(self.types)}
        self.target_types = sorted({one for t in self._templates for one in t.targets})
        self._target_number = {name: at for at, name in enumerate(self.target_types)}
        self._actor, self._type = array("i"), array("h")
        self._occurred, self._recorded = array("q"), array("q")
        self._index = array("q")
        self._action = bytearray()
        self._outcome = array("b")
        self._nobody: list[int] = []
        self.unattributed: set[int] = set()
        """Log indices of events whose person is not known."""
        self._pair, self._pair_row = array("q"), array("q")

    def batches(self, size: int) -> Iterator[tuple[int, bytes]]:
        """(time of recording, JSON array), in the order of time."""
        step_us = (self.end_us - self.start_us) // self.total
        for first in range(0, self.total, size):
            count = min(size, self.total - first)
            at_us = self.start_us + (first + count) * step_us
            made = [self._event(first + n, at_us, step_us * count) for n in range(count)]
            yield at_us, f"[{','.join(made)}]".encode()

    def _event(self, number: int, recorded_us: int, spread_us: int) -> str:
        chance = self._chance
        template = self._templates[number % len(self._templates)]
        # Most are sent at once, some hours later, as by a till that was offline.
        late_us = chance.randrange(spread_us + 1)
        if chance.random() < 0.01:  # noqa: PLR2004 - one in a hundred
            late_us += chance.randrange(6 * 3600 * 1_000_000)
        occurred_us = (recorded_us - late_us) // 1000 * 1000
        actor = chance.randrange(self.actors)
        rand = f"{chance.getrandbits(160):040x}"
        now_ms = recorded_us // 1000
        action = uuid7(now_ms, rand[18:]).decode()
        values = {
            "ID": uuid7(now_ms, rand).decode(),
            "ACTION": action,
            "ACTOR": f"usr_{actor}",
            "TIME": format_utc(occurred_us),
            "SEQ": str(number + 1),
        }
        for at, kind in enumerate(template.targets):
            name = int(self.targets * chance.random() ** 1.5)
            values[f"T{at}"] = target_id(kind, name)
            self._pair.append(self._target_number[kind] << 40 | name)
            self._pair_row.append(number)
        if template.unattributed:
            self._nobody.append(number)
        self._actor.append(actor)
        self._type.append(self._type_number[template.type])
        self._occurred.append(occurred_us)
        self._recorded.append(recorded_us)
        self._action += _bytes(action)
        self._outcome.append(OUTCOMES.index(template.outcome))
        return template.fill(values)

    def stored(self, first_index: list[int]) -> None:
        """Where the events of the last batch stand in the log, in its order."""
        known = len(self._index)
        self._index.extend(first_index)
        self.unattributed |= {self._index[row] for row in self._nobody if row >= known}
        self._nobody.clear()

    # ------------------------------------------------------------ the scan

    def table(self) -> pa.Table:
        """All events, one a row."""
        return pa.table(
            {
                "index": pa.array(self._index, pa.int64()),
                "actor": pa.array(self._actor, pa.int32()),
                "type": pa.array(self._type, pa.int16()),
                "occurred": pa.array(self._occurred, pa.int64()),
                "recorded": pa.array(self._recorded, pa.int64()),
                "action": pa.Array.from_buffers(
                    pa.binary(16), len(self._type), [None, pa.py_buffer(self._action)]
                ),
                "outcome": pa.array(self._outcome, pa.int8()),
            }
        )

    def pairs(self) -> pa.Table:
        """Every (event, target)."""
        return pa.table(
            {
                "target": pa.array(self._pair, pa.int64()),
                "row": pa.array(self._pair_row, pa.int64()),
            }
        )

    def a_target(self, row: int) -> tuple[str, int] | None:
        """One of the targets of an event; None: it has none."""
        at = bisect_left(self._pair_row, row)
        if at == len(self._pair_row) or self._pair_row[at] != row:
            return None
        kind, name = divmod(self._pair[at], 1 << 40)
        return self.target_types[kind], name

    def target_number(self, target: tuple[str, str]) -> int:
        """As it stands in `pairs`; -1: there never was one."""
        kind = self._target_number.get(target[0])
        digits = target[1].rpartition("_")[2]
        return -1 if kind is None or not digits.isdecimal() else kind << 40 | int(digits)

    def type_number(self, name: str) -> int:
        """As it stands in `table`."""
        return self._type_number.get(name, -1)


def _bytes(uuid: str) -> bytes:
    return bytes.fromhex(uuid.replace("-", ""))


def target_id(kind: str, number: int) -> str:
    """The id of one target of a kind."""
    return f"{kind[:3]}_{number}"


def scan(world: World, table: pa.Table, pairs: pa.Table, asked: Asked) -> list[int]:
    """Log indices of the events that answer a question, by looking at every one."""
    times = table.column(asked.clock)
    found = pc.and_(pc.greater_equal(times, asked.from_us), pc.less(times, asked.to_us))
    if asked.actor is not None:
        digits = asked.actor.removeprefix("usr_")
        number = int(digits) if digits.isdecimal() else -1
        found = pc.and_(found, pc.equal(table.column("actor"), number))
    if asked.type is not None:
        found = pc.and_(found, pc.equal(table.column("type"), world.type_number(asked.type)))
    if asked.action is not None:
        found = pc.and_(found, pc.equal(table.column("action"), _bytes(asked.action)))
    if asked.outcome is not None:
        found = pc.and_(found, pc.equal(table.column("outcome"), OUTCOMES.index(asked.outcome)))
    if asked.target is None:
        return sorted(table.column("index").filter(found).to_pylist())
    wanted = pc.equal(pairs.column("target"), world.target_number(asked.target))
    rows = pc.unique(pairs.column("row").filter(wanted))
    kept = rows.filter(found.take(rows))
    return sorted(table.column("index").take(kept).to_pylist())
