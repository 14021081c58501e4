"""What a bundle answers: who or what is asked about, by which lookup keys, in which period."""

from typing import Literal

from msgspec import Struct

Clock = Literal["recorded", "occurred"]

KINDS = (1, 2, 3, 4, 5, 6)
"""Kinds of lookup keys that a question may be about: actor, target, actor and target, stream, event
type, action (`core.entry.keys`)."""


class QuestionKey(Struct, frozen=True):
    """One lookup key that is looked up: the value's own, or that of its pseudo-target."""

    kind: int
    epoch: int
    """Of the tenant's index secret; 0 for a stream, whose key depends on none."""
    parts: tuple[str, ...]
    """The value: actor issuer and id; target type and id; all four; source and stream; or one."""
    key: bytes
    """Tagged, 17 bytes, as entries and gap leaves hold it."""
    secrets: tuple[bytes, ...] = ()
    """32 bytes each: one, or for kind 3 the actor's and the target's; () = not shown."""

    def __repr__(self) -> str:
        """Which value; its secret lets a holder recognise it."""
        return f"QuestionKey({self.kind}, {self.epoch}, {self.parts!r})"


class Question(Struct, frozen=True):
    """The question, as it stands in a bundle."""

    text: str
    """For people; proves nothing."""
    clock: Clock
    """Which time decides whether an event is in the period: the log's or the sender's."""
    from_us: int
    to_us: int
    """The period [from_us, to_us), microseconds since 1970."""
    early_us: int
    """How much earlier than it happened an event may be recorded (clocks); 0 for `recorded`."""
    late_us: int
    """How much later an event may be recorded and is still looked for; 0 for `recorded`."""
    filter: str
    """What else a hit must satisfy (`bundle_filter`); empty: nothing."""
    keys: list[QuestionKey]
    """By epoch; in each the value's key, then for kinds 2 and 3 that of the pseudo-target."""
