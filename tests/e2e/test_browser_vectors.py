"""The parts of the verifier in the browser against the published vectors."""

import gzip
import json
import unicodedata
from collections import Counter
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

Json = Any
TOOL = Path(__file__).parents[2] / "tools" / "build-verifier"
MODULES = ("signature", "note", "merkle", "json", "bytes", "policy")
HOLDS = """
globalThis.holds = (work) => {
    try { work(); return true; } catch (fault) {
        if (!(fault instanceof $core_fault.Fault)) throw fault;
        return false;
    }
};
"""


@pytest.fixture
def parts(browser: Any) -> Any:
    """A page that holds the modules, joined as in the verifier, each as `$core_name`."""
    loader = SourceFileLoader("build_verifier", str(TOOL))
    spec = spec_from_loader("build_verifier", loader)
    assert spec is not None
    tool = module_from_spec(spec)
    loader.exec_module(tool)
    order: list[str] = []
    for name in MODULES:
        tool.ordered(f"core/{name}.js", order, [])
    page = browser.new_page()
    script = "".join(tool.wrapped(name, "") for name in order)
    page.add_script_tag(content=script + HOLDS)
    yield page
    page.close()


def test_ed25519_takes_exactly_the_43_cases_that_every_strict_library_takes(
    parts: Any, vectors: Path
) -> None:
    cases = json.loads((vectors / "cctv_ed25519vectors.json").read_bytes())

    taken = parts.evaluate(
        """(cases) => cases.filter(({ key, msg, sig }) => holds(() => $core_signature.verifyEd25519(
            $core_bytes.fromHex(key), $core_bytes.utf8(msg), $core_bytes.fromHex(sig)))).length""",
        cases,
    )

    assert (len(cases), taken) == (914, 43)


@pytest.mark.parametrize(
    ("name", "call", "expected"),
    [
        ("wycheproof_ed25519_test.json", "verifyEd25519", (88, 63)),
        ("wycheproof_mldsa_44_verify_test.json.gz", "verifyMldsa", (77, 103)),
    ],
)
def test_signatures_of_wycheproof_are_judged_right(
    name: str, call: str, expected: tuple[int, int], parts: Any, vectors: Path
) -> None:
    data = (vectors / name).read_bytes()
    found = json.loads(gzip.decompress(data) if name.endswith(".gz") else data)
    cases = [
        {"key": key if isinstance(key, str) else key["pk"]} | test
        for group in found["testGroups"]
        for key in [group["publicKey"]]
        for test in group["tests"]
    ]

    said = parts.evaluate(
        f"""(cases) => cases.map(({{ key, msg, sig, ctx }}) => holds(() => $core_signature.{call}(
            $core_bytes.fromHex(key), $core_bytes.fromHex(msg), $core_bytes.fromHex(sig),
            $core_bytes.fromHex(ctx ?? ""))))""",
        cases,
    )

    assert said == [case["result"] == "valid" for case in cases]
    assert (said.count(True), said.count(False)) == expected


def test_notes_are_read_and_refused_as_published(parts: Any, vectors: Path) -> None:
    cases = json.loads((vectors / "note_vectors.json").read_bytes())["notes"]

    said = parts.evaluate(
        """(cases) => cases.map(({ note, vkey }) => holds(
            () => $core_note.openNote(note, [$core_note.parseVerifier(vkey)])))""",
        cases,
    )

    assert said == [case["result"] for case in cases]


