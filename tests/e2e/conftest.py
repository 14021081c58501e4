"""A real browser, offline, for the verifier that is one HTML file."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from vitne.evidence.browser import read_verifier_page

VERIFIER = Path(__file__).parents[2] / "src" / "vitne" / "evidence" / "verifier.html"
_BATCH = 50

Given = tuple[bytes, Mapping[str, Any] | None]
"""Bytes of a bundle, and policies as the page takes them."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a network; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium: run tools/test-tools as root")
    node = Path(api.__file__).parents[1] / "driver" / "node"
    tried = subprocess.run([node, "--version"], check=False, capture_output=True, text=True)  # noqa: S603  # playwright's own
    if tried.returncode:
        pytest.skip(f"playwright cannot start: run tools/test-tools as root. {tried.stderr}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=sandbox)
        yield found
        found.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """The verifier's page, opened from its file; every fault on its console fails the test."""
    read_verifier_page()  # which says what to do where it is missing
    context = browser.new_context(offline=True, locale="en-GB", timezone_id="Europe/Oslo")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(VERIFIER.as_uri())
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def judge(page: Any) -> Callable[[Sequence[Given]], list[dict[str, Any]]]:
    """What `vitneVerify` in the page says of bundles, many at a call."""

    def judged(given: Sequence[Given]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for at in range(0, len(given), _BATCH):
            batch = [
                [base64.b64encode(data).decode(), policies]
                for data, policies in given[at : at + _BATCH]
            ]
            found += page.evaluate(
                """(batch) => batch.map(([data, policies]) => vitneVerify(
                    Uint8Array.from(atob(data), (one) => one.charCodeAt(0)), policies ?? {}))""",
                batch,
            )
        return found

    return judged
