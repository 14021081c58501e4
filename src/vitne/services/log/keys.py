"""The keys of every log, made once and kept in memory: what it signs with, what pseudonyms use."""

import hmac
from threading import Lock

from vitne.core.entry.receipt import Receipt, receipt_name
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Signer, sign_note
from vitne.core.values.strict import encode_utf8
from vitne.core.values.types import Hash, LogId, Origin, TreeSize
from vitne.ports import KeyVault

FIRST_EPOCH = 1
"""Epoch of the index secret that a log begins with; a later one is not made yet."""

INDEX_SUFFIX = "/index"
"""Ends the origin of an index log, and the id of its tree; no id of a log holds a slash."""


def index_log_id(log: LogId) -> LogId:
    """The tree of a log's index log, as checkpoint stores and published objects name it."""
    return LogId(log + INDEX_SUFFIX)


def index_origin(origin: Origin) -> Origin:
    """The origin of a log's index log."""
    return Origin(origin + INDEX_SUFFIX)


class LogKeys:
    """Signers of all logs. Any thread may ask."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self._log: dict[Origin, Signer] = {}
        self._receipt: dict[Origin, Signer] = {}
        self._index_log: dict[Origin, Signer] = {}
        self._index: dict[tuple[LogId, int], bytes] = {}
        self._lock = Lock()  # guards: the four dicts of keys

    def log_signer(self, origin: Origin) -> Signer:
        """The key that signs a log's checkpoints; its name is the origin."""
        found = self._log.get(origin)
        if found is None:
            with self._lock:
                found = Signer(origin, self._vault.seed(origin, "log"))
                self._log[origin] = found
        return found

    def receipt_signer(self, origin: Origin) -> Signer:
        """The key that signs a log's receipts."""
        found = self._receipt.get(origin)
        if found is None:
            with self._lock:
                found = Signer(receipt_name(origin), self._vault.seed(origin, "receipt"))
                self._receipt[origin] = found
        return found

    def index_signer(self, origin: Origin) -> Signer:
        """The key that signs the checkpoints of a log's index log, named `<origin>/index`."""
        found = self._index_log.get(origin)
        if found is None:
            with self._lock:
                seed = self._vault.seed(origin, "index-log")
                found = Signer(index_origin(origin), seed)
                self._index_log[origin] = found
        return found

    def tree_signer(self, origin: Origin) -> Signer:
        """The key that signs the checkpoints of a tree: a log, or an index log."""
        log = origin.removesuffix(INDEX_SUFFIX)
        return self.log_signer(origin) if log == origin else self.index_signer(Origin(log))

    def checkpoint(self, origin: Origin, size: TreeSize, root: Hash) -> str:
        """A signed checkpoint, of a log or an index log."""
        return sign_note(Checkpoint(origin, size, root).text(), [self.tree_signer(origin)])

    def receipt(self, receipt: Receipt) -> str:
        """A signed receipt: equal bytes for equal values."""
        return receipt.sign(self.receipt_signer(receipt.origin))

    def pseudonym(self, log: str, plain: str) -> str:
        """What stands in the log for an id that is personal: 32 hexadecimal digits.

        Equal within a tenant, unlinkable between tenants, and gone with the index secret of the
        first epoch.
        """
        key = self.index_secret(LogId(log))
        return hmac.digest(key, b"vitpseu1" + encode_utf8(plain), "sha256")[:16].hex()

    def index_secret(self, log: LogId, epoch: int = FIRST_EPOCH) -> bytes:
        """K of an epoch, made durably if it is the first time that it is asked for."""
        found = self._index.get((log, epoch))
        if found is None:
            with self._lock:
                found = self._vault.create_index_secret(log, epoch)
                self._index[log, epoch] = found
        return found

    def known_index_secret(self, log: LogId, epoch: int = FIRST_EPOCH) -> bytes:
        """K of an epoch. Raises `NotFoundError` if there is none, or it was destroyed."""
        return self._vault.index_secret(log, epoch)
