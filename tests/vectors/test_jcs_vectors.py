"""The published vectors of RFC 8785: the same bytes, or refused for a stated reason."""

from pathlib import Path

import pytest

from vitne.core.values import canonical, encode_canonical
from vitne.errors import DecodeError

_INSIDE = {"arrays"}
_OUTSIDE = {
    "french": "names of printable ASCII",
    "structures": "names of printable ASCII",
    "unicode": "NFC",
    "values": "an integer",
    "weird": "names of printable ASCII",
}


def test_the_vectors_are_all_known(vectors: Path) -> None:
    assert {path.stem for path in (vectors / "jcs/input").iterdir()} == _INSIDE | set(_OUTSIDE)


@pytest.mark.parametrize("name", sorted(_INSIDE))
def test_a_vector_inside_the_domain_gives_the_published_bytes(name: str, vectors: Path) -> None:
    data = (vectors / f"jcs/input/{name}.json").read_bytes()
    expected = (vectors / f"jcs/output/{name}.json").read_bytes()

    assert encode_canonical(canonical.decode(data)) == expected
    outhex = (vectors / f"jcs/outhex/{name}.txt").read_text().split()
    assert expected == bytes.fromhex("".join(outhex))


@pytest.mark.parametrize("name", sorted(_OUTSIDE))
def test_a_vector_outside_the_domain_is_refused(name: str, vectors: Path) -> None:
    data = (vectors / f"jcs/input/{name}.json").read_bytes()

    with pytest.raises(DecodeError, match=_OUTSIDE[name]):
        canonical.decode(data)
