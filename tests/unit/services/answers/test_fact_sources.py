"""Answers rest on what other chapters know: each source of it must be connected."""

import pytest

from vitne.services.answers.inputs import FactSources

SOURCES = FactSources.__struct_fields__


@pytest.mark.parametrize("forgotten", SOURCES)
def test_a_fact_source_that_nobody_connected_does_not_say_that_nothing_is_wrong(
    forgotten: str,
) -> None:
    """With a default, a forgotten objection would turn *undecidable* into *disproved*."""
    given = {name: print for name in SOURCES if name != forgotten}

    with pytest.raises(TypeError, match=forgotten):
        FactSources(**given)  # type: ignore[arg-type]  # whatever they are
