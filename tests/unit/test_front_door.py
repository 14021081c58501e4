"""`import vitne`: what is public, and that it costs nothing."""

import subprocess
import sys

import pytest

import vitne
from vitne.errors import VitneError
from vitne.evidence.record import verify as record_proof
from vitne.evidence.record.document import redact_record


@pytest.mark.parametrize("name", vitne.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """And is shown by `dir`."""
    assert getattr(vitne, name)
    assert name in dir(vitne)


def test_the_names_are_those_of_the_server() -> None:
    """Not copies."""
    assert vitne.verify_record is record_proof.verify_record
    assert vitne.redact_record is redact_record
    assert vitne.VitneError is VitneError


def test_a_name_that_is_not_public_is_refused() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'wiring_of_secrets'"):
        _ = vitne.wiring_of_secrets


def test_importing_the_package_imports_none_of_its_rooms() -> None:
    """They come with their first use."""
    code = "import sys, vitne; print([m for m in sys.modules if m.startswith('vitne.')])"
    done = subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "['vitne.version']\n"
