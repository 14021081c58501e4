"""What a witness remembers, in memory (`vitne.ports.WitnessStore`); never for production."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vitne.core.tree.witness import CosignedHead
from vitne.core.values.types import Origin
from vitne.ports import KeptFork

_MOST_CERTAIN, _MOST_OTHERS = 100, 10


class MemoryWitness:
    """The store, and the one transaction that may be open at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards: what is stored
        self._seen: dict[Origin, CosignedHead] = {}
        self._forks: list[KeptFork] = []

    @contextmanager
    def writing(self) -> Iterator["MemoryWitness"]:
        with self._lock:
            before = dict(self._seen), list(self._forks)
            try:
                yield self
            except BaseException:
                self._seen, self._forks = before
                raise

    def seen(self, origin: Origin) -> CosignedHead | None:
        return self._seen.get(origin)

    def put(self, origin: Origin, seen: CosignedHead) -> None:
        self._seen[origin] = seen

    def keep(self, fork: KeptFork) -> None:
        same = [one for one in self._forks if one.origin == fork.origin]
        if any(_names(one) == _names(fork) for one in same):
            return
        alike = [one for one in same if one.fork.certain == fork.fork.certain]
        if fork.fork.certain and len(alike) >= _MOST_CERTAIN:
            return
        if not fork.fork.certain and len(alike) >= _MOST_OTHERS:
            self._forks.remove(alike[0])
        self._forks.append(fork)

    def forks(self) -> list[KeptFork]:
        return sorted(self._forks, key=lambda one: one.origin)


def _names(kept: KeptFork) -> tuple[str, str]:
    return kept.fork.kept, kept.fork.other
