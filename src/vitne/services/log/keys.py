"""Names and keys of every log, made once and kept in memory: what signs, what makes pseudonyms."""

import hmac
from threading import Lock

from vitne.core.entry.receipt import Receipt, receipt_name
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Signer, sign_note
from vitne.core.values import Hash, LogId, Origin, TreeSize, encode_utf8
from vitne.errors import NotFoundError
from vitne.ports import KeyRole, KeyVault, RecordStore

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


class Logs:
    """Origins and keys of all logs. Any thread may ask."""

    def __init__(self, store: RecordStore, vault: KeyVault, server_name: str) -> None:
        self._store = store
        self._vault = vault
        self._server_name = server_name
        self._known: dict[LogId, Origin] = {}
        self._signers: dict[tuple[Origin, KeyRole], Signer] = {}
        self._index: dict[tuple[LogId, int], bytes] = {}
        self._lock = Lock()  # guards: _signers, _index

    def name(self, log: LogId) -> Origin:
        """The origin that a new log gets."""
        return Origin(f"{self._server_name}/log/{log}")

    def origin(self, log: LogId) -> Origin:
        """The origin of an existing log. Raises `NotFoundError`."""
        found = self._known.get(log)
        if found is None:
            found = self._store.log(log).origin
            self._known[log] = found
        return found

    def exists(self, log: LogId) -> bool:
        """Whether the log exists."""
        if log in self._known:
            return True
        try:
            self.origin(log)
        except NotFoundError:
            return False
        return True

    def log_signer(self, origin: Origin) -> Signer:
        """The key that signs a log's checkpoints; its name is the origin."""
        return self._signer(origin, "log", origin)

    def receipt_signer(self, origin: Origin) -> Signer:
        """The key that signs a log's receipts."""
        return self._signer(origin, "receipt", receipt_name(origin))

    def index_signer(self, origin: Origin) -> Signer:
        """The key that signs the checkpoints of a log's index log, named `<origin>/index`."""
        return self._signer(origin, "index-log", index_origin(origin))

    def _signer(self, origin: Origin, role: KeyRole, name: str) -> Signer:
        found = self._signers.get((origin, role))
        if found is None:
            with self._lock:
                found = Signer(name, self._vault.seed(origin, role))
                self._signers[origin, role] = found
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