def test_consistency_proofs_are_judged_as_published(parts: Any, vectors: Path) -> None:
    lines = (vectors / "merkle_consistency.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]

    said = parts.evaluate(
        """(cases) => cases.map(({ size1, size2, root1, root2, proof }) => holds(() => {
            const [one, two, ...path] = [root1, root2, ...(proof ?? [])].map(
                (text) => $core_bytes.fromBase64(text, 32));
            $core_merkle.checkConsistency(size1, size2, one, two, path);
        }))""",
        cases,
    )

    right = Counter(one is not case["wantErr"] for one, case in zip(said, cases, strict=True))
    assert right == {True: 97, False: 1}


def test_inclusion_proofs_are_judged_as_published(parts: Any, vectors: Path) -> None:
    lines = (vectors / "merkle_inclusion.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]

    said = parts.evaluate(
        """(cases) => cases.map(({ leafIdx, treeSize, root, leafHash, proof }) => holds(() => {
            const [top, leaf, ...path] = [root, leafHash, ...(proof ?? [])].map(
                (text) => $core_bytes.fromBase64(text, 32));
            if (!(leafIdx >= 0)) throw new $core_fault.Fault("no index");
            // From the leaf upwards there, from the root downwards and left first here.
            const sides = [];
            for (let [at, size] = [leafIdx, treeSize]; size > 1;) {
                let half = 1;
                while (half * 2 < size) half *= 2;
                sides.unshift(at < half ? "after" : "before");
                [at, size] = at < half ? [at, half] : [at - half, size - half];
            }
            $core_fault.check(sides.length === path.length, "another length");
            const before = path.filter((_, at) => sides[at] === "before").reverse();
            const after = path.filter((_, at) => sides[at] === "after");
            const way = [...before, ...after];
            const found = $core_merkle.multiproofRoot(treeSize, [[leafIdx, leaf]], way);
            $core_fault.check($core_bytes.sameBytes(found, top), "another root");
        }))""",
        cases,
    )

    assert said == [not case["wantErr"] for case in cases]


def test_canonical_json_is_the_published_or_is_refused(parts: Any, vectors: Path) -> None:
    for file in sorted((vectors / "jcs" / "output").iterdir()):
        text = file.read_bytes().decode("utf-8")
        (said,) = parts.evaluate(
            "(texts) => texts.map((text) => holds(() => $core_json.parseCanonical(text)))", [text]
        )
        assert said is in_domain(json.loads(text)), file.name


def in_domain(value: Json) -> bool:
    """Floats, text beyond NFC and names beyond ASCII are never hashed."""
    match value:
        case dict():
            return all(name.isascii() and name.isprintable() for name in value) and all(
                in_domain(one) for one in value.values()
            )
        case list():
            return all(in_domain(one) for one in value)
        case float():
            return False
        case str():
            return unicodedata.is_normalized("NFC", value)
        case _:
            return True


ODD = [
    '{"a":1,"a":1}', '{"b":1,"a":1}', "1.0", "-0", "1e3", "9007199254740992", " 1", '"\\u0041"',
    '"\\ud800"', '"o\\u0308"', '{"é":1}', "[1,]", "\ufeff1", "NaN", "", "[" * 33 + "]" * 33,
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_json_in_a_second_spelling_is_refused(text: str, parts: Any) -> None:
    assert not parts.evaluate("(text) => holds(() => $core_json.parseCanonical(text))", text)


@pytest.mark.parametrize("text", ["AB==", "A", "AAA", "AA=A", "AAAA\n", " AAA", "-_-_", "AAA=AAAA"])
def test_base64_in_a_second_spelling_is_refused(text: str, parts: Any) -> None:
    assert not parts.evaluate("(text) => holds(() => $core_bytes.fromBase64(text))", text)


def test_two_keys_of_one_witness_do_not_stand_in_for_each_other(
    parts: Any, judge_policy: Callable[..., Any]
) -> None:
    assert judge_policy(parts, times=[5, None]) is None
    assert judge_policy(parts, times=[5, 9]) == 9


@pytest.fixture
def judge_policy() -> Callable[..., Any]:
    """Quorum time of two witnesses, both asked for, whose keys bear one name."""

    def judged(parts: Any, times: list[int | None]) -> Any:
        return parts.evaluate(
            """(times) => {
                const [one, two] = [{ name: "w" }, { name: "w" }];
                const policy = { quorum: "all", witnesses: new Map([["a", one], ["b", two]]),
                    groups: new Map([["all", { threshold: 2, members: ["a", "b"] }]]) };
                const given = new Map([[one, times[0]], [two, times[1]]].filter(
                    ([, time]) => time !== null).map(([key, time]) => [key, BigInt(time)]));
                let found = null;
                holds(() => { found = Number($core_policy.quorumTime(policy, given)); });
                return found;
            }""",
            times,
        )

    return judged
