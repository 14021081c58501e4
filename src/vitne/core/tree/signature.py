"""Signatures and the keys that make them, as notes name them (transparency-log §2.1, 2.3, 2.8).

Ed25519 is `cryptography`'s, with one check more: points of small order and points spelled in a
second way are refused, so that no two verifiers can disagree about a signature.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.values import encode_utf8, length_prefixed
from vitne.errors import BadInputError, ConfigurationError, DecodeError, VerificationError

try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import (
        MLDSA44PrivateKey,
        MLDSA44PublicKey,
    )
except ImportError:  # pragma: no cover - only with a cryptography that is older than ours
    HAS_MLDSA = False
else:
    HAS_MLDSA = True

ED25519: Final = 0x01
ECDSA: Final = 0x02
COSIGNATURE: Final = 0x04
MLDSA_COSIGNATURE: Final = 0x06

SEED_BYTES = 32
_PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, MLDSA_COSIGNATURE: 1312}
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 64, MLDSA_COSIGNATURE: 2420}
TIME_BYTES = 8

_MASK = 2**255 - 1
_PRIME = 2**255 - 19
_SMALL_ORDER = frozenset(
    {0, 1, _PRIME - 1}
    | {
        int.from_bytes(bytes.fromhex(point), "little") & _MASK
        for point in (
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        )
    }
)


def _is_safe_point(point: bytes) -> bool:
    y = int.from_bytes(point, "little") & _MASK
    return y < _PRIME and y not in _SMALL_ORDER


def check_ed25519_key(public_key: bytes) -> Ed25519PublicKey:
    """A public key that is safe to verify with.

    Raises:
        DecodeError: wrong size, no point, of small order, or spelled in a second way.
    """
    if len(public_key) != _PUBLIC_BYTES[ED25519] or not _is_safe_point(public_key):
        raise DecodeError("no safe Ed25519 public key")
    try:
        return Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:  # pragma: no cover - cryptography checks the point when it verifies
        raise DecodeError("no Ed25519 public key") from None


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a 64-byte signature.

    Raises:
        VerificationError: it does not hold.
        DecodeError: the key is no safe public key.
    """
    key = check_ed25519_key(public_key)
    if len(signature) != _SIGNATURE_BYTES[ED25519] or not _is_safe_point(signature[:32]):
        raise VerificationError("the signature has not the form of Ed25519")
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise VerificationError("the Ed25519 signature does not hold") from None


def sign_ed25519(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature; the same at every call."""
    return _ed25519_key(bytes(seed)).sign(message)


_ed25519_key = lru_cache(4096)(Ed25519PrivateKey.from_private_bytes)
"""Making the key of a seed costs as much as signing; a server signs with the same few for ever."""


def verify_mldsa(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a 2,420-byte ML-DSA-44 signature with empty context.

    Raises:
        VerificationError: it does not hold.
        ConfigurationError: the installed cryptography has no ML-DSA-44.
    """
    _need_mldsa()
    try:
        MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise VerificationError("the ML-DSA-44 signature does not hold") from None


def _need_mldsa() -> None:
    if not HAS_MLDSA:  # pragma: no cover - see above
        raise ConfigurationError("this version of cryptography has no ML-DSA-44")


# ---------------------------------------------------------------- keys by type


def public_key_of(kind: int, seed: bytes) -> bytes:
    """The raw public key of a 32-byte seed.

    Raises:
        BadInputError: the type has no seed, or it is not 32 bytes.
    """
    if len(seed) != SEED_BYTES or kind not in _PUBLIC_BYTES:
        raise BadInputError("expected a seed of 32 bytes and a type that has one")
    if kind == MLDSA_COSIGNATURE:
        _need_mldsa()
        return MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def key_id_of(name: str, kind: int, public_key: bytes) -> bytes:
    """The 4 bytes by which a signature line names its key."""
    if kind == ECDSA:
        return sha256(public_key).digest()[:4]
    return sha256(encode_utf8(name) + b"\n" + bytes((kind,)) + public_key).digest()[:4]


def check_public_key(kind: int, public_key: bytes) -> None:
    """Check that signatures of this type and key can be verified here.

    Raises:
        DecodeError: an unknown type, or no good key of it.
    """
    if kind not in _PUBLIC_BYTES:
        raise DecodeError(f"keys of type 0x{kind:02x} are not verified here")
    if len(public_key) != _PUBLIC_BYTES[kind]:
        raise DecodeError(f"expected a public key of {_PUBLIC_BYTES[kind]} bytes")
    if kind != MLDSA_COSIGNATURE:
        check_ed25519_key(public_key)


# ---------------------------------------------------------------- what a line signs


def sign_text(name: str, kind: int, seed: bytes, text: str, time_s: int) -> bytes:
    """What stands behind the key id of a signature line; `time_s` only in cosignatures."""
    message = _message(name, kind, text, time_s)
    if kind == ED25519:
        return sign_ed25519(seed, message)
    stamp = time_s.to_bytes(TIME_BYTES, "big")
    if kind == COSIGNATURE:
        return stamp + sign_ed25519(seed, message)
    _need_mldsa()
    return stamp + MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)


def verify_text(name: str, kind: int, public_key: bytes, text: str, signature: bytes) -> int:
    """Check a line's signature over a text; returns its time in seconds, 0 if it states none.

    Raises:
        VerificationError: it does not hold.
        DecodeError: the text is not what keys of this type sign.
    """
    time_s = 0
    if kind != ED25519:
        if len(signature) != TIME_BYTES + _SIGNATURE_BYTES[kind]:
            raise VerificationError("the cosignature has not the size of its type")
        time_s = int.from_bytes(signature[:TIME_BYTES], "big")
        signature = signature[TIME_BYTES:]
    message = _message(name, kind, text, time_s)
    if kind == MLDSA_COSIGNATURE:
        verify_mldsa(public_key, message, signature)
    else:
        verify_ed25519(public_key, message, signature)
    return time_s


def _message(name: str, kind: int, text: str, time_s: int) -> bytes:
    if kind == ED25519:
        return encode_utf8(text)
    if kind == COSIGNATURE:
        return encode_utf8(f"cosignature/v1\ntime {time_s}\n{text}")
    head = Checkpoint.parse(text)
    return b"".join(
        (
            b"subtree/v1\n\x00",
            length_prefixed(name),
            time_s.to_bytes(TIME_BYTES, "big"),
            length_prefixed(head.origin),
            bytes(8),  # the subtree starts at 0: it is the whole tree
            head.size.to_bytes(8, "big"),
            head.root,
        )
    )
