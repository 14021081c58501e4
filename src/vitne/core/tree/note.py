"""Signed notes: a text and the lines of those who vouch for it (C2SP signed-note)."""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from vitne.core.tree import signature
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.signature import COSIGNATURE, ED25519, MLDSA_COSIGNATURE, SEED_BYTES
from vitne.core.values import MAX_INT, decode_base64, decode_utf8, encode_base64, encode_utf8
from vitne.errors import BadInputError, ConfigurationError, DecodeError, VerificationError

MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 1 << 20
KEY_ID_BYTES = 4
_DASH = "\u2014 "
_SKEY = "PRIVATE+KEY+"


class Vkey(Struct, frozen=True):
    """A public key with the name it signs under."""

    name: str
    kind: int
    """Signature type (transparency-log §2.1)."""
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which signature lines name it."""
        return signature.key_id_of(self.name, self.kind, self.public_key)

    def encode(self) -> str:
        """`name+hex8(key_id)+b64(type || public_key)`."""
        body = encode_base64(bytes((self.kind,)) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{body}"


def parse_vkey(text: str) -> Vkey:
    """Read a vkey of any type.

    Raises:
        DecodeError: wrong form, or the key id is not that of the key.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_name(parts[0]):  # noqa: PLR2004 - name, key id, key
        raise DecodeError("expected a vkey: name+key id+base64")
    data = decode_base64(parts[2], where="vkey")
    if not data:
        raise DecodeError("a vkey without type and key")
    vkey = Vkey(parts[0], data[0], data[1:])
    if vkey.key_id.hex() != parts[1]:
        raise DecodeError("the key id of a vkey is not that of its key", where=parts[0])
    return vkey


def is_name(name: str) -> bool:
    """Whether a key may have this name: no space of any kind, no control character, no `+`."""
    return bool(name) and not any(c == "+" or c <= " " or c.isspace() for c in name)


class Verifier:
    """A public key that signatures are checked with.

    Raises:
        DecodeError: no vkey, of a type that is not verified here, or an unsafe key.
    """

    def __init__(self, vkey: str) -> None:
        self._key = parse_vkey(vkey)
        self.vkey = vkey
        self.name = self._key.name
        self.kind = self._key.kind
        self.key_id = self._key.key_id
        self.public_key = self._key.public_key
        signature.check_public_key(self.kind, self.public_key)

    def __repr__(self) -> str:
        """The public key, which is no secret."""
        return f"Verifier({self.vkey!r})"

    def verify(self, text: str, signed: bytes) -> int:
        """Check what stands behind the key id of a line; its time in seconds, 0 if it has none.

        Raises:
            VerificationError: the signature does not hold.
            DecodeError: the text is no checkpoint, and this type signs only those.
        """
        return signature.verify_text(self.name, self.kind, self.public_key, text, signed)


class Signer:
    """A private key and the name it signs under; the seed is never shown.

    Args:
        name: key name; a log's is its origin.
        seed: 32 bytes.
        kind: signature type: 0x01, or 0x04 and 0x06 for cosignatures.

    Raises:
        BadInputError: no such name, seed or type.
    """

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        if not is_name(name):
            raise BadInputError("a key name is not empty and has no space and no '+'", where=name)
        self.name = name
        self.kind = kind
        self._seed = bytes(seed)
        self.vkey = Vkey(name, kind, signature.public_key_of(kind, self._seed)).encode()
        self.verifier = Verifier(self.vkey)

    def __repr__(self) -> str:
        """The public key alone."""
        return f"Signer({self.vkey!r}, seed=***)"

    @property
    def skey(self) -> str:
        """The private key as text, for key files only (Go's convention)."""
        body = encode_base64(bytes((self.kind,)) + self._seed)
        return f"{_SKEY}{self.name}+{self.verifier.key_id.hex()}+{body}"

    @classmethod
    def from_skey(cls, text: str) -> "Signer":
        """Read a private key. Raises `DecodeError`, which never repeats the key."""
        parts = text.removeprefix(_SKEY).split("+", 2)
        if not text.startswith(_SKEY) or len(parts) != 3 or not is_name(parts[0]):  # noqa: PLR2004 - as in a vkey
            raise DecodeError("no private key")
        data = decode_base64(parts[2], 1 + SEED_BYTES, "private key")
        if data[0] not in (ED25519, COSIGNATURE, MLDSA_COSIGNATURE):
            raise DecodeError("a private key of another type")
        signer = cls(parts[0], data[1:], data[0])
        if signer.verifier.key_id.hex() != parts[1]:
            raise DecodeError("the key id of a private key is not that of its key")
        return signer

    def sign_message(self, message: bytes) -> bytes:
        """64 bytes over plain bytes: what senders sign is no note (transparency-log §3.6).

        Raises:
            BadInputError: a key of another type than Ed25519.
        """
        if self.kind != ED25519:
            raise BadInputError("senders sign with Ed25519 keys", where=self.name)
        return signature.sign_ed25519(self._seed, message)

    def sign(self, text: str, time_s: int = 0) -> str:
        """A signature line over a text.

        Args:
            text: the note's text; a checkpoint's for types 0x04 and 0x06.
            time_s: seconds since 1970 that a cosignature states; not used by type 0x01.
        """
        _check_text(text)
        if not 0 <= time_s <= MAX_INT:
            raise BadInputError("a cosignature cannot state this time")
        signed = signature.sign_text(self.name, self.kind, self._seed, text, time_s)
        return f"{_DASH}{self.name} {encode_base64(self.verifier.key_id + signed)}\n"


