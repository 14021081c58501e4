"""Caches of values that may be personal: an erasure empties them all."""

from vitne.core.values.caches import forget_personal_values, personal_cache


def test_every_personal_cache_is_emptied_at_once() -> None:
    first, second = personal_cache(4)(str.lower), personal_cache(4)(str.upper)
    assert (first("Ada"), second("Ada"), first("Ada")) == ("ada", "ADA", "ada")
    assert first.cache_info().hits == 1

    forget_personal_values()

    assert first.cache_info().currsize == second.cache_info().currsize == 0


def test_what_was_forgotten_is_computed_again() -> None:
    cached = personal_cache(4)(str.lower)
    cached("Ada")

    forget_personal_values()

    assert cached("Ada") == "ada"
    assert (cached.cache_info().misses, cached.cache_info().hits) == (1, 0)
