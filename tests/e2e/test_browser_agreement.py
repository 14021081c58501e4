"""Two verifiers, written apart, say the same of a thousand bundles, good and broken."""

import base64
import importlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from vitne.core.tree.note import Signer, sign_note
from vitne.core.tree.signature import MLDSA_COSIGNATURE
from vitne.core.values.canonical import encode_trusted
from vitne.errors import VerificationError
from vitne.evidence.bundle.answer import Answer, Policies
from vitne.evidence.bundle.build import build_bundle
from vitne.evidence.bundle.document import LimitMember, StampMember
from vitne.evidence.bundle.rules_attached import seal_text
from vitne.evidence.bundle.verify import verify_bundle
from vitne.evidence.policy import parse_policy

Texts = Mapping[str, Any] | None

ISSUER = "https://id.example"
MODES = (("full-1", "full"), ("body-1", "body"), ("none-1", "none"))
FILTERS = (
    "",
    "",
    "",
    "outcome:succeeded",
    "-type:crm.*",
    "target:customer/cus_1 actor:usr_*",
    "x:y",
)
UNKNOWN = b"vit1\x0b" + bytes(5)
"""Begins an entry of a type of the future."""


TOLD = (
    "verdict", "hits", "exact", "reasons", "binding", "trust", "window", "covered", "seal",
    "withheld", "erased",
)  # fmt: skip
FAILED = ("verdict", "rule")


# ---------------------------------------------------------------- the two verdicts


def by_python(data: bytes, texts: Texts) -> dict[str, Any]:
    """The verdict of `vitne verify`, in the words of the page."""
    texts = texts or {}
    log, index = (parse_policy(texts[name]) if name in texts else None for name in ("log", "index"))
    keys = {int(epoch): bytes.fromhex(key) for epoch, key in texts.get("indexSecrets", {}).items()}
    try:
        found = verify_bundle(data, Policies(log, index, keys))
    except VerificationError as error:
        return {"verdict": "invalid", "rule": error.rule}
    return told(found)


def told(found: Answer) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "hits": [hit.index for hit in found.hits],
        "exact": found.exact,
        "reasons": [reason.code for reason in found.reasons],
        "binding": found.binding,
        "trust": found.trust,
        "window": bounded(list(found.window)),
        "covered": found.covered,
        "seal": found.seal.state,
        "withheld": [list(one) for one in found.withheld],
        "erased": [list(one) for one in found.erased],
    }


def by_page(said: dict[str, Any]) -> dict[str, Any]:
    if "window" in said:
        said["window"] = bounded(said["window"])
    return {name: said[name] for name in (FAILED if said["verdict"] == "invalid" else TOLD)}


def bounded(window: list[int]) -> list[int]:
    """No entry is recorded at 2^53 or later, where numbers of the page become coarse."""
    return [min(time, 2**53) for time in window]


# ---------------------------------------------------------------- good bundles


def grown(bundle_log: Any, dice: random.Random) -> Any:  # noqa: C901, PLR0912 - one case a step
    """A log with a bit of everything that a bundle may tell of."""
    log = bundle_log.BundleLog(witnessed=dice.random() < 0.8)
    if dice.random() < 0.3:
        log.w1 = Signer("w1.example", bundle_log.seed("w1"), MLDSA_COSIGNATURE)
    for name, mode in MODES:
        log.register(name, mode)
    steps = ["event"] * 4 + ["batch"] * 2 + ["seal"]
    if dice.random() < 0.6:
        steps += ["odd", "epoch", "erase", "log"]
    for _ in range(dice.randint(8, 40)):
        name = dice.choice(MODES)[0]
        stream, told = log.streams[name], dice.choice(log.events) if log.events else None
        match dice.choice(steps):
            case "event":
                targets = dice.sample(["cus_0", "cus_1", "cus_2"], dice.choice([0, 1, 1, 1, 2]))
                late = dice.choice([0, 0, 0, 1_000, 7_000_000])
                log.event(name, f"usr_{dice.randint(0, 2)}", targets, late_us=late)
            case "batch" if stream.views:
                log.batch(name)
            case "seal" if log.covered < len(log.entries):
                log.seal(note=dice.random() < 0.8)
            case "odd":
                odd_event(log, dice, name)
            case "epoch":
                log.new_epoch()
            case "erase" if told is not None:
                section = dice.choice(["person", "payload", "core"])
                if (told.index, section) not in log.erased:
                    log.erase(told.index, [section])
            case "log":
                log_says(log, dice, name)
    if dice.random() < 0.2:
        now = log.tick().to_bytes(8, "big")
        log.add_bytes(UNKNOWN + now + now + bytes(24) + dice.randbytes(dice.randint(0, 9)))
        log.event("none-1")
    return log


