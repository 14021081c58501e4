"""What witnesses have against the logs: a head larger than ours, or one that is not consistent.

Either means that this store is not the one that signed last. Publishing of that log stops, until
its newest store is back; reading goes on, and answers say so. An incident outlives a restart, and
ends when the same witness cosigns the log's head again.
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
    """One witness contradicts one tree."""

    tree: LogId
    """Of the log, or `<log>/index`."""
    witness: str
    """Its address."""
    kind: Literal["ahead", "fork"]
    """It cosigned a larger head than ours; or one that ours did not grow from."""
    our_size: int
    their_size: int
    at_us: int
    note: str = ""
    """The head that it shows, if the log's own key signed that: proof, not only a claim."""

    @property
    def reason(self) -> str:
        """In one sentence."""
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
    """Keeps incidents as objects, one for each tree. Any thread may call."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = Lock()
        self._found: dict[LogId, WitnessIncident] = {}

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
            self._found[found.tree] = found
        return list(self._found.values())

    def add(self, incident: WitnessIncident) -> bool:
        """Keep one, durably; False if there is one of this tree already."""
        with self._lock:
            if incident.tree in self._found:
                return False
            self._objects.replace({_key(incident.tree): msgspec.json.encode(incident)})
            self._found[incident.tree] = incident
            return True

    def clear(self, tree: LogId, witness: str) -> bool:
        """Forget what this witness had against a tree; whether it had anything."""
        found = self._found.get(tree)
        if found is None or found.witness != witness:
            return False
        with self._lock:
            self._objects.delete([_key(tree)])
            self._found.pop(tree, None)
            return True

    def drop(self, incident: WitnessIncident) -> None:
        """Act as if it were not there: its witness is asked no more. The object stays."""
        self._found.pop(incident.tree, None)

    def reason(self, log: LogId) -> str:
        """What is held against a log or its index log; `""`: nothing."""
        return " ".join(one.reason for one in self.all() if base_log(one.tree) == log)

    def all(self) -> Sequence[WitnessIncident]:
        """Those that are open."""
        return list(self._found.values())


def _key(tree: LogId) -> str:
    log = base_log(tree)
    return f"{_FOLDER}{log}/{'log' if log == tree else 'index'}.json"
