from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.filter.nodes import (
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    check_filter,
    fits_pattern,
)
from vitne.core.filter.syntax import parse_filter
from vitne.errors import FilterSyntaxError, TooLargeError

NOW_US = 1_795_514_400_000_000
"""2026-11-24T10:00:00Z."""
ID = "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"
NOV_1_US, DEC_1_US, DAY_US = 1_793_491_200_000_000, 1_796_083_200_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("actor:usr_77", Equals("actor", "usr_77")),
        ("who:usr_77", Equals("actor", "usr_77")),
        ("type:crm.customer.*", Like("type", "crm.customer.*")),
        ("session:h:3f9a", Equals("session", "h:3f9a")),
        ('actor.name:"Per *"', Equals("actor.name", "Per *")),
        (r"actor.name:Per\ N*", Like("actor.name", "Per N*")),
        (r"actor:a\*b", Equals("actor", "a*b")),
        (r"actor:a\*b*", Like("actor", r"a\*b*")),
        ("outcome:denied,failed", Or((Equals("outcome", "denied"), Equals("outcome", "failed")))),
        ('unit:"a,b",c*', Or((Equals("unit", "a,b"), Like("unit", "c*")))),
        ("-purpose:*", Not(Like("purpose", "*"))),
        ("NOT category:view", Not(Equals("category", "view"))),
        ("- smith", And((Text("-"), Text("smith")))),
        ("smith*", Text("smith")),
        ('"Ola N."', Text("Ola N.")),
        ('"say \\"hi\\""', Text('say "hi"')),
        ("a b OR c", Or((And((Text("a"), Text("b"))), Text("c")))),
        ("a (b OR c)", And((Text("a"), Or((Text("b"), Text("c")))))),
        ('a AND "OR"', And((Text("a"), Text("OR")))),
        ("", And(())),
        ("*", And(())),
        (
            "id:01981F3E-7C1A-7D34-9B0E-5F4C2A9E1B77",
            Equals("id", "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"),
        ),
        ("index:7", Between("index", 7, 8)),
        ("index:7..9", Between("index", 7, 10)),
        ("index:>=7", Between("index", 7, None)),
        ("index:<7", Between("index", None, 7)),
        ("since:2026-11-01", Between("occurred", NOV_1_US, None)),
        ("until:2026-11-30", Between("occurred", None, DEC_1_US)),
        ("occurred:2026-11..2026-11", Between("occurred", NOV_1_US, DEC_1_US)),
        ("until:2026-11-30T00:00Z", Between("occurred", None, DEC_1_US - DAY_US)),
        ("since:2026-11-01T02:00:00.000001+02:00", Between("occurred", NOV_1_US + 1, None)),
        ("since:7d", Between("occurred", NOW_US - 7 * DAY_US, None)),
        ("recorded.since:30m", Between("recorded", NOW_US - 1_800_000_000, None)),
        ("until:yesterday", Between("occurred", None, NOW_US // DAY_US * DAY_US)),
        ("since:@5", Between("occurred", 5, None)),
    ],
)
def test_a_text_means_one_filter(text: str, where: Filter) -> None:
    assert parse_filter(text, NOW_US) == where


@pytest.mark.parametrize(
    ("text", "column", "help_"),
    [
        ("actr:x", 1, "did you mean actor:?"),
        ("a sinse:7d", 3, "did you mean since:?"),
        ("http://x", 1, "quotes"),
        ("outcome:denid", 1, "did you mean outcome:denied?"),
        ("x category:nothing", 3, "one of view, search"),
        ("since:2026-13-01", 1, "2026-11-24"),
        ("since:tomorrow", 1, "7d"),
        ("since:1d,2d", 1, ""),
        ("index:a", 1, "index:>=7"),
        ("occurred:2026", 1, "occurred:2026-11-01.."),
        ("foo*bar", 1, "quotes"),
        ("actor:", 1, ""),
        ("actor:a,,b", 1, ""),
        ("(a", 1, ""),
        ("a)", 2, ""),
        ("()", 2, ""),
        ("a OR", 5, ""),
        ("AND a", 1, ""),
        ("a AND", 6, ""),
        ("NOT", 4, ""),
        ('"never closed', 1, ""),
        ('ab"c"', 3, ""),
        ('"a"b', 4, ""),
        ("a\\", 2, ""),
        ("a\x07", 2, ""),
        ('"\u0301"', 1, ""),
    ],
)
def test_what_does_not_parse_is_told_with_its_column(text: str, column: int, help_: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text, NOW_US)

    assert caught.value.where == f"column {column}"
    assert help_ in caught.value.hint


def test_ages_need_a_now() -> None:
    with pytest.raises(FilterSyntaxError):
        parse_filter("since:7d")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5_000,
        "(" * 13 + "a" + ")" * 13,
        "-" * 20 + "a",
        " ".join("a" * 300),
        "actor:" + "a" * 700,
        "actor:*a*b*c*d*e*",
    ],
)
def test_a_filter_has_bounds(text: str) -> None:
    with pytest.raises((TooLargeError, FilterSyntaxError)):
        parse_filter(text)


@pytest.mark.parametrize(
    "where",
    [
        Equals("nothing", "x"),
        Equals("index", "7"),
        Like("occurred", "*"),
        Between("actor", 1, 2),
        Text("a\x1fb"),
    ],
)
def test_a_filter_that_was_built_by_hand_is_checked_too(where: Filter) -> None:
    with pytest.raises(FilterSyntaxError):
        check_filter(where)


TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["actor:", "-", "(", ")", " OR ", " ", '"', "\\", "*", ",", "ab", "since:", "1d"]
        ),
        max_size=12,
    ).map("".join),
)


@given(TEXTS)
def test_any_text_parses_or_is_refused_with_a_place(text: str) -> None:
    try:
        check_filter(parse_filter(text, NOW_US))
    except TooLargeError:
        return
    except FilterSyntaxError as error:
        place = error.where
    else:
        return
    assert place.startswith("column ")


PIECES: Any = st.text("ab*", max_size=6)


@given(PIECES, st.lists(st.text("ab", max_size=3), min_size=1, max_size=4))
def test_a_pattern_matches_as_the_plain_definition_says(text: str, parts: list[str]) -> None:
    """The definition: the first part, then anything, then the rest of the pattern."""

    def plain(text: str, parts: list[str]) -> bool:
        first, *rest = parts
        if not text.startswith(first):
            return False
        left = text[len(first) :]
        if not rest:
            return not left
        return any(plain(left[at:], rest) for at in range(len(left) + 1))

    assert fits_pattern(text, parts) == plain(text, parts)
