"""Files of private keys and index secrets: of mode 0600, made once, never shown."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from vitne.core.entry.keys import INDEX_SECRET_BYTES
from vitne.core.tree.note import Signer
from vitne.core.tree.signature import ED25519, SEED_BYTES
from vitne.core.values import decode_base64, encode_base64
from vitne.errors import ConfigurationError, ConflictError, DecodeError, NotFoundError

_MOST_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_signing_key(path: Path, source: str) -> Signer:
    """Make the private key of a source, in a file that only this user may read.

    Args:
        path: of the file; there must be none.
        source: `application/service`, the name that it signs under.

    Raises:
        ConflictError: the file exists; it is left as it was.
        ConfigurationError: it cannot be written.
    """
    signer = Signer(source, os.urandom(SEED_BYTES))
    write_secret(path, f"{signer.skey}\n")
    return signer


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600. Errors as `make_signing_key`."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConflictError(
            "the file exists already",
            where=str(path),
            hint="name another one; a key is never replaced",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot write: {error.strerror}", where=str(path)) from None
    try:
        try:
            os.write(fd, text.encode())
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise ConfigurationError(f"cannot write: {error.strerror}", where=str(path)) from None


def read_signing_key(path: Path) -> Signer:
    """The key of a source from its file.

    Raises:
        NotFoundError: there is no such file.
        ConfigurationError: others may read it, or it contains no Ed25519 key of a source.
    """
    text = _read_secret(path)
    try:
        signer = Signer.from_skey(text)
    except DecodeError:
        raise ConfigurationError("the file contains no private key", where=str(path)) from None
    if signer.kind != ED25519 or signer.name.count("/") != 1:
        raise ConfigurationError(
            "a source signs with an Ed25519 key under application/service", where=str(path)
        )
    return signer


def read_index_secret(path: Path) -> bytes:
    """K from a file of one line, base64 of 32 bytes. Errors as `read_signing_key`."""
    try:
        return decode_base64(_read_secret(path), INDEX_SECRET_BYTES)
    except DecodeError:
        raise ConfigurationError("the file contains no index secret", where=str(path)) from None


def index_secret_text(key: bytes) -> str:
    """What `read_index_secret` reads."""
    return f"{encode_base64(key)}\n"


def _read_secret(path: Path) -> str:
    """The one line of a file that only its owner can read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFoundError("this key file does not exist", where=str(path)) from None
    except OSError as error:
        raise ConfigurationError(f"cannot read: {error.strerror}", where=str(path)) from None
    try:
        if os.fstat(fd).st_mode & _OTHERS:
            raise ConfigurationError(
                "others may read the private key", where=str(path), hint=f"chmod 0600 {path}"
            )
        data = os.read(fd, _MOST_BYTES)
    finally:
        os.close(fd)
    return data.decode("ascii", "replace").removesuffix("\n")
