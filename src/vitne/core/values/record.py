"""A record: what the log keeps of one event, and the row that carries it."""

from msgspec import Struct

from vitne.core.values.types import LeafIndex


class Parts(Struct, frozen=True, array_like=True, gc=False):
    """The six parts of a record as canonical JSON (transparency-log §3.3).

    An event part is never empty: `b"{}"` if the sender sent nothing for the section. A record
    part is `b""` if the log added nothing. `None` stands for a part that was erased or withheld.
    """

    core: bytes | None = b"{}"
    payload: bytes | None = b"{}"
    person: bytes | None = b"{}"
    core_record: bytes | None = b""
    payload_record: bytes | None = b""
    person_record: bytes | None = b""


class Facets(Struct, frozen=True, array_like=True, gc=False):
    """The few values of an event that the hot store keeps as columns, so a scan is cheap.

    Derived from the parts, never committed; empty for control entries.
    """

    occurred_us: int = 0
    type: str = ""
    actor: str = ""
    """`actor.id`."""
    outcome: str = ""
    """`outcome.result`."""
    targets: str = ""
    """Every target as `type/id`, each between newlines: `"\\ncustomer/cus_1\\norder/o_9\\n"`."""


class Record(Struct, frozen=True, gc=False):
    """One row of a log: the entry's bytes, and for an event everything they commit to.

    `event_id` is the 16 bytes of the UUID; empty for control entries (types 2 to 10), which have
    no parts. `keyring` is the 16-byte record key, from which every salt derives; after an erasure
    it holds the salts and commitments that remain.
    """

    index: LeafIndex
    recorded_us: int
    entry: bytes
    event_id: bytes = b""
    keyring: bytes = b""
    parts: Parts = Parts()
    facets: Facets = Facets()
