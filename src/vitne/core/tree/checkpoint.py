"""The text of a checkpoint: whose tree, how large, which root (C2SP tlog-checkpoint)."""

import re

from msgspec import Struct

from vitne.core.values import MAX_INT, Hash, Origin, TreeSize, decode_hash, encode_base64, parse_int
from vitne.errors import BadInputError, DecodeError

_OUR_ORIGIN = re.compile("[a-z0-9./_-]{1,200}", re.ASCII)
_LINES = 3


class Checkpoint(Struct, frozen=True):
    """A claim about a log; true only under a signature (`note.open_checkpoint`)."""

    origin: Origin
    size: TreeSize
    root: Hash

    def text(self) -> str:
        """The three lines that are signed; no extension lines.

        Raises:
            BadInputError: a value does not fit the form.
        """
        if not self.origin or "\n" in self.origin or not 0 <= self.size <= MAX_INT:
            raise BadInputError("no checkpoint has this origin or size", where=self.origin)
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read exactly what `text` writes.

        Raises:
            DecodeError: another form, extension lines included.
        """
        lines = text.split("\n")
        if len(lines) != _LINES + 1 or lines[-1] or not lines[0]:
            raise DecodeError("expected the three lines of a checkpoint")
        return cls(
            Origin(lines[0]),
            TreeSize(parse_int(lines[1], "checkpoint size")),
            decode_hash(lines[2], "checkpoint root"),
        )


def check_origin(origin: str) -> Origin:
    """An origin that a log of ours may have: at most 200 bytes of `[a-z0-9./_-]`.

    Raises:
        BadInputError: it is none.
    """
    if _OUR_ORIGIN.fullmatch(origin) is None:
        raise BadInputError(
            "an origin has 1 to 200 characters of a-z, 0-9, '.', '/', '_' and '-'", where=origin
        )
    return Origin(origin)
