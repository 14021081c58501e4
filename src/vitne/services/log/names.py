"""Which logs there are, and what each is called; remembered, since logs never go away."""

from vitne.core.values.types import LogId, Origin
from vitne.errors import NotFoundError
from vitne.ports import RecordStore


class Logs:
    """Origins of logs. Any thread may ask."""

    def __init__(self, store: RecordStore, server_name: str) -> None:
        self._store = store
        self._server_name = server_name
        self._known: dict[LogId, Origin] = {}

    def name(self, log: LogId) -> Origin:
        """The origin that a new log gets."""
        return Origin(f"{self._server_name}/log/{log}")

    def origin(self, log: LogId) -> Origin:
        """The origin of an existing log. Raises `NotFoundError`."""
        found = self._known.get(log)
        if found is None:
            found = self._store.log(log).origin
            self._known[log] = found
        return found

    def exists(self, log: LogId) -> bool:
        """Whether the log exists."""
        if log in self._known:
            return True
        try:
            self.origin(log)
        except NotFoundError:
            return False
        return True
