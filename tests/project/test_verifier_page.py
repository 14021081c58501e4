"""The verifier for browsers: one file, built from its modules, with licences, and nothing more."""

import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vitne.errors import ConfigurationError
from vitne.evidence.browser import read_verifier_page

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne" / "evidence" / "browser"
LINES = 400

DIGEST = "96a2faf52cfa9a1e5cd5c6d8d8279591dfb562401647d2cf9e02128f7e9531b0"
"""SHA-256 of the page. It is not in git, so this line shows that a commit changes it."""

BELOW = {"core": ["core", "vendor"], "rules": ["core", "rules"]}
"""What the modules of a folder may import; `verify.js` and `page` may import anything."""


def modules() -> Iterator[Path]:
    return (path for path in sorted(SOURCE.rglob("*.js")) if path.parent.name != "vendor")


def run(*command: str) -> bytes:
    done = subprocess.run(  # noqa: S603
        [sys.executable, *command], check=False, capture_output=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_the_page_is_what_the_tool_makes_of_the_modules_and_has_the_noted_digest() -> None:
    before = read_verifier_page()

    said = run("tools/build-verifier").decode()

    assert read_verifier_page() == before, "the page was stale, and now is not: run this again"
    assert said.split()[-1] == hashlib.sha256(before).hexdigest() == DIGEST


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_what_is_installed_elsewhere_has_the_page(target: str, tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "-t", target, "-d", str(tmp_path))
    (made,) = tmp_path.iterdir()

    if target == "wheel":
        with zipfile.ZipFile(made) as wheel:
            page = wheel.read("vitne/evidence/verifier.html")
    else:
        with tarfile.open(made) as archive:
            name = f"{made.name.removesuffix('.tar.gz')}/src/vitne/evidence/verifier.html"
            file = archive.extractfile(name)
            assert file is not None
            page = file.read()

    assert page == read_verifier_page()


def test_a_page_that_was_not_built_is_told_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lacks the verifier") as told:
        read_verifier_page(tmp_path / "verifier.html")

    assert "make setup" in told.value.hint


def test_the_page_names_no_other_file_and_no_address_that_it_could_load() -> None:
    page = read_verifier_page().decode()
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)

    assert re.findall(r"(?:src|href|srcset|action)=", markup) == []
    assert re.findall(r"@import|url\(", re.findall(r"<style>.*?</style>", page, re.DOTALL)[0]) == []
    assert "default-src 'none'" in markup
    assert "unsafe" not in markup


def test_our_modules_never_turn_text_into_markup_or_code() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\("
    )

    for module in modules():
        assert forbidden.findall(module.read_text("utf-8")) == [], module.name


def test_our_modules_are_small_and_say_what_they_are_for() -> None:
    for module in modules():
        lines = module.read_text("utf-8").split("\n")
        assert len(lines) <= LINES, module.name
        assert lines[0].startswith(("// ", "/**")), module.name
        assert max(map(len, lines)) <= 100, module.name


def test_our_modules_import_only_downwards() -> None:
    wrong = []
    for module in modules():
        name = module.relative_to(SOURCE)
        for path in re.findall(r'from "([^"]+)";', module.read_text("utf-8")):
            target = (module.parent / path).resolve().relative_to(SOURCE)
            if target.parts[0] not in BELOW.get(name.parts[0], [target.parts[0]]):
                wrong.append(f"{name} imports {target}")

    assert list(modules())
    assert wrong == []


def test_vendored_code_is_the_noted_one_and_its_licence_is_in_the_page() -> None:
    digest = hashlib.sha256((SOURCE / "vendor" / "noble.js").read_bytes()).hexdigest()
    licence = (SOURCE / "vendor" / "LICENSE").read_text("utf-8").strip().split("\n")
    page = read_verifier_page().decode()

    assert f"`{digest}`" in (SOURCE / "vendor" / "README.md").read_text("utf-8")
    assert all(line in page for line in licence)
