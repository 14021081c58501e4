"""Keys on the command line: trusted verifier keys, files with a private key or with a policy."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitne.core.tree.note import Signer
from vitne.errors import BadInputError, ConfigurationError, DecodeError, StorageError, VitneError
from vitne.evidence.policy import MAX_POLICY_BYTES, Policy, parse_policy

Trust = Annotated[
    list[str] | None,
    Parameter(
        name="--trust",
        help="Verifier key (vkey) to trust, or @FILE with one key a line. May be repeated.",
    ),
]
"""The type of the `trust` parameter of every command that checks what a log has signed."""

_SKEY_BYTES_MAX = 4096
_SHARED = 0o077


def write_signer(path: Path, signer: Signer) -> None:
    """Write a new key file that only its owner may read, durable when the call returns.

    Raises:
        BadInputError: there is a file of that name: no key is ever overwritten.
        StorageError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{signer.skey}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise BadInputError(
            "there is a file of that name", where=str(path), hint="name another one"
        ) from None
    except OSError as error:
        raise StorageError(f"a file cannot be written: {error.strerror}", where=str(path)) from None


def read_signer(path: Path) -> Signer:
    """Read a key file.

    Raises:
        ConfigurationError: not readable, no private key, or readable by others than its owner.
    """
    text = read_text(path, _SKEY_BYTES_MAX)
    if path.stat().st_mode & _SHARED:
        raise ConfigurationError(
            "others may read this private key", where=str(path), hint=f"chmod 600 {path}"
        )
    try:
        return Signer.from_skey(text.strip())
    except (DecodeError, BadInputError) as error:
        raise ConfigurationError(error.message, where=str(path)) from None


def trusted_keys(given: Sequence[str] | None) -> list[str]:
    """The verifier keys that `--trust` names; those of a file in its order.

    Raises:
        ConfigurationError: a file is not readable, or one that is given names no key: without any,
            a proof would be checked with the keys that it brings along.
    """
    return [key for word in given or () for key in _keys_of(word)]


def _keys_of(word: str) -> list[str]:
    lines = read_text(Path(word[1:]), MAX_POLICY_BYTES) if word.startswith("@") else word
    keys = [key for line in lines.split("\n") if (key := line.strip())]
    if not keys:
        raise ConfigurationError(
            "--trust names no key",
            where=word or "--trust",
            hint="give a vkey, or @FILE with one key a line",
        )
    return keys


def read_policy(path: Path) -> Policy:
    """Read a C2SP tlog-policy. Raises `ConfigurationError`."""
    try:
        return parse_policy(read_text(path, MAX_POLICY_BYTES))
    except VitneError as error:
        raise ConfigurationError(f"{path}: {error.message}", where=error.where) from None


def read_text(path: Path, most_bytes: int) -> str:
    """A small text file. Raises `ConfigurationError`."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigurationError(f"not readable: {error.strerror}", where=str(path)) from None
    if len(data) > most_bytes:
        raise ConfigurationError(f"expected at most {most_bytes} bytes", where=str(path))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError("expected UTF-8 text", where=str(path)) from None