def odd_event(log: Any, dice: random.Random, name: str) -> None:
    """An event that is not what it seems."""
    if dice.random() < 0.4 and not log.streams[name].views:
        log.event(name, skip=1)
        return
    change: dict[str, Any] = dice.choice([
        {"overflow": "customer"},
        {"core": {"actor": {"issuer": ISSUER, "id": "usr_other"}}},
        {"core": {"occurred_at": "2026-02-30T00:00:00.000Z"}},
        {"core": {"occurred_at": "2026-11-24T09:15:02.1Z", "targets": "none", "outcome": None}},
        {"core": {"actor": {"id": "usr_1", "issuer": 5}, "note": "smørbrød \u2028 \u0001\ud7ff🎈"}},
        {"outcome": "failed", "type": "pos.sale.made"},
    ])  # fmt: skip
    log.event(name, f"usr_{dice.randint(0, 2)}", **change)


def log_says(log: Any, dice: random.Random, name: str) -> None:
    """Something that the log says of itself."""
    what = dice.random()
    if what < 0.2:
        log.prune(dice.randint(1, len(log.entries)))
    elif what < 0.5:
        log.abandon(name)
    elif not log.streams[name].views:
        at = log.streams[name].number + 1
        log.void(name, at, at)
        log.streams[name].number = at


def asked(log: Any, dice: random.Random) -> bytes:
    """The sealed bundle of a random question about the log."""
    actor, target = f"usr_{dice.randint(0, 3)}", f"cus_{dice.randint(0, 3)}"
    kind, parts = dice.choice([
        (1, (ISSUER, actor)), (2, ("customer", target)), (3, (ISSUER, actor, "customer", target)),
        (4, ("crm/bff", dice.choice(MODES)[0])), (5, ("crm.customer.viewed",)), (6, ("act-12",)),
    ])  # fmt: skip
    times = [log.recorded(index) for index in range(len(log.entries))]
    if log.covered and dice.random() < 0.6:
        times = times[: log.covered]
    low, high = sorted(dice.choices(times, k=2))
    wide = {"clock": "occurred", "early_us": dice.choice([0, 5_000]), "late_us": 9_000_000}
    facts = log.ask(
        kind, parts, low, high + dice.choice([1, 1, 10**9]), filter=dice.choice(FILTERS),
        secrets=dice.random() < 0.7, shown=dice.choice([("core",), ("core", "person"), ()]),
        **(wide if dice.random() < 0.4 else {}),
    )  # fmt: skip
    if dice.random() < 0.2:
        limit = LimitMember("quarantined", "crm/bff", low, high + 1, "set aside")
        facts = replace(facts, limits=[limit], stamps=[StampMember("ots", bytes(32), b"stamp")])
    return (
        resealed(log, json.loads(build_bundle(facts)))
        if dice.random() < 0.9
        else build_bundle(facts)
    )


def resealed(log: Any, value: dict[str, Any]) -> bytes:
    bare = encode_trusted(value)
    value["seal"] = sign_note(seal_text(value["origin"], bare), [log.receipt])
    return encode_trusted(value)


# ---------------------------------------------------------------- broken ones


def changed(log: Any, dice: random.Random, data: bytes, other: bytes) -> bytes:
    """A bundle with something else in it, in most cases sealed again so that no seal tells."""
    if dice.random() < 0.1:
        return bytes_changed(dice, data)
    value, donor = json.loads(data), json.loads(other)
    seal = value.pop("seal", None)
    for _ in range(dice.choice([1, 1, 1, 2])):
        change_one(dice, value, donor)
    if dice.random() < 0.8:
        text = spelled(value)
        value["seal"] = sign_note(seal_text("vitne.test/log/acme", text.encode()), [log.receipt])
    elif seal is not None:
        value["seal"] = seal
    return spelled(value).encode("utf-8", "surrogatepass")


