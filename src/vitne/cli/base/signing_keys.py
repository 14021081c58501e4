"""Keys on the command line: trusted verifier keys, files with a private key or with a policy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitne.cli.base.files import read_text
from vitne.core.tree.note import Signer
from vitne.errors import BadInputError, ConfigurationError, DecodeError, VitneError
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


def read_signer(path: Path) -> Signer:
    """Read a key file.

    Raises:
        ConfigurationError: not readable, no private key, or readable by others than its owner.
    """
    text = _read(path, _SKEY_BYTES_MAX)
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
    lines = _read(Path(word[1:]), MAX_POLICY_BYTES) if word.startswith("@") else word
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
        return parse_policy(_read(path, MAX_POLICY_BYTES))
    except VitneError as error:
        raise ConfigurationError(f"{path}: {error.message}", where=error.where) from None


def _read(path: Path, most_bytes: int) -> str:
    try:
        return read_text(path, most_bytes)
    except BadInputError as error:
        raise ConfigurationError(error.message, where=str(path)) from None
