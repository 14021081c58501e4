"""Take out of an unsigned event what it may not contain, and say where it was.

Card numbers, secrets by the name of their field, and tokens are removed or cut out of prose, each
listed in `redactions`. Ids that are personal become keyed pseudonyms; an e-mail address stays
readable in the person section, as `native_id`.
"""

from collections.abc import Callable

from msgspec import Struct

from vitne.core.event.forbidden import (
    has_token,
    is_card_number,
    is_personal_id,
    is_secret_name,
    strip_forbidden,
)
from vitne.core.event.schema import Actor, Change, Event, Link, OnBehalfOf, Target

_MAX_REDACTIONS = 50
_FORBIDDEN = "forbidden_removed"
_PSEUDONYM = "id_pseudonymised"


class Scrub:
    """One pass over one event; afterwards `warnings` says what had to be done."""

    def __init__(self, event: Event, pseudonym: Callable[[str], str]) -> None:
        """`pseudonym` gives the tenant's keyed pseudonym of an id, without the `h:` in front."""
        self._event = event
        self._pseudonym = pseudonym
        self.warnings: set[str] = set()

    def personal_ids(self) -> None:
        """Put pseudonyms in the place of ids that are themselves personal."""
        event = self._event
        if event.actor is not None:
            self._id(event.actor, "/actor")
        for at, target in enumerate(event.targets or ()):
            self._id(target, f"/targets/{at}")
        for at, link in enumerate(event.chain or ()):
            self._id(link, f"/chain/{at}")
        other = event.on_behalf_of
        if other is not None:
            self._id(other, "/on_behalf_of")
            if other.approved_by is not None and is_personal_id(other.approved_by):
                other.approved_by = self._pseudonym_of(other.approved_by)
                self._redact("/on_behalf_of/approved_by")

    def named_secrets(self) -> None:
        """Remove values whose field is named like a secret."""
        event = self._event
        for at, change in enumerate(event.changes or ()):
            if change.form in (None, "plain") and is_secret_name(change.path):
                self._change(change, f"/changes/{at}")
        if event.extra is not None:
            for name in [n for n in event.extra if is_secret_name(n)]:
                self._drop_extra(name)
        if event.query is not None:
            for at, criterion in enumerate(event.query.criteria or ()):
                plain = criterion.form in (None, "plain")
                if plain and criterion.value is not None and is_secret_name(criterion.field):
                    criterion.value, criterion.form = None, "omitted"
                    self._redact(f"/query/criteria/{at}/value")

    def values(self) -> None:
        """Cut card numbers and tokens out of all text, and drop numbers that are card numbers."""
        event = self._event
        self._references()
        self._names()
        self._texts(event.outcome, "/outcome", "reason")
        self._texts(event.purpose, "/purpose", "justification")
        self._texts(event, "", "summary")
        for at, change in enumerate(event.changes or ()):
            change.before = self._scalar(change.before, f"/changes/{at}/before")
            change.after = self._scalar(change.after, f"/changes/{at}/after")
        if event.query is not None:
            self._texts(event.query, "/query", "text")
            for at, criterion in enumerate(event.query.criteria or ()):
                criterion.value = self._scalar(criterion.value, f"/query/criteria/{at}/value")
        self._extra_values()

    def _references(self) -> None:
        auth = self._event.actor.auth if self._event.actor is not None else None
        for name in ("session_ref", "credential_ref"):
            value: str = getattr(auth, name, None) or ""
            if has_token(value) or is_card_number(value):
                setattr(auth, name, None)
                self._redact(f"/actor/auth/{name}")

    def _names(self) -> None:
        event = self._event
        self._texts(event.actor, "/actor", "name", "native_id")
        for at, target in enumerate(event.targets or ()):
            self._texts(target, f"/targets/{at}", "name", "native_id")
        for at, link in enumerate(event.chain or ()):
            self._texts(link, f"/chain/{at}", "name")
        self._texts(event.on_behalf_of, "/on_behalf_of", "name")
        self._texts(event.client, "/client", "user_agent")

    def _texts(self, holder: Struct | None, place: str, *names: str) -> None:
        """Scrub some texts of an object, if it is there."""
        for name in names:
            value: str | None = getattr(holder, name, None)
            if value is not None:
                setattr(holder, name, self._text(value, f"{place}/{name}"))

    def _extra_values(self) -> None:
        for name, value in list((self._event.extra or {}).items()):
            place = f"/extra/{name}"
            kept: str | int | bool | list[str | int] | None
            if isinstance(value, list):
                scalars = (self._scalar(v, f"{place}/{at}") for at, v in enumerate(value))
                kept = [v for v in scalars if v is not None] or None
            else:
                kept = self._scalar(value, place)
            if kept is None:
                self._drop_extra(name)
            elif self._event.extra is not None:
                self._event.extra[name] = kept

    def _id(self, holder: Actor | Target | Link | OnBehalfOf, place: str) -> None:
        plain = holder.id
        if not is_personal_id(plain):
            return
        holder.id = self._pseudonym_of(plain)
        if is_card_number(plain):
            self._redact(f"{place}/id")
        elif holder.native_id is None:
            holder.native_id = plain

    def _pseudonym_of(self, plain: str) -> str:
        self.warnings.add(_PSEUDONYM)
        return f"h:{self._pseudonym(plain)}"

    def _change(self, change: Change, place: str) -> None:
        for side in ("before", "after"):
            value = getattr(change, side)
            if value is not None and not isinstance(value, bool):
                setattr(change, side, None)
                change.form = "omitted"
                self._redact(f"{place}/{side}")

    def _drop_extra(self, name: str) -> None:
        left = dict(self._event.extra or {})
        del left[name]
        self._event.extra = left or None
        self._redact(f"/extra/{name}")

    def _text(self, value: str, place: str) -> str:
        left = strip_forbidden(value)
        if left is not value:
            self._redact(place)
        return left

    def _scalar(self, value: str | int | None, place: str) -> str | int | None:
        if isinstance(value, str):
            return self._text(value, place)
        if value is None or isinstance(value, bool) or not is_card_number(str(value)):
            return value
        self._redact(place)
        return None

    def _redact(self, place: str) -> None:
        self.warnings.add(_FORBIDDEN)
        redactions = self._event.redactions or []
        if place not in redactions and len(redactions) < _MAX_REDACTIONS:
            redactions.append(place)
        elif place not in redactions:
            redactions[-1] = ""  # the whole document: more than fifty places
        self._event.redactions = redactions
