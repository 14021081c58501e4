"""The verifier for browsers: one file, built from its modules, with licences, and nothing more."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ROOT / "src" / "vitne" / "evidence"
SOURCE = EVIDENCE / "browser"
LINES = 400


def test_the_page_is_what_the_tool_makes_of_the_modules() -> None:
    command = [sys.executable, str(ROOT / "tools" / "build-verifier"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)  # noqa: S603

    assert done.returncode == 0, done.stderr.decode()


def test_the_page_names_no_other_file_and_no_address_that_it_could_load() -> None:
    page = (EVIDENCE / "verifier.html").read_text("utf-8")
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)

    assert re.findall(r"(?:src|href|srcset|action)=", markup) == []
    assert re.findall(r"@import|url\(", re.findall(r"<style>.*?</style>", page, re.DOTALL)[0]) == []
    assert "default-src 'none'" in markup
    assert "unsafe" not in markup


def test_our_modules_never_turn_text_into_markup_or_code() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|Function\("
    )

    for module in sorted(SOURCE.glob("*.js")):
        assert forbidden.findall(module.read_text("utf-8")) == [], module.name


def test_our_modules_are_small_and_say_what_they_are_for() -> None:
    for module in sorted(SOURCE.glob("*.js")):
        lines = module.read_text("utf-8").split("\n")
        assert len(lines) <= LINES, module.name
        assert lines[0].startswith(("// ", "/**")), module.name
        assert max(map(len, lines)) <= 100, module.name


def test_vendored_code_is_the_noted_one_and_its_licence_is_in_the_page() -> None:
    digest = hashlib.sha256((SOURCE / "vendor" / "noble.js").read_bytes()).hexdigest()
    licence = (SOURCE / "vendor" / "LICENSE").read_text("utf-8").strip().split("\n")
    page = (EVIDENCE / "verifier.html").read_text("utf-8")

    assert f"`{digest}`" in (SOURCE / "vendor" / "README.md").read_text("utf-8")
    assert all(line in page for line in licence)
