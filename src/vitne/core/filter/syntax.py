r"""The text of a filter: what people type.

    actor:usr_77 target:customer/cus_90331     both must hold
    type:crm.customer.*                        * is any run of characters; \* is a star
    outcome:denied,failed                      one of the values
    -category:view   NOT category:view         does not hold
    (actor:usr_77 OR actor:usr_78)             OR binds weaker than what stands side by side
    purpose:*   -purpose:*                     with any purpose; without one
    smith   "Ola N."                           text anywhere in the event, whatever its case
    01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77       an event, action or trace id, whole
    since:2026-11-01 until:2026-11-30          occurred on these days, both included
    since:7d   since:2026-11-24T09:15Z         the last seven days; from that moment
    recorded.since:24h                         the same by the time of recording
    occurred:2026-11-01..2026-11-30            a range in one
    index:48211   index:>=48211   index:10..19 positions in the log, both ends included

Quotes keep spaces and make every character literal: `actor.name:"Per *"`. A moment without zone is
UTC. `until` a day, month or year includes it; `until` a moment with a time of day excludes it.
"""

from collections.abc import Callable

from vitne.core.filter.fields import Field, find_field
from vitne.core.filter.nodes import (
    EVERYTHING,
    MAX_DEPTH,
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    check_filter,
    pattern_of,
    simplify_filter,
)
from vitne.core.filter.tokens import STAR, Token, refuse_filter, split_tokens
from vitne.core.filter.values import known_value, parse_moment, similar_field
from vitne.core.values import fold_text
from vitne.errors import BadInputError, FilterSyntaxError, TooLargeError

MAX_CHARS = 4096
_TIMES = {
    "since": ("occurred", False),
    "until": ("occurred", True),
    "recorded.since": ("recorded", False),
    "recorded.until": ("recorded", True),
}


def parse_filter(text: str, now_us: int | None = None) -> Filter:
    """The filter that a text means; the empty text finds every event.

    Args:
        text: see the head of this module.
        now_us: what relative times (`since:7d`) count from; without it they are refused.

    Raises:
        FilterSyntaxError: it does not parse; `where` is the column.
        TooLargeError: it is too long, or has too many parts.
    """
    if len(text) > MAX_CHARS:
        raise TooLargeError(f"a filter has at most {MAX_CHARS} characters")
    where = simplify_filter(_Parser(text, now_us).whole())
    check_filter(where)
    return where


class _Parser:
    """Recursive descent over the tokens; one instance reads one text."""

    def __init__(self, text: str, now_us: int | None) -> None:
        self._tokens = split_tokens(text)
        self._now_us = now_us
        self._at = 0
        self._depth = 0

    def whole(self) -> Filter:
        """The filter of the whole text."""
        if self._peek().kind == "end":
            return EVERYTHING
        where = self._any()
        left = self._peek()
        if left.kind != "end":
            refuse_filter("there is a ) too much", left.column)
        return where

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _word(self, *words: str) -> bool:
        """Whether an operator word comes next; takes it."""
        token = self._peek()
        plain = token.kind == "word" and not token.name and not token.quoted
        if plain and token.values[0] in words:
            self._at += 1
            return True
        return False

    def _any(self) -> Filter:
        """Terms side by side, and such groups between ORs."""
        some = [self._all()]
        while self._word("OR"):
            some.append(self._all())
        return Or(tuple(some)) if len(some) > 1 else some[0]

    def _all(self) -> Filter:
        every = [self._one()]
        while True:
            both = self._word("AND")
            token = self._peek()
            over = token.kind in {"end", ")"} or (
                token == token._replace(kind="word", name="", values=("OR",), quoted=False)
            )
            if over and both:
                refuse_filter("expected something after AND", token.column)
            if over:
                return And(tuple(every)) if len(every) > 1 else every[0]
            every.append(self._one())

    def _one(self) -> Filter:
        if self._word("NOT"):
            return Not(self._deeper(self._one, self._peek().column))
        token = self._next()
        if token.kind == "-":
            return Not(self._deeper(self._one, token.column))
        if token.kind == "(":
            where = self._deeper(self._any, token.column)
            if self._next().kind != ")":
                refuse_filter("this ( is never closed", token.column)
            return where
        operator = not token.quoted and not token.name and token.values in {("OR",), ("AND",)}
        if token.kind != "word" or operator:
            refuse_filter("expected a word, field:value or (", token.column)
        return self._field(token) if token.name else _plain_text(token)

    def _deeper(self, read: Callable[[], Filter], column: int) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            refuse_filter(f"nested more than {MAX_DEPTH} deep", column)
        where = read()
        self._depth -= 1
        return where

    def _field(self, token: Token) -> Filter:
        if token.name in _TIMES:
            return self._time(token)
        try:
            of = find_field(token.name)
        except FilterSyntaxError as error:
            raise FilterSyntaxError(
                error.message,
                where=f"column {token.column}",
                hint=similar_field(token.name, tuple(_TIMES)),
            ) from None
        some = [self._one_value(of, value, token) for value in token.values]
        return Or(tuple(some)) if len(some) > 1 else some[0]

    def _one_value(self, of: Field, value: str, token: Token) -> Filter:
        if not value:
            refuse_filter(f"expected a value after {token.name}:", token.column)
        if of.kind == "int":
            return self._span(of, value, token)
        if STAR in value:
            return Like(of.name, pattern_of(value.split(STAR)))
        try:
            return Equals(of.name, known_value(of, value))
        except BadInputError as error:
            refuse_filter(error.message, token.column, error.hint)

    def _time(self, token: Token) -> Filter:
        name, end = _TIMES[token.name]
        if len(token.values) > 1:
            refuse_filter(f"{token.name}: takes one time", token.column)
        at = self._moment(token.values[0], token, end=end)
        return Between(name, None, at) if end else Between(name, at, None)

    def _moment(self, value: str, token: Token, *, end: bool) -> int:
        try:
            return parse_moment(value.replace(STAR, "*"), self._now_us, end=end)
        except BadInputError as error:
            refuse_filter(error.message, token.column, error.hint)

    def _span(self, of: Field, value: str, token: Token) -> Filter:
        low, dots, high = value.partition("..")
        if of.name == "index":
            return self._positions(value, token)
        if not dots:
            refuse_filter(
                f"{of.name}: takes a range", token.column, f"write {of.name}:2026-11-01.."
            )
        return Between(
            of.name,
            self._moment(low, token, end=False) if low else None,
            self._moment(high, token, end=True) if high else None,
        )

    def _positions(self, value: str, token: Token) -> Filter:
        low, dots, high = value.partition("..")
        try:
            if value.startswith(">="):
                return Between("index", _whole_number(value[2:]), None)
            if value.startswith("<"):
                return Between("index", None, _whole_number(value[1:]))
            start = _whole_number(low) if low or not dots else None
            if not dots:
                return Between("index", start, (start or 0) + 1)
            return Between("index", start, _whole_number(high) + 1 if high else None)
        except ValueError:
            refuse_filter(
                "expected a position in the log",
                token.column,
                "write index:7, index:>=7, index:<7 or index:7..9",
            )


def _plain_text(token: Token) -> Filter:
    word = token.values[0]
    if not token.quoted:
        word = word.strip(STAR)
        if not word:
            return EVERYTHING
        if STAR in word:
            refuse_filter("* inside a word of text", token.column, "put the text in quotes")
    if not fold_text(word).strip():
        refuse_filter("there is nothing to search for in this text", token.column)
    return Text(word)


def _whole_number(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16):  # noqa: PLR2004 - 2^53 has 16 digits
        raise ValueError(text)
    return int(text)
