r"""A witness as a state machine: what it is asked, and what it answers (C2SP tlog-witness 1.0.0).

A witness remembers of each log the largest head that it has cosigned, and cosigns only what grew
from it. The checks are those of transparency-log §2.5, in this order:

    1 body > 256 KiB: 413                      2 frame, proof or checkpoint text malformed: 400
    3 origin unknown: 404                      4 no good signature by a trusted key: 403
    5 old > size: 400                          6 old is not the stored size: 409, body "<size>\n"
    7 another root, a proof that does not hold: 422         8 store, commit; 200 with cosignatures

`read_request` does 1 and 2, `authenticate` 3 and 4, `decide` 5 to 7; storing is the caller's, in
one transaction with `decide`.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT, verify_growth
from vitne.core.tree.note import Verifier, open_note
from vitne.core.values import Hash, Origin, decode_hash, decode_utf8, encode_base64, parse_int
from vitne.errors import IntegrityError

MAX_BODY_BYTES: Final = 256 * 1024
MAX_PROOF_LINES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of the reply 409."""

_OLD: Final = "old "


class Request(Struct, frozen=True):
    """What a log asks, in good form; nothing of it is verified yet."""

    old_size: int
    proof: tuple[Hash, ...]
    head: Checkpoint
    note: bytes
    """The checkpoint with its signatures, as it came."""


class Signed(Struct, frozen=True):
    """A request whose checkpoint a trusted key of its log has signed."""

    request: Request
    note: str
    """The checkpoint with the log's signatures alone: nobody else's line is kept."""


class CosignedHead(Struct, frozen=True):
    """The largest head of a log that a witness has cosigned."""

    size: int
    root: Hash
    note: str
    """With the signatures of the log and of the witness."""
    time_s: int
    """When it was cosigned last, in seconds since 1970."""


class Fork(Struct, frozen=True):
    """Two heads that one log signed, and that were not reconciled."""

    kept: str
    """The head that was cosigned before."""
    other: str
    """The head that was refused, with the log's signature."""
    old_size: int
    """What the request said that it grew from."""
    proof: tuple[str, ...]
    """The lines that came with it, base64."""
    certain: bool
    """One size and two roots: evidence against the log. Otherwise somebody, who need not be the
    log, sent a head with a proof that does not hold: the log may be asked for a better one."""


class Refused(Struct, frozen=True):
    """Why a request is not cosigned."""

    status: int
    """HTTP status."""
    reason: str
    size: int | None = None
    """The stored size, with status 409."""
    fork: Fork | None = None
    """Evidence to keep."""

    @property
    def body(self) -> str:
        """The body of the reply."""
        return f"{self.reason}\n" if self.size is None else f"{self.size}\n"


def encode_request(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of an add-checkpoint request."""
    lines = "".join(f"{encode_base64(value)}\n" for value in proof)
    return f"{_OLD}{old_size}\n{lines}\n{note}".encode()


def log_path(origin: str) -> str:
    """Where a witness shows the newest head of a log, below its monitoring prefix."""
    return f"{sha256(origin.encode('utf-8')).hexdigest()}/checkpoint"


def read_size(body: bytes) -> int:
    """The size that a reply 409 states. Raises `DecodeError`."""
    return parse_int(decode_utf8(body).removesuffix("\n"), "reply 409")


def read_request(body: bytes) -> Request | Refused:
    """Checks 1 and 2: size and form."""
    if len(body) > MAX_BODY_BYTES:
        return Refused(413, f"a request has at most {MAX_BODY_BYTES} bytes")
    frame, found, note = body.partition(b"\n\n")
    # The last empty line splits a note, since its text may hold empty lines itself.
    at = note.rfind(b"\n\n")
    if not found or at < 0:
        return Refused(400, "expected old size, proof, an empty line and a signed checkpoint")
    try:
        first, *lines = decode_utf8(frame, "frame").split("\n")
        if not first.startswith(_OLD) or len(lines) > MAX_PROOF_LINES:
            return Refused(400, f"expected `old <size>` and at most {MAX_PROOF_LINES} hashes")
        return Request(
            parse_int(first.removeprefix(_OLD), "old size"),
            tuple(decode_hash(line, "proof") for line in lines),
            Checkpoint.parse(decode_utf8(note[: at + 1], "checkpoint")),
            note,
        )
    except IntegrityError as error:
        return Refused(400, str(error))


def authenticate_request(
    request: Request, trusted: Mapping[Origin, Sequence[Verifier]]
) -> Signed | Refused:
    """Checks 3 and 4: whose checkpoint it is, and whether a trusted key signed it."""
    origin = request.head.origin
    keys = trusted.get(origin)
    if not keys:
        return Refused(404, "unknown log")
    try:
        opened = open_note(request.note, keys)
    except IntegrityError as error:
        return Refused(403, f"invalid signature: {error}")
    # Lines of others may be forged: what is kept, and shown again, is what was verified.
    return Signed(request, f"{opened.text}\n{''.join(one.line for one in opened.verified)}")


def refuse_request(signed: Signed, seen: CosignedHead | None) -> Refused | None:
    """Checks 5 to 7; None if the head is to be stored and cosigned."""
    request, size, root = signed.request, seen.size if seen else 0, seen.root if seen else None
    if request.old_size > request.head.size:
        return Refused(400, "the old size is above the new one")
    if request.old_size != size:
        return Refused(409, "", size, _fork_of_one_size(signed, seen))
    try:
        verify_growth(size, request.head.size, root or EMPTY_ROOT, request.head.root, request.proof)
    except IntegrityError as error:
        return Refused(422, f"consistency proof: {error}", fork=_fork(signed, seen))
    return None


def _fork_of_one_size(signed: Signed, seen: CosignedHead | None) -> Fork | None:
    """Evidence whatever was claimed beside it: one size, two roots."""
    found = _fork(signed, seen)
    return found if found and found.certain else None


def _fork(signed: Signed, seen: CosignedHead | None) -> Fork | None:
    """Both heads, unless there is only one."""
    request = signed.request
    if seen is None or (request.head.size, request.head.root) == (seen.size, seen.root):
        return None
    return Fork(
        seen.note,
        signed.note,
        request.old_size,
        tuple(map(encode_base64, request.proof)),
        certain=request.head.size == seen.size,
    )
