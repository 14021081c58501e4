"""Our witness against the requests of litewitness, in their order."""

import json
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.note import Verifier, Vkey
from vitne.core.tree.signature import ED25519
from vitne.core.tree.witness import (
    CosignedHead,
    Refused,
    authenticate_request,
    read_request,
    refuse_request,
)
from vitne.core.values.types import Origin

LOG = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"


@pytest.fixture(scope="module")
def published(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "witness_add_checkpoint.json").read_text())
    return found


def test_the_published_requests_get_the_published_answers(published: dict[str, Any]) -> None:
    """The third says 403 in the file; the current text says 404 for an unknown origin."""
    key = Verifier(Vkey(LOG, ED25519, bytes.fromhex(published["log_pubkey_hex"])).encode())
    seen: CosignedHead | None = None
    answers = []

    for case in published["cases"]:
        found = read_request(case["body"].encode())
        found = (
            found
            if isinstance(found, Refused)
            else authenticate_request(found, {Origin(LOG): [key]})
        )
        refused = found if isinstance(found, Refused) else refuse_request(found, seen)
        if refused is None:
            assert not isinstance(found, Refused)
            head = found.request.head
            seen = CosignedHead(head.size, head.root, found.note, 0)
        answers.append((refused.status, refused.body) if refused else (200, ""))

    assert [status for status, _ in answers] == [200, 403, 404, 422, 422, 200, 409, 200, 409]
    assert (answers[6][1], answers[8][1]) == ("3\n", "5\n")
