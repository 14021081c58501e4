"""Caches that may hold personal values, such as names and addresses: an erasure empties them all.

A cache outlives the record that a value came from. So whatever remembers such values is made by
`personal_cache`, and whoever erases calls `forget_personal_values`, once in each process.
"""

from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import Any, Final, TypeVar
from weakref import WeakSet

Result = TypeVar("Result")

_CACHES: Final[WeakSet["_lru_cache_wrapper[Any]"]] = WeakSet()


def personal_cache(
    most: int,
) -> Callable[[Callable[..., Result]], "_lru_cache_wrapper[Result]"]:
    """`functools.lru_cache` of `most` results, for a function of values that may be personal."""

    def cached(function: Callable[..., Result]) -> "_lru_cache_wrapper[Result]":
        made = lru_cache(most)(function)
        _CACHES.add(made)
        return made

    return cached


def forget_personal_values() -> None:
    """Empty every such cache of this process."""
    for cache in list(_CACHES):
        cache.cache_clear()
