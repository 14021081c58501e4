"""Pages point at what is there, and say of nothing that it is lacking once it is there."""

from pathlib import Path
from types import ModuleType


def test_every_page_of_the_tree_is_checked(pages: ModuleType) -> None:
    """Those at the root too, which no folder of documents holds."""
    names = {pages.name_of(page) for page in pages.all_pages()}

    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} <= names
    assert len(names) > 80


def test_every_link_of_a_page_leads_to_a_file_and_a_heading(pages: ModuleType) -> None:
    """Links within this repository: the file exists, and after `#` comes one of its headings."""
    dead = []
    for page in pages.all_pages():
        for link in pages.links(page.read_text("utf-8")):
            path, _, anchor = link.partition("#")
            target = (page.parent / path) if path else page
            if "://" in link or link.startswith("mailto:"):
                continue
            if not target.exists() or (anchor and not _has(pages, target, anchor)):
                dead.append(f"{pages.name_of(page)}: {link}")

    assert dead == []


def _has(pages: ModuleType, target: Path, anchor: str) -> bool:
    return target.suffix == ".md" and anchor in pages.anchors(target.read_text("utf-8"))


def test_an_anchor_is_spelled_as_github_spells_it(pages: ModuleType) -> None:
    """Or a link could be taken for dead, or a dead one for good."""
    text = "# The `a_b` of *it*: one, two\n\n## Go\n\n## Go\n\n```sh\n# no heading\n```\n"

    assert pages.anchors(text) == {"the-a_b-of-it-one-two", "go", "go-1"}


def test_an_output_is_compared_but_for_ids_times_keys_and_what_is_left_open(
    pages: ModuleType,
) -> None:
    """`…` is any text; another word, another number or another line is another output."""
    shown = "accepted 01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77 at 2026-11-24 09:24:48.708\n…\n2 left\n"
    printed = shown.replace("2026-11-24 09", "2027-01-01 10").replace("1b77", "1b78")

    assert pages.prints(shown, printed)
    assert pages.prints(shown, printed.replace("…", "a\nb"))
    assert not pages.prints(shown, printed.replace("2 left", "3 left"))
    assert not pages.prints(shown, printed.replace("accepted", "rejected"))
    assert not pages.prints(shown, printed + "one line more\n")
