"""What witnesses and auditors have against the logs.

A witness that has seen a larger head than ours, or one that is not consistent, means that this
store is not the one that signed last. Publishing of that log stops, until its newest store is back;
reading goes on, and answers say so. An auditor that objects to an index log stops nothing: but no
answer that rests on that index says *disproved*, and each says why. An incident outlives a restart,
and ends when the same witness or auditor cosigns the tree again.
"""

from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vitne.core.values import LogId
from vitne.errors import IntegrityError
from vitne.ports import ObjectStore
from vitne.services.trust.policies import base_log

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
    over_us: int = 0
    """When an auditor cosigned again, by its own clock: its objections before then are over."""

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
    """Keeps incidents as objects: of each tree one of witnesses, and one of each auditor.

    Any thread may call.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = Lock()  # guards: _found, and the objects that it lists
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
            with self._lock:
                self._found[_key(found)] = found
        with self._lock:
            return list(self._found.values())

    def add(self, incident: WitnessIncident) -> bool:
        """Keep one, durably; False if that is no news.

        Of a witness's one for each tree, the first. Of an auditor's its newest objection.
        """
        key = _key(incident)
        with self._lock:
            known = self._found.get(key)
            if known is not None and (
                incident.kind != "objection"
                or incident.at_us <= known.at_us
                or incident.at_us < known.over_us
            ):
                return False
            self._put(key, incident)
            return known is None or bool(known.over_us) or known.said != incident.said

    def clear(self, tree: LogId, witness: str) -> bool:
        """Forget what this witness had against a tree; whether it had anything."""
        with self._lock:
            keys = [
                key
                for key, found in self._found.items()
                if (found.tree, found.witness) == (tree, witness) and found.kind != "objection"
            ]
            if keys:
                self._objects.delete(keys)
            for key in keys:
                del self._found[key]
            return bool(keys)

    def end(self, tree: LogId, auditor: str, at_us: int, size: int) -> bool:
        """An auditor has cosigned a tree; whether that ends an objection of its.

        It must be later than that, and cosign no less than was there. What it objected to stays on
        record, so that nobody can bring it again.
        """
        with self._lock:
            for key, found in self._found.items():
                mine = found.kind == "objection" and (found.tree, found.witness) == (tree, auditor)
                if mine and not found.over_us and at_us > found.at_us and size >= found.our_size:
                    self._put(key, replace(found, over_us=at_us))
                    return True
        return False

    def _put(self, key: str, incident: WitnessIncident) -> None:
        """Keep one; the lock is held."""
        self._objects.replace({key: msgspec.json.encode(incident)})
        self._found[key] = incident

    def over_us(self, tree: LogId, auditor: str) -> int:
        """Objections of an auditor from before this are over; 0: none ever ended."""
        with self._lock:
            found = self._found.get(_objection_key(tree, auditor))
        return found.over_us if found else 0

    def drop(self, incident: WitnessIncident) -> None:
        """Act as if it were not there: its witness is asked no more. The object stays."""
        with self._lock:
            self._found.pop(_key(incident), None)

    def reason(self, log: LogId) -> str:
        """What witnesses hold against a log or its index log; `""`: nothing."""
        return " ".join(
            one.reason
            for one in self.all()
            if base_log(one.tree) == log and one.kind != "objection"
        )

    def objections(self, tree: LogId) -> Sequence[WitnessIncident]:
        """What auditors hold against an index log, the newest first."""
        found = [one for one in self.all() if one.tree == tree and one.kind == "objection"]
        return sorted(found, key=lambda one: -one.at_us)

    def all(self) -> Sequence[WitnessIncident]:
        """Those that are open."""
        with self._lock:
            return [one for one in self._found.values() if not one.over_us]


def _key(incident: WitnessIncident) -> str:
    tree, log = incident.tree, base_log(incident.tree)
    if incident.kind == "objection":
        return _objection_key(tree, incident.witness)
    return f"{_FOLDER}{log}/{'log' if log == tree else 'index'}.json"


def _objection_key(tree: LogId, auditor: str) -> str:
    digits = sha256(auditor.encode()).hexdigest()[:16]
    return f"{_FOLDER}{base_log(tree)}/objection-{digits}.json"
