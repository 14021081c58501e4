"""One adapter for each port, and what all chapters of a server share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vitne.ports import Ports, StampAuthority, StampReader, Witness
from vitne.services.intake import Preparer
from vitne.services.log import Logs, StepHook
from vitne.services.seal import OpenPorts
from vitne.settings import Settings

DATABASE: Final = "vitne.db"


@dataclass(frozen=True)
class Adapters(Ports):
    """One adapter for each port, and what else a server is made over."""

    sealing: OpenPorts | None = None
    """Opens what sealing needs in a process of its own; None: it is done in this one."""
    preparing: Callable[[], Preparer] | None = None
    """Makes what prepares requests in a process of its own; None: that is done in this one."""
    authorities: Sequence[StampAuthority] = ()
    """Asked for time stamps of checkpoints."""
    stamps: StampReader | None = None
    """Reads time stamps; None: what that needs is not installed."""
    log_policy: str = ""
    """Text of the C2SP policy file with the witnesses of logs."""
    index_policy: str = ""
    """The same for index logs."""
    witness_at: Callable[[str], Witness] | None = None
    """A witness at an address; None: none is asked."""
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Common:
    """What every chapter stands on."""

    adapters: Adapters
    settings: Settings
    logs: Logs
    serving: bool
    step: StepHook
    """Called after each step of publishing."""
