"""The verifier's page as a reader meets it: files in, plain words out."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.note import sign_note
from vitne.core.values.canonical import encode_trusted
from vitne.evidence.bundle.build import build_bundle
from vitne.evidence.bundle.rules_attached import seal_text

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
VERIFIER = Path(__file__).parents[2] / "src" / "vitne" / "evidence" / "verifier.html"
NAMES = ("verdict", "hits", "reasons", "exact", "binding", "trust", "seal")
PUBLISHED = Path(__file__).parents[2] / "docs" / "spec" / "vectors" / "bundles"


def choose(page: Any, file: Any, field: str = "#file") -> str:
    """What the page says after a file was chosen."""
    page.set_input_files(field, file)
    page.wait_for_selector("#result .banner:not(.busy)")
    said: str = page.inner_text("#result")
    return said


def as_file(data: bytes, name: str = "answer.vitne") -> dict[str, Any]:
    return {"name": name, "mimeType": "application/json", "buffer": data}


@pytest.fixture(scope="module")
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


@pytest.fixture(scope="module")
def good(log: Any, bundle_log: Any) -> bytes:
    low, high = log.recorded(5), log.recorded(log.covered - 1) + 1
    data: bytes = log.bundle(1, (bundle_log.ISSUER, "usr_1"), low, high)
    return data


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("name", "word", "sentence"),
    [
        ("present", "Proved", "Exactly 1 such event was logged."),
        ("absent", "Disproved", "No such event was logged in this window."),
        ("tail", "Proved", "At least 4 such events were logged."),
    ],
)
def test_an_example_bundle_gets_its_verdict_in_words(
    page: Any, vectors: Path, name: str, word: str, sentence: str
) -> None:
    said = choose(page, vectors / f"vitne_example_{name}.vitne")

    assert page.inner_text(".banner h2") == word
    assert sentence in said
    assert "Trust as bundled" in said
    assert sha256((vectors / f"vitne_example_{name}.vitne").read_bytes()).hexdigest() in said
    assert page.locator(".rules .holds").count() == 20


def test_every_published_bundle_gets_the_verdict_that_is_published_with_it(
    judge: Callable[..., list[dict[str, Any]]],
) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("docs/spec/vectors is not there")
    expected = json.loads((PUBLISHED / "expected.json").read_bytes())["bundles"]
    given = [((PUBLISHED / one["file"]).read_bytes(), policies_of(one)) for one in expected]

    for said, one in zip(judge(given), expected, strict=True):
        named = [name for name in NAMES if name in one]
        said["reasons"] = sorted(said.get("reasons", []))
        assert [said.get(name) for name in named] == [one[name] for name in named], one["file"]
        assert said.get("rule") == one.get("rule")


def policies_of(one: dict[str, Any]) -> dict[str, Any]:
    return {**(one.get("policies") or {}), "indexSecrets": one.get("index_keys") or {}}


def test_a_broken_rule_is_named_and_nothing_else_is_said(page: Any, log: Any, good: bytes) -> None:
    value = json.loads(good)
    value["gaps"][0]["postings"] = []
    value["seal"] = sealed(log, value)

    said = choose(page, as_file(encode_trusted(value)))

    assert page.inner_text(".banner h2") == "Invalid"
    assert "Rule 12 of 20 fails" in said
    assert "postings — fails" in page.inner_text(".rules .fails")
    assert page.locator(".rules .holds").count() == 11
    assert page.locator(".rules .skipped").count() == 8


def sealed(log: Any, value: dict[str, Any]) -> str:
    value.pop("seal", None)
    return sign_note(seal_text(value["origin"], encode_trusted(value)), [log.receipt])


def test_policies_of_ones_own_are_trusted_instead_of_those_in_the_file(
    page: Any, log: Any, good: bytes
) -> None:
    text, index = (as_file(one.encode(), "policy") for one in log.policy_texts())
    choose(page, as_file(good))

    page.click("summary")
    choose(page, index, "#index-policy")
    said = choose(page, text, "#log-policy")
    assert "The keys and witnesses are those of the policies that you gave." in said

    choose(page, as_file(b"log nonsense\nquorum none\n", "policy"), "#log-policy")
    page.wait_for_selector("#result .error")
    assert "line 1" in page.inner_text("#result")


def test_an_index_secret_binds_the_value_and_a_malformed_one_is_told(
    page: Any, log: Any, good: bytes
) -> None:
    page.click("summary")
    page.fill("#index-secrets", f"1:{log.index_secrets[1].hex()}")
    assert "It is nobody's word" in choose(page, as_file(good))

    page.fill("#index-secrets", "1:abc")
    page.click("#again")
    page.wait_for_selector("#result .error")
    assert "EPOCH:HEX" in page.inner_text("#result")


# ---------------------------------------------------------------- what is no bundle


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty."),
        (b"\xff\xd8\xff\xe0 a photo", "Not an evidence bundle"),
        (b'{"checkpoint":"x"}', "vitne verify FILE"),
        (b"c2sp.org/tlog-proof@v1\n", "vitne verify --policy"),
        (b'{"coverage":' + b"[" * 200_000, "Rule 1 of 20 fails"),
    ],
)
def test_a_file_that_is_no_bundle_is_told_kindly(page: Any, data: bytes, words: str) -> None:
    assert words in choose(page, as_file(data))


def test_a_file_beyond_the_bound_is_not_even_read(page: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.vitne"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)

    assert "Too large" in choose(page, large)


# ---------------------------------------------------------------- the page itself


def test_text_of_a_bundle_never_becomes_part_of_the_page(page: Any, bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("s")
    log.event("s", HOSTILE, (HOSTILE,), core={"targets": [{"type": "customer", "id": HOSTILE}]})
    log.seal()
    log.event("s")
    parts = (bundle_log.ISSUER, HOSTILE)
    data = build_bundle(log.ask(1, parts, log.recorded(0), log.now_us, filter=""))

    said = choose(page, as_file(data, f"{HOSTILE}.vitne"))

    assert HOSTILE in said
    assert page.locator("#result img, #result script").count() == 0


def test_the_page_asks_for_nothing_and_could_not(browser: Any, good: bytes) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(VERIFIER.as_uri())

    choose(page, as_file(good))
    said = page.evaluate("fetch('https://vitne.test').then(() => 'sent', () => 'refused')")

    assert said == "refused"
    assert asked == [VERIFIER.as_uri()]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_every_width_and_scheme(
    page: Any, good: bytes, width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme)

    choose(page, as_file(good))

    for details in page.locator("details").all():
        details.evaluate("(one) => { one.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.body).{name}.match(/[0-9]+/g).map(Number)")
        for name in ("color", "backgroundColor")
    )
    assert (sum(ink) < sum(paper)) is (scheme == "light")


def test_everything_can_be_reached_by_keyboard_and_is_told_aloud(page: Any, good: bytes) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"

    choose(page, as_file(good))

    assert page.evaluate("document.activeElement.id") == "result"
    assert page.get_attribute("#result", "aria-live") == "polite"
    assert page.get_by_role("heading", name="Proved", exact=True).count() == 1
    assert page.locator(".rules .holds .mark").all_inner_texts() == ["✓\nholds"] * 20
    assert page.locator("input, textarea").evaluate_all(
        "(all) => all.every((one) => one.labels.length === 1)"
    )


def test_a_file_can_be_dropped_anywhere_on_the_page(page: Any, good: bytes) -> None:
    page.evaluate(
        """(text) => {
            const carried = new DataTransfer();
            carried.items.add(new File([text], "dropped.vitne"));
            document.body.dispatchEvent(
                new DragEvent("drop", { bubbles: true, dataTransfer: carried }));
        }""",
        good.decode(),
    )

    page.wait_for_selector("#result .proved")
    assert "dropped.vitne" in page.inner_text("#result")


def test_times_stand_in_utc_and_in_the_time_of_the_reader(page: Any, vectors: Path) -> None:
    said = choose(page, vectors / "vitne_example_present.vitne")

    assert "2025-11-24T16:00:00.250000Z" in said
    assert "24 Nov 2025, 17:00:00 CET" in said
