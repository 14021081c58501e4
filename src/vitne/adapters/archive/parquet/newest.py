"""A small cache: values that are slow to make, the last used ones kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Item = TypeVar("Item")


class Newest(Generic[Key, Item]):
    """The items used last, at most so many; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[Key, Item] = OrderedDict()
        self._lock = threading.Lock()  # guards: _items

    def get(self, key: Key, make: Callable[[], Item]) -> Item:
        """The item of a key, made if it is not there."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        item = make()  # outside the lock: two threads may make it, one of the two is kept
        with self._lock:
            item = self._items.setdefault(key, item)
            while len(self._items) > self._most:
                self._items.popitem(last=False)
        return item

    def drop(self, key: Key) -> None:
        """Forget one."""
        with self._lock:
            self._items.pop(key, None)
