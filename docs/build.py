"""Writes docs/reference from the code, and the blocks of program output in every other page.

    python docs/build.py            write what has changed
    python docs/build.py --check    write nothing; exit status 1 if a page is stale

A block that begins with ```text vitne --help (or the help of another verb) contains what that
command prints. A block whose first line ends in ` run` is run by tests/project. A map of rooms or
chapters, in a page or in the docstring of a package, consists of the first sentences of their own
docstrings, in the order of the import contracts. The lines of docs/tour.md are the first sentences
of the modules.
"""

import ast
import inspect
import io
import json
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec.inspect as types
from rich.console import Console

from vitne import errors
from vitne.api.assemble import build
from vitne.api.server.problems import KINDS
from vitne.api.server.server import bounds_of
from vitne.cli.base.app import STATUSES, VERBS, application, status_of
from vitne.core.event.check import expectation
from vitne.core.event.event import PROBLEM_CODES
from vitne.core.event.schema import PAYLOAD, PERSON, SCHEMA, Event
from vitne.core.filter import syntax as filter_syntax
from vitne.core.filter.fields import FIELDS
from vitne.errors import VitneError
from vitne.ports import ROLES
from vitne.settings import Settings, render_table
from vitne.wiring import open_server

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make docs` from the code; a test fails when it is stale. -->"
WIDTH = 88

MAPPED = ("vitne", "vitne.core", "vitne.services")
"""Packages whose docstring contains the map of what is in them."""

_MAP_IN_PAGE = re.compile(r"(<!-- map of ([\w.]+) -->\n).*?(<!-- end of map -->)", re.DOTALL)
_MAP_IN_CODE = re.compile(r"(from the ground up; imports only go down:\n\n)(?: {4}.*\n)+")
_OUTPUT = re.compile(r"^```text (vitne[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def help_of(words: list[str]) -> str:
    """What `vitne … --help` prints, without trailing spaces."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, force_terminal=False)
    application(*words[:1]).help_print(words, console=console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    return "\n".join(line.rstrip() for line in printed.strip().split("\n"))


def _sub_verbs(verb: str) -> list[str]:
    app = application()[verb]
    return [] if app.default_command else [name for name in app if not name.startswith("-")]


def verbs_of(words: list[str]) -> list[str]:
    """The verb that a command line begins with, and its sub-verbs; none: no such verb."""
    app, found = application(*words[:1]), []
    for word in words:
        if word.startswith("-") or word not in list(app):
            break
        app = app[word]
        found.append(word)
    return found


def cli_page() -> str:
    """Every verb with its help, and the exit statuses."""
    lines = ["# The command line", "", NOTE, "", *_block(["--help"]), ""]
    lines += [
        "Every verb takes `--json`: one JSON document on standard output, for programs. Sentences,",
        "progress and hints go to standard error. An error says what is wrong, where, and what to",
        "try; `VITNE_DEBUG=1` adds the traceback. Clients find the server by `--url`, `--api-key`",
        "and `--tenant`, by `VITNE_URL`, `VITNE_API_KEY` and `VITNE_TENANT`, or by a profile",
        "`client.toml` in `$VITNE_FOLDER`, `./vitne-data` or `~/.config/vitne`.",
        "",
        "## Exit statuses",
        "",
        "| status | meaning |",
        "|--:|---|",
        *(f"| {status} | {meaning} |" for status, meaning in _statuses()),
    ]
    for verb in VERBS:
        lines += ["", f"## vitne {verb.name}", "", *_block([verb.name])]
        for sub in _sub_verbs(verb.name):
            lines += ["", f"### vitne {verb.name} {sub}", "", *_block([verb.name, sub])]
    return "\n".join(lines) + "\n"


def _statuses() -> Iterator[tuple[int, str]]:
    yield 0, "done"
    for kind, status in STATUSES.items():
        yield status, f"`{kind.code}`: {_first_line(kind)}"
    yield 70, "a fault of Vitne itself"
    yield 130, "interrupted"
    yield 141, "the reader of the output has gone"


def _block(words: list[str]) -> list[str]:
    command = " ".join(["vitne", *words]).removesuffix(" --help") + " --help"
    shown = help_of([word for word in words if word != "--help"])
    return [f"```text {command}", shown, "```"]


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0].rstrip(".")


def _family(kind: type[VitneError]) -> Iterator[type[VitneError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _family(child)


def errors_page() -> str:
    """Every error code, every HTTP problem, every fault of an event."""
    lines = ["# Errors", "", NOTE, "", "## Codes", ""]
    lines += ["| code | exit status | HTTP | meaning |", "|---|--:|--:|---|"]
    for kind in sorted(_family(VitneError), key=lambda kind: kind.code):
        http = KINDS[kind.code].status if kind.code in KINDS else ""
        lines.append(f"| `{kind.code}` | {_status(kind)} | {http} | {_first_line(kind)} |")
    lines += ["", "## Problems of HTTP replies", ""]
    lines += ["The `code` of an `application/problem+json` (RFC 9457).", ""]
    lines += ["| code | status | title |", "|---|--:|---|"]
    lines += [f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in KINDS.items()]
    lines += ["", "## Problems of events", "", "The `code` of each of `problems`.", ""]
    lines += ["| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in PROBLEM_CODES.items()]
    return "\n".join(lines) + "\n"


def _status(kind: type[VitneError]) -> int:
    return status_of(kind("")) if kind is not VitneError else 70


def search_page() -> str:
    """The filter language, and every field that can be searched."""
    syntax, _, rest = inspect.cleandoc(filter_syntax.__doc__ or "").partition("\n\n")
    example, _, remarks = rest.partition("\n\n")
    lines = ["# Search", "", NOTE, "", syntax, ""]
    lines += ["```text", textwrap.dedent(example), "```", "", remarks, "", "## Fields", ""]
    lines += ["| field | also | takes | section | meaning |", "|---|---|---|---|---|"]
    for field in FIELDS:
        also = ", ".join(f"`{name}`" for name in field.aliases)
        takes = {"text": "text, `*`", "folded": "text in any case, `*`", "int": "a range"}
        lines.append(
            f"| `{field.name}` | {also} | {takes[field.kind]} | {field.section} | {field.help} |"
        )
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Every field of an event, from the types that intake decodes with."""
    lines = [f"# The event `{SCHEMA}`", "", NOTE, ""]
    lines += [
        "An unsigned event needs `type`, `actor.id`, and a target where the type demands one;"
    ]
    lines += ["the server fills the rest and lists what it filled in `record.filled`. `target`, an"]
    lines += ["object or `type/id`, is short for `targets[0]`. A field that stands in no other"]
    lines += ["section is core. An event has at most 64 KiB, a batch 1,000 events or 5 MiB.", ""]
    lines += ["| field | takes | section |", "|---|---|---|"]
    for path, takes in _members(types.type_info(Event), ""):
        pointer = re.sub(r"\[\]", "/*", "/" + path.replace(".", "/"))
        section = next((name for name, of in _SECTIONS if _within(pointer, of)), "")
        lines.append(f"| `{path}` | {takes.replace('|', chr(92) + '|')} | {section} |")
    return "\n".join(lines) + "\n"


_SECTIONS = (("person", PERSON), ("payload", PAYLOAD))


def _within(pointer: str, section: tuple[str, ...]) -> bool:
    return any(pointer == one or pointer.startswith((f"{one}/", f"{one}*")) for one in section)


def _members(node: types.Type, path: str) -> Iterator[tuple[str, str]]:
    """Every member at or below a type, as (path, what it takes)."""
    node = node.type if isinstance(node, types.Metadata) else node
    if isinstance(node, types.UnionType):
        kept = [one for one in node.types if not isinstance(one, types.NoneType)]
        if len(kept) == 1:
            yield from _members(kept[0], path)
            return
    if isinstance(node, types.StructType):
        if path:
            yield path, _first_line(node.cls)
        for field in node.fields:
            yield from _members(field.type, f"{path}.{field.encode_name}".lstrip("."))
    elif isinstance(node, types.ListType):
        most = f"at most {node.max_length} of: " if node.max_length else "a list of: "
        below = list(_members(node.item_type, f"{path}[]"))
        yield below[0][0], most + below[0][1]
        yield from below[1:]
    else:
        yield path, expectation(node)


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI document of a server that serves an empty folder."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        settings = Settings(folder=folder)
        server = open_server(settings, create=True)
        try:
            made = json.loads(build(server, bounds_of(settings), pool, pool).document)
        finally:
            server.close()
    return dict(made)


def routes() -> list[tuple[str, str]]:
    """Method and path of every route."""
    paths = openapi()["paths"]
    return [(method.upper(), path) for path in sorted(paths) for method in sorted(paths[path])]


def http_page() -> str:
    """Every route, its parameters and its replies, from the OpenAPI document."""
    document = openapi()
    lines = ["# HTTP", "", NOTE, ""]
    lines += ["The OpenAPI 3.1 document is served at `/schema/openapi.json`. A key goes into"]
    lines += [
        "`Authorization: Bearer vk_…`. Errors are `application/problem+json`; their codes are"
    ]
    lines += ["in [errors.md](errors.md).", "", document["info"]["description"], ""]
    for path, methods in sorted(document["paths"].items()):
        for method, about in sorted(methods.items()):
            lines += [f"## {method.upper()} {path}", "", _sentence(about.get("summary", ""))]
            if about.get("description"):
                lines += ["", about["description"]]
            lines += ["", *_parameters(about), "| reply | |", "|--:|---|"]
            for status, reply in sorted(about["responses"].items()):
                lines.append(f"| {status} | {_cell(reply.get('description', ''))} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _sentence(text: str) -> str:
    return text if text.endswith(("?", ".", "!")) else f"{text}."


def _parameters(about: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{one['name']}` | {one['in']} | {_cell(one.get('description', ''))} |"
        for one in about.get("parameters", [])
    ]
    return ["| parameter | in | |", "|---|---|---|", *rows, ""] if rows else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "errors.md": errors_page,
    "events.md": events_page,
    "http.md": http_page,
    "search.md": search_page,
    "settings.md": render_table,
}


def outputs(text: str) -> str:
    """A page with each block of program output as the program prints it now."""

    def again(match: re.Match[str]) -> str:
        words = match[1].split()[1:]
        if words[-1:] != ["--help"]:
            return match[0]
        return f"```text {match[1]}\n{help_of(words[:-1])}\n```"

    return _OUTPUT.sub(again, text)


@cache
def _floors(package: str) -> list[str]:
    """What is in a package, from the ground up, as its import contract orders it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (layers,) = (
        contract["layers"]
        for contract in contracts["contracts"]
        if contract.get("containers") == [package]
    )
    return [name for layer in reversed(layers) for name in layer.split(" | ")]


def _place(package: str) -> Path:
    return ROOT / "src" / Path(*package.split("."))


def map_of(package: str) -> dict[str, str]:
    """Each room or chapter of a package, with the first sentence of its own docstring."""
    found = {}
    for name in _floors(package):
        place = _place(f"{package}.{name}")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        found[name] = " ".join(about.partition("\n\n")[0].split())
    return found


def _page_with_maps(text: str) -> str:
    def again(match: re.Match[str]) -> str:
        rows = "".join(f"| `{name}` | {about} |\n" for name, about in map_of(match[2]).items())
        return f"{match[1]}| room | contains |\n|---|---|\n{rows}{match[3]}"

    return _MAP_IN_PAGE.sub(again, text)


_MODULE_IN_TOUR = re.compile(r"^\| `([\w/]+\.py)` \| .* \|$", re.MULTILINE)


def _tour_with_lines(text: str) -> str:
    """The tour, each module with the first line of its own docstring; their order is by hand."""

    def again(match: re.Match[str]) -> str:
        file = ROOT / "src" / "vitne" / match[1]
        about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        line = " ".join(about.partition("\n\n")[0].split()).rstrip(".:")
        return f"| `{match[1]}` | {_cell(line)} |"

    return _MODULE_IN_TOUR.sub(again, text)


_ROLES_IN_PAGE = re.compile(r"(<!-- roles -->\n).*?(<!-- end of roles -->)", re.DOTALL)


def _page_with_roles(text: str) -> str:
    rows = "".join(f"| `{role}` | {may} |\n" for role, may in ROLES.items())
    return _ROLES_IN_PAGE.sub(lambda at: f"{at[1]}| role | may |\n|---|---|\n{rows}{at[2]}", text)


def map_in(text: str) -> bool:
    """Whether the docstring at the top of a package contains a map."""
    return _MAP_IN_CODE.search(text) is not None


def _code_with_map(package: str, text: str) -> str:
    lines = (
        textwrap.fill(about, 96, initial_indent=f"    {name:<12}", subsequent_indent=" " * 16)
        for name, about in map_of(package).items()
    )
    return _MAP_IN_CODE.sub(lambda match: match[1] + "\n".join(lines) + "\n", text, count=1)


def stale() -> dict[Path, str]:
    """Every page that is not as it should be, with what it should contain."""
    wanted: dict[Path, str] = {REFERENCE / name: make() for name, make in PAGES.items()}
    pages: list[Path] = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    for path in pages:
        if path not in wanted:
            wanted[path] = _page_with_roles(_page_with_maps(outputs(path.read_text("utf-8"))))
    tour = ROOT / "docs" / "tour.md"
    wanted[tour] = _tour_with_lines(wanted[tour])
    for package in MAPPED:
        path = _place(package) / "__init__.py"
        wanted[path] = _code_with_map(package, path.read_text("utf-8"))
    return {
        path: text
        for path, text in wanted.items()
        if not path.is_file() or path.read_text("utf-8") != text
    }


def main(argv: list[str]) -> int:
    """Write or check; prints each page that is stale."""
    found: dict[Path, Any] = stale()
    for path, text in found.items():
        print(f"{'stale' if argv else 'written'}: {path.relative_to(ROOT)}")  # noqa: T201  # a script
        if not argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return 1 if argv and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
