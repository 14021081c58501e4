"""What a scan of everything that a log was told expects of a bundle: rule 16 to 20 by hand."""

from dataclasses import dataclass
from typing import Any

from .export import Export, Value
from .log import Told

QUORUM_LATE_US = 300_000_000
ORDER = ("key", "sender", "log", "stated")


@dataclass
class Expected:
    """What a verifier has to say."""

    verdict: str
    hits: list[int]
    reasons: list[str]
    """Codes, sorted."""
    exact: bool
    binding: str
    trust: str
    seal: str

    def json(self) -> dict[str, Any]:
        """As an object."""
        return dict(vars(self))


class Reckoning:
    """The answer to the question of one export."""

    def __init__(self, export: Export) -> None:
        """Look at the log, the choices, and what is shown."""
        self.x, self.log, self.c = export, export.log, export.c

    def expected(self) -> Expected:
        """By a scan of everything that the log was told."""
        reasons = self._heads()
        reasons += ["unknown_entry_type" for i in self.x.given if i in self.log.unknown]
        reasons += ["open_end"] if self.x.b == self.x.size else []
        hits = []
        for i in self.x.candidates:
            found = self._hit(self.log.told[i])
            if found is True:
                hits.append(i)
            elif found:
                reasons.append(found)
        binding = self._binding()
        reasons += ["unbound_key"] if binding == "stated" else []
        reasons += self._coverage_reasons()
        verdict = "proved" if hits else "undecidable" if reasons else "disproved"
        trust = "bundled" if self.c.trust == "bundled" else "given"
        return Expected(verdict, hits, sorted(reasons), not reasons, binding, trust, self.c.seal)

    def _heads(self) -> list[str]:
        found = []
        records = [
            int(self.log.runs[p][2].split("\n")[5].split(" ")[1]) for p in self.x.used
        ]  # recorded_us of the last entry of each
        log_newest = self.log.times[self.x.given[-1]]
        for witnesses, times, newest in (
            (self.c.log_witnesses, self.c.log_times, log_newest),
            (self.c.index_witnesses, self.c.index_times, max(records, default=0)),
        ):
            time = witnesses.quorum_time_s(times)
            if time is not None and newest - time * 1_000_000 > QUORUM_LATE_US:
                found.append("after_quorum")
        return found

    def shows(self, told: Told) -> bool:
        """Core's event part is opened."""
        return "core" not in told.erased and (told.index, "core") not in self.c.withhold

    def says(self, told: Told, kind: int, parts: Value) -> bool:
        """Core says the value."""
        core = told.core
        actor = core.get("actor", {})
        targets = [(t["type"], t["id"]) for t in core.get("targets", [])]
        said = {
            1: bool(actor) and (actor["issuer"], actor["id"]) == parts[:2],
            2: tuple(parts[-2:]) in targets,
            4: True,
            5: core["type"] == parts[0],
            6: core.get("correlation", {}).get("action_id") == parts[0],
        }
        return said[1] and said[2] if kind == 3 else said[kind]

    def _hit(self, told: Told) -> str | bool:
        if self.shows(told) and told.lies_on_time:
            return "other_time"
        time = told.recorded_us if self.c.clock == "recorded" else told.occurred_us
        if not self.c.from_us <= time < self.c.to_us:
            return False
        if not self.shows(told):
            pruned = any(
                i in self.x.given and least > told.index for i, least in self.log.prunes.items()
            )
            return (
                "core_erased" if "core" in told.erased
                else "core_pruned" if pruned else "core_withheld"
            )  # fmt: skip
        value, _ = self.x.holds(told)
        if value and not self.says(told, self.c.kind, self.c.parts):
            return "other_value"
        if not self.passes(told):
            return False
        return True if value else "overflow"

    def passes(self, told: Told) -> bool:
        """The filter holds."""
        core = told.core
        targets = core.get("targets", [])
        texts = {
            "type": [core["type"]],
            "category": [core["category"]] if "category" in core else [],
            "outcome": [core["outcome"]["result"]],
            "action": [core["correlation"]["action_id"]] if "correlation" in core else [],
            "actor": [core["actor"]["id"]] if "actor" in core else [],
            "target": [x for t in targets for x in (t["id"], f"{t['type']}/{t['id']}")],
        }
        for term in self.c.filter.split(" ") if self.c.filter else []:
            name, value = term.removeprefix("-").split(":", 1)
            begins = value.endswith("*")
            wanted = value.removesuffix("*")
            found = any(x.startswith(wanted) if begins else x == wanted for x in texts[name])
            if found == term.startswith("-"):
                return False
        return True

    def _binding(self) -> str:
        if self.c.kind == 4:
            return "key"
        epochs = {k["epoch"] for k in self.x.keys}
        return max((self._grade(epoch) for epoch in epochs), key=ORDER.index)

    def _grade(self, epoch: int) -> str:
        kind, parts = self.c.kind, self.c.parts
        if epoch in self.c.index_secrets:
            return "key"
        if not self.c.secrets:
            return "stated"
        values = [(1, parts[:2]), (2, parts[2:])] if kind == 3 else [(kind, parts)]
        return max((self._bound(epoch, *value) for value in values), key=ORDER.index)

    def _bound(self, epoch: int, kind: int, parts: Value) -> str:
        found = [
            told
            for told in (self.log.told[i] for i in self.x.opened)
            if told.epoch == epoch
            and self.shows(told)
            and self.says(told, kind, parts)
            and [v for k, v in told.filed if k == kind] == [parts]
        ]
        if not found:
            return "stated"
        signed = all(t.index in self.x.senders and t.stream.mode == "full" for t in found)
        return "sender" if signed else "log"

    def _coverage_reasons(self) -> list[str]:
        coverage = self.x.coverage()
        if not coverage:
            found = ["no_coverage"]
        else:
            names = ("silent", "abandoned", "missing", "voided")
            codes = ("silent_source", "abandoned_stream", "missing_numbers", "voided_numbers")
            found = [
                code
                for stream in coverage["streams"]
                if stream["from_us"] < self.x.hi and self.x.lo < stream["to_us"]
                for name, code in zip(names, codes, strict=True)
                if stream[name]
            ]
        found += ["tail_uncovered"] if self.x.end < self.x.b else []
        return found + [
            f"limit:{limit['code']}"
            for limit in self.c.limits
            if limit["from_us"] < self.x.hi and self.x.lo < limit["to_us"]
        ]
