"""What every test may use: the published vectors and real logs that lie beside the checkout."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[2] / "shared"

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _beside(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"../shared/{name} is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Folder of the published test vectors; skips where it is absent."""
    return _beside("vectors")


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """Folder of the real audit logs; skips where it is absent."""
    return _beside("data")
