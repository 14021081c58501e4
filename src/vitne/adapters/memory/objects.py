"""Objects in a dictionary (`vitne.ports.ObjectStore`)."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence

from vitne.errors import BadInputError, ObjectConflictError

_KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", re.ASCII)
_MOST_KEY_BYTES = 400


class MemoryObjects:
    """Keeps plain bytes; `room_bytes` is what `free_bytes` starts from."""

    def __init__(self, room_bytes: int = 1 << 40) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()  # guards: the dict of objects
        self.room_bytes = room_bytes

    def put(self, objects: Mapping[str, bytes]) -> None:
        with self._lock:
            for key, body in objects.items():
                if self._objects.get(_checked(key), body) != body:
                    raise ObjectConflictError("an object exists with other bytes", where=key)
            self._objects |= objects

    def replace(self, objects: Mapping[str, bytes]) -> None:
        for key in objects:
            _checked(key)
        with self._lock:
            self._objects |= objects

    def get(self, key: str) -> bytes | None:
        return self._objects.get(_checked(key))

    def get_all(self, keys: Sequence[str]) -> dict[str, bytes]:
        found = {key: self.get(key) for key in keys}
        return {key: body for key, body in found.items() if body is not None}

    def get_gzip(self, key: str) -> bytes | None:
        """Nothing is kept compressed, so there is none of any key."""
        _checked(key)
        return None

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            _checked(key)
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        if prefix and not prefix.endswith("/"):
            raise BadInputError("a prefix of keys is a whole folder: it ends in /", where=prefix)
        if prefix:
            _checked(prefix[:-1])
        return iter(sorted(key for key in list(self._objects) if key.startswith(prefix)))

    def free_bytes(self) -> int:
        return self.room_bytes - sum(map(len, self._objects.values()))

    def close(self) -> None:
        """Nothing is held."""


def _checked(key: str) -> str:
    parts = key.split("/")
    if len(key) > _MOST_KEY_BYTES or not _KEY.fullmatch(key) or {".", ".."} & set(parts):
        raise BadInputError("this is no object key", where=repr(key[:_MOST_KEY_BYTES]))
    return key
