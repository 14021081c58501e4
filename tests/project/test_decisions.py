"""Decision records have one form, and their index is complete and says the state of each."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("0*.md"))
HEADINGS = ["Context", "Options", "Decision", "What it costs us"]

_STATE = re.compile(
    r"^State: (Accepted on \d{4}-\d\d-\d\d"
    r"(?:; superseded(?: in part)? by \[record (\d+)\]\((\d{4})-[a-z0-9-]+\.md\))?)\.$",
    re.MULTILINE,
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_the_one_form(record: Path) -> None:
    """Title with its number, state, and four headings in order."""
    text = record.read_text("utf-8")

    assert text.startswith(f"# {int(record.stem[:4])}. ")
    assert len(_STATE.findall(text)) == 1
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_superseded_only_by_a_later_one(record: Path) -> None:
    """The link leads to the record whose number it says."""
    found = _STATE.search(record.read_text("utf-8"))

    assert found
    _, said, linked = found.groups()
    assert said is None or int(said) == int(linked) > int(record.stem[:4])


def test_the_index_has_each_record_with_its_title_and_state() -> None:
    """In order; records that overtake another are marked there too."""
    rows = []
    for record in RECORDS:
        text = record.read_text("utf-8")
        number, title = re.match(r"# (\d+)\. (.*)", text).groups()  # type: ignore[union-attr]  # the form is tested above
        state = _STATE.search(text)
        rows.append(f"| [{number}]({record.name}) | {title} | {state[1] if state else ''} |")

    index = (FOLDER / "README.md").read_text("utf-8")
    assert [line for line in index.split("\n") if line.startswith("| [")] == rows
    assert len([row for row in rows if "superseded" in row]) >= 2