class Signature(Struct, frozen=True):
    """One signature line as read; nothing is verified yet."""

    name: str
    key_id: bytes
    signed: bytes
    """What stands behind the key id."""
    line: str
    """Verbatim, with its newline."""


class Verified(Struct, frozen=True):
    """A signature that holds, and whose it is."""

    verifier: Verifier
    time_s: int
    """Seconds since 1970 that a cosignature states; 0 for type 0x01."""
    line: str


class Opened(Struct, frozen=True):
    """A note of which at least one known key vouches."""

    text: str
    verified: tuple[Verified, ...]
    unknown: tuple[str, ...]
    """Lines of keys that were not asked about."""


def sign_note(text: str, signers: Sequence[Signer], time_s: int = 0) -> str:
    """A note: the text, an empty line, one line per signer in the given order."""
    return f"{text}\n{''.join(signer.sign(text, time_s) for signer in signers)}"


def parse_note(note: str | bytes) -> tuple[str, tuple[Signature, ...]]:
    """Split a note into its text and 1 to 100 signatures, and verify nothing.

    Raises:
        DecodeError: it has not the form of a note.
    """
    raw = note if isinstance(note, bytes) else encode_utf8(note)
    if len(raw) > MAX_NOTE_BYTES:
        raise DecodeError(f"a note has at most {MAX_NOTE_BYTES} bytes")
    whole = decode_utf8(raw)
    # The last empty line splits, since a text may hold empty lines itself.
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n") or at + 2 == len(whole):
        raise DecodeError("a note is a text, an empty line and signature lines")
    text, lines = whole[: at + 1], whole[at + 2 : -1].split("\n")
    if any(c < " " and c != "\n" for c in whole):
        raise DecodeError("a note holds a control character")
    if len(lines) > MAX_SIGNATURES:
        raise DecodeError(f"a note has at most {MAX_SIGNATURES} signatures")
    return text, tuple(_parse_line(line) for line in lines)


def _parse_line(line: str) -> Signature:
    name, space, body = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise DecodeError("no signature line")
    data = decode_base64(body, where="signature line")
    if len(data) <= KEY_ID_BYTES:
        raise DecodeError("a signature line without a signature")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:], line + "\n")


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> Opened:
    """Read a note that at least one of the keys vouches for.

    Raises:
        DecodeError: it has not the form of a note.
        VerificationError: a signature of a known key fails, or there is none.
        ConfigurationError: two of the keys have one name and key id.
    """
    known = _by_name(verifiers)
    text, signatures = parse_note(note)
    verified: list[Verified] = []
    unknown: list[str] = []
    for found in signatures:
        verifier = known.get((found.name, found.key_id))
        if verifier is None:
            unknown.append(found.line)
            continue
        verified.append(Verified(verifier, verifier.verify(text, found.signed), found.line))
    if not verified:
        raise VerificationError("no signature by a known key", rule="signature")
    return Opened(text, tuple(verified), tuple(unknown))


def _by_name(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) is not verifier:
            raise ConfigurationError("two keys with one name and key id", where=verifier.name)
    return known


def open_checkpoint(
    note: str | bytes, log: Verifier, others: Iterable[Verifier] = ()
) -> tuple[Checkpoint, Opened]:
    """Read a checkpoint that its log signed: the key's name is the origin.

    Args:
        note: the signed note.
        log: the log's key; its signature must be there.
        others: further keys: witnesses, the log's second key. A bad signature of one fails all.

    Raises:
        DecodeError: no note, or its text is no checkpoint.
        VerificationError: a signature fails, the log's is lacking, or it is another log's.
    """
    opened = open_note(note, (log, *others))
    head = Checkpoint.parse(opened.text)
    if head.origin != log.name:
        raise VerificationError("the checkpoint is another log's", where=head.origin)
    if all(found.verifier is not log for found in opened.verified):
        raise VerificationError("the log has not signed the checkpoint", where=head.origin)
    return head, opened


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise BadInputError("a note's text ends in a newline and has no control character")
    encode_utf8(text)
