"""What lists look like on a terminal of 80 columns, and on wider ones."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from vitne.cli.base.layout import Line, Table
from vitne.cli.base.output import Output, copied, plain, table
from vitne.cli.find.search import event_lines, histogram_table
from vitne.cli.run.key import KEY_COLUMNS
from vitne.wire.search import EventHistogram, FoundEvent

KEY = ("Qh3kTz81LmP0", "crm-prod", "write, read, admin", "acme, beta", "2026-11-24T09:15:02Z")
TENANT = "a" * 30


def _printed(width: int, *parts: Line | Table | str) -> list[str]:
    return [
        line.text
        for part in parts
        for line in (Line(part) if isinstance(part, str) else part).lines(width)
    ]


def _event(number: int, occurred: str, recorded: str) -> FoundEvent:
    return FoundEvent(
        tenant="acme",
        index=number,
        id=f"01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b{number:02}",
        recorded_at=recorded,
        record={},
        event={
            "type": "crm.customer.viewed",
            "occurred_at": occurred,
            "actor": {"id": "usr_77"},
            "targets": [{"type": "customer", "id": f"cus_{number}"}],
        },
    )


class _Wide(Output):
    """Output on a terminal of a given width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width

    @property
    def width(self) -> int:
        return self._width


def test_ids_and_times_never_fold_in_a_list_of_keys() -> None:
    """Less important columns are left out, and named."""
    rows = [(*KEY, "crm/crm-customer-service-bff", "2026-11-23T09:15:02Z", "emp_4711")]

    narrow = _printed(80, table("1 keys", KEY_COLUMNS, rows))
    wide = _printed(200, table("1 keys", KEY_COLUMNS, rows))

    assert any(KEY[0] in line and KEY[4] in line for line in narrow)
    assert max(map(len, narrow)) <= 80
    assert any("No room for: source, created, person" in line for line in narrow)
    assert any(all(str(cell) in line for cell in rows[0]) for line in wide)
    assert not any("No room" in line for line in wide)


@pytest.mark.parametrize("tenant", [TENANT, "b" * 64])
def test_ids_never_fold_in_a_list_of_tenants(tenant: str) -> None:
    columns = ("id!", "name", "entries#", "created!?", "origin!?")
    rows = [(tenant, "Acme", 12, "2026-11-24T09:15:02Z", f"audit.example.com/log/{tenant}")]

    printed = _printed(80, table("1 tenants", columns, rows))

    assert any(tenant in line for line in printed)
    assert any("origin; --json" in line for line in printed)


@pytest.mark.parametrize("width", [80, 200])
def test_events_show_the_time_of_the_act_and_where_the_log_took_them_later(width: int) -> None:
    at_once = _event(1, "2026-11-24T09:15:02.113Z", "2026-11-24T09:15:02.900123Z")
    late = _event(2, "2026-11-24T09:15:02.113Z", "2026-11-25T10:00:00.000000Z")

    printed = _printed(width, *event_lines([at_once, late], _Wide(width)))

    assert any("occurred" in line and "recorded" in line for line in printed)
    assert sum("2026-11-24T09:15:02Z" in line for line in printed) == 2
    assert any("2026-11-25T10:00:00Z" in line for line in printed)
    assert all(any(row.id in line for line in printed) for row in (at_once, late))
    assert any(line.count("2026-11-24T09:15:02Z") == 2 for line in printed) is (width == 200)


def test_an_event_without_its_time_shows_when_it_was_recorded() -> None:
    """That section may be erased."""
    row = replace(_event(1, "", "2026-11-25T10:00:00.000000Z"), event={})

    printed = _printed(80, *event_lines([row], _Wide(80)))

    assert any("recorded 2026-11-25T10:00:00Z" in line for line in printed)


@pytest.mark.parametrize(
    ("edges", "labels"),
    [
        (
            ["2026-11-24T09:15:05Z", "2026-11-24T09:15:10Z", "2026-11-24T09:15:15Z"],
            ["2026-11-24T09:15:05Z", "2026-11-24T09:15:10Z"],
        ),
        (
            ["2026-11-24T09:15:00.000000Z", "2026-11-24T09:16:00.000000Z"],
            ["2026-11-24T09:15:00Z"],
        ),
    ],
)
def test_bars_of_less_than_a_minute_have_labels_of_their_own(
    edges: Sequence[str], labels: Sequence[str]
) -> None:
    bars = histogram_table(EventHistogram(list(edges), [3] * len(labels)))

    printed = [line.strip() for line in _printed(80, bars)]

    assert [sum(line.startswith(label) for line in printed) for label in labels] == [1] * len(
        labels
    )


def test_a_cell_breaks_after_a_separator_and_a_long_piece_is_cut() -> None:
    """Never inside a word: `crm.customer.viewed` is not `crm.cust`, `omer.vie`, `wed`."""
    rows = [("crm.customer.viewed", "customer/cus_90331, customer/" + "x" * 80)]

    printed = _printed(40, table("", ("type", "targets"), rows))

    assert max(map(len, printed)) <= 40
    words = {word for line in printed for word in line.split()}
    assert {"crm.customer.", "viewed", "cus_90331,"} <= words
    assert any(word.endswith("x…") for word in words)


def test_what_people_copy_is_never_folded() -> None:
    """Prose is, between words; an indented one goes on below its first word."""
    command = "verify it:  vitne verify proof.json --trust 'example.org/log/acme+0123abcd+AAAA'"

    assert _printed(30, copied(command)) == [command]
    assert _printed(20, plain("  - all is as it was signed")) == [
        "  - all is as it was",
        "    signed",
    ]
