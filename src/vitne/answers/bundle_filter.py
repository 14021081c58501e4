"""The filter of a question: a small part of the search language, over the core of an event alone.

    filter  nothing, or 1 to 32 terms with one space between them
    term    -?name:value      `-` turns it around; all terms must hold
    name    type, category, outcome, action, actor, target
    value   characters above U+0020 but " ( ) and U+007F; one `*` may stand at its end

Texts are compared as they are. It is kept this small so that a second verifier can be written from
the page that specifies it, and so that it never needs a section that may be withheld.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from vitne.core.entry import keys
from vitne.core.values import Json
from vitne.errors import BadInputError


def text_at(core: Mapping[str, Json], *path: str) -> str | None:
    """The text at a path of members; None if there is none."""
    found: Json = dict(core)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def targets_of(core: Mapping[str, Json]) -> list[tuple[str, str]]:
    """(type, id) of every target."""
    listed = core.get("targets")
    named = [
        (text_at(one, "type"), text_at(one, "id"))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    ]
    return [(kind, id_) for kind, id_ in named if kind is not None and id_ is not None]


def says(core: Mapping[str, Json], kind: int, parts: Sequence[str]) -> bool:
    """Whether an event is about a value, given the parts of the value's lookup key.

    A stream's key is the stream's id in the entry's header, so core is not asked.
    """
    match kind:
        case keys.ACTOR:
            return _actor(core) == tuple(parts)
        case keys.TARGET:
            return tuple(parts) in targets_of(core)
        case keys.ACTOR_TARGET:
            return _actor(core) == tuple(parts[:2]) and tuple(parts[2:]) in targets_of(core)
        case keys.EVENT_TYPE:
            return text_at(core, "type") == parts[0]
        case keys.ACTION:
            return text_at(core, "correlation", "action_id") == parts[0]
        case _:
            return kind == keys.STREAM


def _actor(core: Mapping[str, Json]) -> tuple[str | None, str | None]:
    actor = core.get("actor")
    named = isinstance(actor, dict) and "issuer" in actor
    return text_at(core, "actor", "issuer") if named else "", text_at(core, "actor", "id")


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
