"""What every test may use: the published vectors and real logs that lie beside the checkout."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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


_WITHOUT_NETWORK = (Path(__file__).parent / "unit", Path(__file__).parent / "properties")
_blocked: list[bool] = []


def _refuse_sockets(event: str, args: tuple[object, ...]) -> None:
    # The loopback of an event loop (AF_UNIX) is no network; an address of text and port is.
    if (
        _blocked
        and event in {"socket.connect", "socket.getaddrinfo"}
        and isinstance(args[1], tuple)
    ):
        raise RuntimeError("unit and property tests open no connections: see tests/integration")


sys.addaudithook(_refuse_sockets)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keeps unit and property tests off the network."""
    if any(folder in request.path.parents for folder in _WITHOUT_NETWORK):
        _blocked.append(True)
        yield
        _blocked.clear()
    else:
        yield


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Folder of the published test vectors; skips where it is absent."""
    return _beside("vectors")


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """Folder of the real audit logs; skips where it is absent."""
    return _beside("data")


def _module(name: str, path: str) -> ModuleType:
    """A module or package of this folder, which is on nobody's import path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def bundle_log() -> ModuleType:
    """`tests/bundle_log`: a log in memory that makes bundles, and knows the right answers."""
    return _module("vitne_test_bundle_log", "bundle_log/__init__.py")


@pytest.fixture(scope="session")
def answer_server() -> ModuleType:
    """`tests/support/answer_server.py`: a server that answers questions."""
    return _module("vitne_test_answer_server", "support/answer_server.py")


@pytest.fixture(scope="session")
def filter_text() -> ModuleType:
    """`tests/support/filter_text.py`: a filter as the text that means it."""
    return _module("vitne_test_filter_text", "support/filter_text.py")


@pytest.fixture(scope="session")
def store_model() -> ModuleType:
    """`tests/support/store_model.py`: a plain model of the stores that SQLite is compared with."""
    return _module("vitne_test_store_model", "support/store_model.py")


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """`tests/support/witness_world.py`: real witnesses, logs and auditors in processes."""
    return _module("vitne_test_witness_world", "support/witness_world.py")


@pytest.fixture(scope="session")
def lying_log() -> ModuleType:
    """`tests/support/lying_log.py`: ways for a log to lie, and a mirror for its auditor."""
    return _module("vitne_test_lying_log", "support/lying_log.py")


@pytest.fixture(scope="session")
def signing() -> ModuleType:
    """`tests/support/signing_sender.py`: senders that sign, driven by hand."""
    return _module("vitne_test_signing_sender", "support/signing_sender.py")
