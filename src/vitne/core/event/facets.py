"""The facets of a record, read from its core part again (pure).

Intake has them at hand; whoever has only what is stored derives them here, and gets the same.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from vitne.core.values.record import Facets
from vitne.errors import DecodeError


class _Actor(Struct, frozen=True):
    id: str = ""


class _Outcome(Struct, frozen=True):
    result: str = ""


class _Target(Struct, frozen=True):
    type: str
    id: str


class _Core(Struct, frozen=True):
    type: str = ""
    actor: _Actor = _Actor()
    outcome: _Outcome = _Outcome()
    targets: list[_Target] = []


_read = msgspec.json.Decoder(_Core).decode


def facets_of(core: bytes, occurred_us: int) -> Facets:
    """The facets of an event.

    Args:
        core: canonical JSON; never an erased one, of which nothing is known.
        occurred_us: as its entry has it.

    Raises:
        DecodeError: it is no core part.
    """
    try:
        found = _read(core)
    except msgspec.DecodeError as error:
        raise DecodeError(f"a core part is damaged: {error}") from None
    lines = target_lines((one.type, one.id) for one in found.targets)
    return Facets(occurred_us, found.type, found.actor.id, found.outcome.result, lines)


def target_lines(targets: Iterable[tuple[str, str]]) -> str:
    """`Facets.targets` of (type, id), each once; `""` for none."""
    known = dict.fromkeys(targets)
    return "\n".join(["", *[f"{kind}/{name}" for kind, name in known], ""]) if known else ""
