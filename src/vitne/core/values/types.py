"""Names for the plain values that travel between rooms."""

from typing import Any, Literal, NewType

Hash = NewType("Hash", bytes)
"""32 bytes of SHA-256."""

LeafIndex = NewType("LeafIndex", int)
"""0-based position of an entry in its log."""

TreeSize = NewType("TreeSize", int)
"""Number of entries of a tree."""

LogId = NewType("LogId", str)
"""The tenant's id; one log per tenant. `[a-z0-9][a-z0-9._-]{0,63}`."""

Origin = NewType("Origin", str)
"""Origin line and key name of a log (C2SP tlog-checkpoint), e.g. `audit.example/log/acme`."""

Section = Literal["core", "payload", "person"]
SECTIONS: tuple[Section, Section, Section] = ("core", "payload", "person")
"""The three sections of a record, in the order of their commitments (sorted by name)."""

JsonObject = dict[str, Any]  # `Json` for members would need a cast at each that is read
"""An object of JSON, decoded and not checked yet, or on its way to be encoded."""
