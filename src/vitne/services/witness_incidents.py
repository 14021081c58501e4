"""What witnesses and auditors have against the logs.

A witness that has seen a larger head than ours, or one that is not consistent, means that this
store is not the one that signed last. Publishing of that log stops, until its newest store is back;
reading goes on, and answers say so. An auditor that objects to an index log stops nothing: but no
answer that rests on that index says *disproved*, and each says why. An incident outlives a restart,
and ends when the same witness or auditor cosigns the tree again.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Final, Literal

import msgspec
from msgspec import Struct

from vitne.core.types import LogId
from vitne.errors import IntegrityError
from vitne.ports import ObjectStore
from vitne.services.policies import base_log

__all__ = ["WitnessIncident", "WitnessIncidents"]

_FOLDER: Final = "incidents/"


class WitnessIncident(Struct, frozen=True):
    """One witness contradicts one tree, or an auditor objects to it."""

    tree: LogId
    """Of the log, or `<log>/index`."""
    witness: str
    """Its address; the name of its key for an objection."""
    kind: Literal["ahead", "fork", "objection"]
    """It cosigned a larger head than ours; or one that ours did not grow from; or it recomputed
    the index log, and found it false."""
    our_size: int
    their_size: int
    at_us: int
    note: str = ""
    """The head that it shows, if the log's own key signed that: proof, not only a claim. For an
    objection: that, as its auditor signed it."""
    said: str = ""
    """What an auditor objects to, in a sentence."""

    @property
    def reason(self) -> str:
        """In one sentence."""
        if self.kind == "objection":
            return f"the auditor {self.witness} objects to the index log: {self.said}"
        what = "index log" if base_log(self.tree) != self.tree else "log"
        proven = "; its copy bears this log's signature" if self.note else ""
        if self.kind == "ahead":
            return (
                f"the witness {self.witness} has cosigned size {self.their_size} of this {what},"
                f" which ends at {self.our_size} here: the store went back{proven}"
            )
        return (
            f"the witness {self.witness} refuses size {self.our_size} of this {what}: it is not"
            f" consistent with size {self.their_size} that it has cosigned{proven}"
        )


class WitnessIncidents:
    """Keeps incidents as objects: of each tree one of witnesses, and one of auditors.

    Any thread may call.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = Lock()
        self._found: dict[str, WitnessIncident] = {}
        """By their objects' keys."""

    def load(self) -> Sequence[WitnessIncident]:
        """Read what an earlier run found. Raises `IntegrityError` if an object is damaged."""
        for key in list(self._objects.keys(_FOLDER)):
            data = self._objects.get(key)
            if data is None:
                continue
            try:
                found = msgspec.json.decode(data, type=WitnessIncident)
            except msgspec.DecodeError as error:
                raise IntegrityError(f"an incident is damaged: {error}", where=key) from None
            self._found[_key(found.tree, found.kind)] = found
        return list(self._found.values())

    def add(self, incident: WitnessIncident) -> bool:
        """Keep one, durably; False if there is one of this tree already."""
        key = _key(incident.tree, incident.kind)
        with self._lock:
            if key in self._found:
                return False
            self._objects.replace({key: msgspec.json.encode(incident)})
            self._found[key] = incident
            return True

    def clear(self, tree: LogId, witness: str) -> bool:
        """Forget what this witness, or auditor, had against a tree; whether it had anything."""
        with self._lock:
            keys = [
                key
                for key, found in self._found.items()
                if (found.tree, found.witness) == (tree, witness)
            ]
            self._objects.delete(keys)
            for key in keys:
                del self._found[key]
            return bool(keys)

    def drop(self, incident: WitnessIncident) -> None:
        """Act as if it were not there: its witness is asked no more. The object stays."""
        self._found.pop(_key(incident.tree, incident.kind), None)

    def reason(self, log: LogId) -> str:
        """What witnesses hold against a log or its index log; `""`: nothing."""
        return " ".join(
            one.reason
            for one in self.all()
            if base_log(one.tree) == log and one.kind != "objection"
        )

    def objection(self, tree: LogId) -> WitnessIncident | None:
        """What an auditor holds against an index log; None: nothing."""
        return self._found.get(_key(tree, "objection"))

    def all(self) -> Sequence[WitnessIncident]:
        """Those that are open."""
        return list(self._found.values())


def _key(tree: LogId, kind: str) -> str:
    log = base_log(tree)
    of = "objection" if kind == "objection" else "log" if log == tree else "index"
    return f"{_FOLDER}{log}/{of}.json"
