"""Pages point at what is there, and say of nothing that it is lacking once it is there."""

import ast
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne"

_PATH = re.compile(
    r"[\w.-]+(?:/[\w.-]+)*/[\w-]+\.(?:py|js|css|html|md|toml|sql|service)"
    r"|(?:core|services|adapters|sdk|api|cli|wiring|evidence|ports|tests|tools|docs)(?:/[\w.-]+)+"
)


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


def _spans(pages: ModuleType, page: Path) -> list[str]:
    """What stands between backticks in a page, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", pages.FENCED.sub("", page.read_text("utf-8")))


def test_every_path_that_a_page_names_exists(pages: ModuleType) -> None:
    """From the root, from src/vitne, from tests, from docs, or from the page's own folder."""
    named = [
        (page, span)
        for page in pages.all_pages()
        for span in _spans(pages, page)
        if _PATH.fullmatch(span)
    ]
    gone = [
        f"{pages.name_of(page)}: {span}"
        for page, span in named
        if not any(
            (base / span).exists() or (base / f"{span}.py").exists()
            for base in (ROOT, SOURCE, ROOT / "tests", ROOT / "docs", page.parent)
        )
    ]

    assert len(named) > 200
    assert gone == []


def test_every_error_sentence_that_a_page_quotes_is_in_the_code() -> None:
    """In italics, below the headings about errors; `…` is what differs from case to case."""
    nodes = (node for path in SOURCE.rglob("*.py") for node in ast.walk(_tree(path)))
    texts = {" ".join(text.split()) for node in nodes if " " in (text := _text(node))}
    quoted = [
        (page, sentence)
        for page in ("read-errors.md", "back-up-and-restore.md")
        for row in (ROOT / "docs/howto" / page).read_text("utf-8").split("\n")
        if row.startswith("| ")
        for sentence in re.findall(r"\*([^*]+)\*", row.split("|")[1])
    ]
    gone = [
        f"{page}: {sentence}"
        for page, sentence in quoted
        if not any(_contains(text, sentence) for text in texts)
        and not sentence.endswith("Address already in use")  # the operating system's part
    ]

    assert len(quoted) > 15
    assert gone == []


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


def _contains(text: str, sentence: str) -> bool:
    pattern = ".*".join(re.escape(part.strip()) for part in sentence.split("…"))
    return re.search(pattern, text) is not None


def test_every_metric_that_a_page_names_is_one() -> None:
    """Without what Prometheus adds to the name of a counter or a histogram."""
    text = "".join(path.read_text("utf-8") for path in (SOURCE / "api").rglob("*.py"))
    page = (ROOT / "docs/howto/watch-it.md").read_text("utf-8")
    named = {
        name.removesuffix("_total").removesuffix("_bucket")
        for name in re.findall(r"\bvitne_[a-z_]+", page)
    }

    assert len(named) > 10
    assert [name for name in sorted(named) if f'"{name}"' not in text] == []


def test_the_glossary_has_each_word_once() -> None:
    """A word that means two things is two words."""
    page = (ROOT / "docs/glossary.md").read_text("utf-8")
    words = [
        word
        for row in re.findall(r"^\| \*\*(.+?)\*\* \|", page, re.MULTILINE)
        for word in row.split(", ")
    ]

    assert len(words) > 70
    assert [word for word in words if words.count(word) > 1] == []
