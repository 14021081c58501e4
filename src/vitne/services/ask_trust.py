"""The checkpoints and policies of a log that no witness watches: its own word, plainly stated."""

from vitne.core.types import LogId
from vitne.ports import ObjectStore
from vitne.services.logkeys import LogKeys, index_log_id
from vitne.services.logs import Logs
from vitne.services.published import Published

__all__ = ["OwnPolicies", "PublishedHeads"]


class PublishedHeads:
    """The newest published checkpoints (`ask_others.Cosigners`)."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def log(self, log: LogId) -> str | None:
        """Of the log; None if it has published none."""
        return Published(self._objects, log).checkpoint()

    def index(self, log: LogId) -> str | None:
        """Of its index log."""
        return Published(self._objects, index_log_id(log)).checkpoint()


class OwnPolicies:
    """Policies that trust a log's own keys and ask for no witness (`ask_others.PolicySource`)."""

    def __init__(self, keys: LogKeys, logs: Logs) -> None:
        self._keys = keys
        self._logs = logs

    def texts(self, log: LogId) -> tuple[str, str]:
        """Of the log and of its index log."""
        origin = self._logs.origin(log)
        signers = (self._keys.log_signer(origin), self._keys.index_signer(origin))
        log_text, index_text = (f"log {signer.vkey}\nquorum none\n" for signer in signers)
        return log_text, index_text
