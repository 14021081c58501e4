"""The only place that picks adapters for services: settings in, a running house out."""

from vitne.wiring.adapters import Adapters
from vitne.wiring.folder import (
    folder_adapters,
    open_house,
    open_preparer,
    open_sealing,
    refuse_lost_keys,
    stamp_reader,
)
from vitne.wiring.house import House

__all__ = [
    "Adapters",
    "House",
    "folder_adapters",
    "open_house",
    "open_preparer",
    "open_sealing",
    "refuse_lost_keys",
    "stamp_reader",
]
