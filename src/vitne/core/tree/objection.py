"""An auditor's objection: a signed statement that an index log is false (pure).

It is a signed note whose text is no checkpoint, so that nobody takes it for a cosignature:

    vitne-objection/v1
    <origin of the index log>
    <rule that fails, as `evidence.audit.index_audit` names it>
    <where: "record 7">
    <a sentence>
"""

import re
from typing import Final
from unicodedata import normalize

from msgspec import Struct

from vitne.errors import DecodeError

_FORMAT: Final = "vitne-objection/v1"
_RULE: Final = re.compile("[a-z][a-z_]{0,31}", re.ASCII)
_LINES: Final = 5
_NOWHERE: Final = "-"
WHERE_MAX: Final = 200
SAID_MAX: Final = 400


class Objection(Struct, frozen=True):
    """What an auditor has against an index log."""

    origin: str
    rule: str
    where: str
    """At most 200 characters; `""`: the whole of it."""
    said: str
    """At most 400 characters."""

    def text(self) -> str:
        """What is signed: in NFC; longer members are cut, what cannot be printed becomes `?`."""
        where, said = _line(self.where, WHERE_MAX), _line(self.said, SAID_MAX)
        lines = (_FORMAT, self.origin, self.rule, where, said)
        return "".join(f"{line}\n" for line in lines)

    @property
    def sentence(self) -> str:
        """For people."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.said} (rule {self.rule})"


def parse_objection(text: str) -> Objection:
    """Read what is signed. Raises `DecodeError`."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[0] != _FORMAT or lines[-1]:
        raise DecodeError(f"expected the five lines of an objection, {_FORMAT} the first")
    origin, rule, where, said = lines[1:-1]
    if not _RULE.fullmatch(rule):
        raise DecodeError("an objection names no rule", where="line 3")
    found = Objection(origin, rule, "" if where == _NOWHERE else where, said)
    if found.text() != text:
        raise DecodeError("a line of an objection is empty, too long, or cannot be printed")
    return found


def _line(text: str, most: int) -> str:
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return normalize("NFC", shown)[:most] or _NOWHERE  # the form that bundles take
