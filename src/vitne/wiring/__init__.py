"""The only place that picks adapters for services: settings in, a running server out."""

from vitne.services.copies import Compared
from vitne.wiring.adapters import Adapters
from vitne.wiring.backup import (
    Backed,
    accept_backup,
    compare_backup,
    make_backup,
    refuse_backup,
)
from vitne.wiring.folder import (
    folder_adapters,
    open_preparer,
    open_sealing,
    open_server,
    refuse_lost_keys,
    stamp_reader,
)
from vitne.wiring.server import Server

__all__ = [
    "Adapters",
    "Backed",
    "Compared",
    "Server",
    "accept_backup",
    "compare_backup",
    "folder_adapters",
    "make_backup",
    "open_preparer",
    "open_sealing",
    "open_server",
    "refuse_backup",
    "refuse_lost_keys",
    "stamp_reader",
]
