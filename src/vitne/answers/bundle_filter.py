"""The filter of a question: a small part of the search language, over the core of an event alone.

    filter  nothing, or 1 to 32 terms with one space between them
    term    -?name:value      `-` turns it around; all terms must hold
    name    type, category, outcome, action, actor, target
    value   characters above U+0020 but " ( ) and U+007F; one `*` may stand at its end

Texts are compared as they are. It is kept this small so that a second verifier can be written from
the page that specifies it, and so that it never needs a section that may be withheld.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from vitne.answers.core_values import targets_of, text_at
from vitne.core.values.canonical import Json
from vitne.errors import BadInputError

MAX_BYTES: Final = 4_096
MAX_TERMS: Final = 32
_NAMES = "type|category|outcome|action|actor|target"
_TERM: Final = re.compile(rf'(-?)({_NAMES}):(?=.)([^\x00-\x20"()*\x7f]*)(\*?)')
_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("type",),
    "category": ("category",),
    "outcome": ("outcome", "result"),
    "action": ("correlation", "action_id"),
    "actor": ("actor", "id"),
}


class Term(Struct, frozen=True):
    """One term."""

    name: str
    value: str
    begins: bool
    """The value is how the text begins; else it is the whole text."""
    negated: bool

    def holds(self, core: Mapping[str, Json]) -> bool:
        """Whether it holds for an event."""
        return self.negated != any(
            text.startswith(self.value) if self.begins else text == self.value
            for text in _texts(core, self.name)
        )


class BundleFilter(Struct, frozen=True):
    """Terms that must all hold."""

    terms: tuple[Term, ...]

    def matches(self, core: Mapping[str, Json] | None) -> bool | None:
        """Whether an event meets the filter; None: its core is not shown, so nobody can tell."""
        if core is None:
            return None if self.terms else True
        return all(term.holds(core) for term in self.terms)


def parse_bundle_filter(text: str) -> BundleFilter:
    """Read a filter.

    Raises:
        BadInputError: it is none; `where` is the term.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BadInputError(f"a question's filter has at most {MAX_BYTES:,} bytes")
    words = text.split(" ") if text else []
    if len(words) > MAX_TERMS:
        raise BadInputError(f"a question's filter has at most {MAX_TERMS} terms, got {len(words)}")
    return BundleFilter(tuple(_term(word) for word in words))


def _term(word: str) -> Term:
    found = _TERM.fullmatch(word)
    if found is None:
        raise BadInputError(f"expected {_NAMES} : value, without quotes", where=word[:80])
    sign, name, value, star = found.groups()
    return Term(name, value, bool(star), bool(sign))


def _texts(core: Mapping[str, Json], name: str) -> list[str]:
    if name == "target":
        return [text for kind, id_ in targets_of(core) for text in (id_, f"{kind}/{id_}")]
    text = text_at(core, *_PATHS[name])
    return [] if text is None else [text]
