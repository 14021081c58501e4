"""The keys of a server: signing seeds derived from one master secret, index secrets wrapped by it.

    keys/master.key            32 random bytes; whoever has them can sign as any of the logs
    keys/index/<log>/<epoch>   nonce (12) || AES-256-GCM(K) under a key derived from the master
    keys/index/<log>/<epoch>.destroyed   says that K of this epoch is gone for good

Seeds are derived, so a backup of the one file restores every log's signatures. Index secrets are
random and kept one by one, so that each can be destroyed (crypto-shredding) and no other with it.
"""

import re
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vitne.adapters.keys import files
from vitne.core.values import LogId, Origin
from vitne.errors import (
    BadInputError,
    ConfigurationError,
    ConflictError,
    IntegrityError,
    NotFoundError,
)
from vitne.ports import IdSource, KeyRole

SECRET_BYTES = 32
_NONCE_BYTES = 12
_LOG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_SEED_INFO = b"vitne-seed/v1"
_WRAP_INFO = b"vitne-index-wrap/v1"


class FolderVault:
    """`vitne.ports.KeyVault` over a folder. Several processes may share it.

    Args:
        folder: of the keys.
        ids: where new secrets come from.
        create: make the master secret where there are no keys yet.

    Raises:
        ConfigurationError: there is no master secret, or others may read it.
        StorageError: the folder cannot be read or written.
    """

    def __init__(self, folder: Path, ids: IdSource, *, create: bool = False) -> None:
        self._folder = folder
        self._ids = ids
        path = folder / "master.key"
        with files.key_file_errors(path):
            if create and not path.exists():
                _make_master(folder, path, ids)
            self._master = _read_master(folder, path)
        self._wrap = AESGCM(_derive(self._master, _WRAP_INFO))

    def __repr__(self) -> str:
        """Never the secrets."""
        return f"FolderVault({str(self._folder)!r}, master=***)"

    def seed(self, origin: Origin, role: KeyRole) -> bytes:
        return _derive(self._master, _SEED_INFO + role.encode() + b"\0" + origin.encode())

    def index_secret(self, log: LogId, epoch: int) -> bytes:
        """See the port.

        Raises:
            NotFoundError: no such epoch, or its key was destroyed.
            IntegrityError: the stored key was not wrapped by this master secret for this epoch.
        """
        path = self._path(log, epoch)
        with files.key_file_errors(path):
            try:
                wrapped = path.read_bytes()
            except FileNotFoundError as error:
                gone = "was destroyed" if _tombstone(path).exists() else "does not exist"
                raise NotFoundError(f"index secret {epoch} of log {log!r} {gone}") from error
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._wrap.decrypt(nonce, sealed, _label(log, epoch))
        except (InvalidTag, ValueError) as error:
            raise IntegrityError(
                "the index secret does not open with this master secret",
                where=str(path),
                hint="restore `keys/` as a whole from one backup",
            ) from error

    def create_index_secret(self, log: LogId, epoch: int) -> bytes:
        """See the port.

        Raises:
            ConflictError: the key of this epoch was destroyed; a new key needs a new epoch.
        """
        path = self._path(log, epoch)
        if path.exists():
            return self.index_secret(log, epoch)
        nonce, key = self._ids.random_bytes(_NONCE_BYTES), self._ids.random_bytes(SECRET_BYTES)
        with files.key_file_errors(path):
            if _tombstone(path).exists():
                raise ConflictError(f"index secret {epoch} of log {log!r} was destroyed")
            files.make_folder(path.parent)
            with suppress(FileExistsError):  # made before, or by a faster process: that one counts
                files.create(path, nonce + self._wrap.encrypt(nonce, key, _label(log, epoch)))
        return self.index_secret(log, epoch)

    def destroy_index_secret(self, log: LogId, epoch: int) -> None:
        """Destroy K of an epoch for good; nothing happens if it was destroyed already.

        Raises:
            NotFoundError: there never was such an epoch.
        """
        path = self._path(log, epoch)
        with files.key_file_errors(path):
            if not _tombstone(path).exists():
                if not path.exists():
                    raise NotFoundError(f"index secret {epoch} of log {log!r} does not exist")
                # The tombstone first: a crash in between leaves a key that is destroyed again.
                files.create(_tombstone(path), b"")
            files.remove(path)

    def _path(self, log: LogId, epoch: int) -> Path:
        if not _LOG.fullmatch(log) or epoch < 0:
            raise BadInputError(f"no log and epoch: {log!r}, {epoch}")
        return self._folder / "index" / log / str(epoch)


def _make_master(folder: Path, path: Path, ids: IdSource) -> None:
    files.make_folder(folder)
    files.check_private(folder)
    if (folder / "index").exists():
        raise ConfigurationError(
            "there are index secrets, but the master secret is gone",
            where=str(path),
            hint="restore `master.key` from its backup: a new one could neither sign for the "
            "existing logs nor open these keys",
        )
    with suppress(FileExistsError):  # another process was faster, and its secret is as good
        files.create(path, ids.random_bytes(SECRET_BYTES))


def _read_master(folder: Path, path: Path) -> bytes:
    if not path.exists():
        raise ConfigurationError(
            "there is no master secret",
            where=str(path),
            hint="restore it from its backup; `vitne init` is for a new, empty folder",
        )
    files.check_private(folder)
    files.check_private(path)
    master = path.read_bytes()
    if len(master) != SECRET_BYTES:
        raise ConfigurationError(
            f"the master secret has {len(master)} bytes, expected {SECRET_BYTES}",
            where=str(path),
            hint="restore the file from its backup",
        )
    return master


def _derive(master: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(master)


def _label(log: LogId, epoch: int) -> bytes:
    return f"{log}\0{epoch}".encode()


def _tombstone(path: Path) -> Path:
    return path.with_name(f"{path.name}.destroyed")