def spelled(value: Any) -> str:
    """As canonical as the value allows."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def bytes_changed(dice: random.Random, data: bytes) -> bytes:
    """Damage on the way."""
    found, at = bytearray(data), dice.randrange(len(data))
    match dice.randrange(5):
        case 0:
            found[at] ^= 1 << dice.randrange(8)
        case 1:
            del found[at : at + dice.randint(1, 30)]
        case 2:
            found[at:at] = dice.choice([b" ", b"\n", b"0", b",", b"\\u0041", b"\xff", b"-", b"e0"])
        case 3:
            found = found[:at]
        case _:
            found = bytearray(b"\xef\xbb\xbf" + data)
    return bytes(found)


def change_one(dice: random.Random, value: Any, donor: Any) -> None:
    """Walk down at random, then change what is there."""
    here, beside = value, donor
    while True:
        steps = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not steps:
            return
        step = dice.choice(steps)
        below = beside[step] if has(beside, step) else None
        if isinstance(here[step], dict | list) and here[step] and dice.random() < 0.85:
            here, beside = here[step], below
            continue
        change_member(dice, here, step, below)
        return


def has(value: Any, step: Any) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def change_member(dice: random.Random, here: Any, step: Any, donor: Any) -> None:
    old = here[step]
    what = dice.random()
    if what < 0.05 or (what < 0.2 and isinstance(here, list)):
        del here[step]
    elif what < 0.4 and donor is not None:
        here[step] = donor
    elif what < 0.43:
        here[step] = dice.choice([None, True, "", "x", [], {}, 0, 1.5, [0]])
    elif what < 0.46 and isinstance(here, list):
        here.insert(step, old)
    elif what < 0.49 and isinstance(here, list) and step:
        here[step], here[step - 1] = here[step - 1], here[step]
    elif isinstance(old, int):
        here[step] = dice.choice([old + 1, old - 1, 0, 1, 2**53 - 1, 2**53, old + 10**7])
    elif isinstance(old, str):
        form = re.fullmatch("[A-Za-z0-9+/]{20,}=*", old) and len(old) % 4 == 0
        here[step] = bits_changed(dice, old) if form else text_changed(dice, old)
    elif isinstance(old, dict):
        old[dice.choice(["more", "erased", "json", "hash", "secrets", "\x7f", "é"])] = 1
    elif old:
        here[step] = dice.choice([old[1:], old[:-1], old[::-1]])
    else:
        here[step] = [1]


def bits_changed(dice: random.Random, text: str) -> str:
    """Another value in the same form."""
    found = bytearray(base64.b64decode(text))
    found[dice.randrange(len(found))] ^= 1 << dice.randrange(8)
    return base64.b64encode(found).decode()


def text_changed(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text) + 1)
    odd = dice.choice(["A", "=", "\u0308", "\n", " ", "+", "Z", "*", "\u00a0", "\u2028", "\x00"])
    return dice.choice([
        text[:at] + odd + text[at + 1 :], text[:at] + odd + text[at:], text[:at] + text[at + 1 :],
        text + odd, text.replace("\n", "\r\n", 1), text.swapcase(),
    ])  # fmt: skip


def policies(log: Any, dice: random.Random) -> Texts:
    """None, or what a verifier may have of its own."""
    (text, index), keys = (
        log.policy_texts(),
        {str(n): k.hex() for n, k in log.index_secrets.items()},
    )
    wrong = {"1": bytes(32).hex()}
    mine = {"log": text, "index": index, "indexSecrets": keys}
    return dice.choice([
        None, mine, mine, {"log": text}, {"log": text, "index": index}, {"indexSecrets": keys},
        {"indexSecrets": wrong}, {"log": index, "index": index},
        {"log": text.replace("quorum both", "quorum w2")},
    ])  # fmt: skip


# ---------------------------------------------------------------- they agree


def test_both_verifiers_say_the_same_of_a_thousand_bundles(
    bundle_log: Any, judge: Callable[..., list[dict[str, Any]]]
) -> None:
    dice = random.Random(20261126)  # noqa: S311 - the same bundles in every run
    given: list[tuple[bytes, Texts]] = []
    for _ in range(25):
        log = grown(bundle_log, dice)
        bundles = [asked(log, dice) for _ in range(10)]
        given += [(data, policies(log, dice)) for data in bundles]
        for data in bundles:
            broken = [changed(log, dice, data, dice.choice(bundles)) for _ in range(3)]
            given += [(one, policies(log, dice) if dice.random() < 0.2 else None) for one in broken]

    said = judge(given)

    expected = [by_python(data, texts) for data, texts in given]
    assert len(said) == 1_000
    for (data, texts), one, other in zip(given, said, expected, strict=True):
        assert by_page(one) == other, (one, texts, data[:20_000])
    seen = Counter(one.get("rule", one["verdict"]) for one in expected)
    assert min(seen[verdict] for verdict in ("proved", "disproved", "undecidable")) > 10
    assert len(seen) >= 18, seen


def test_both_verifiers_say_what_an_independent_maker_of_bundles_expects(
    judge: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    maker = importlib.import_module("tools.vectors.bundles")
    made = [maker.generate(seed) for seed in range(1_000, 1_200)]
    given = [(one.data, given_to(one)) for one in made]
    for at, one in enumerate(made):
        other = made[at - 1].data
        given += [(maker.mutate(one.data, seed, other), given_to(one)) for seed in (at, at + 500)]

    said = judge(given)

    for (data, texts), one in zip(given, said, strict=True):
        assert by_page(one) == by_python(data, texts), (one, texts, data[:20_000])
    for one, of_one in zip(said, made, strict=False):
        expected = of_one.expected.json()
        one["reasons"] = sorted(one["reasons"])
        assert {name: one[name] for name in expected} == expected


def given_to(made: Any) -> Texts:
    """The policies and index secrets that go with a made bundle."""
    keys = {str(epoch): key.hex() for epoch, key in made.index_secrets.items()}
    return {**(made.policies or {}), "indexSecrets": keys}
