"""Someone changes a sealed segment: fsck names the file, and where it can the index."""

import json
from pathlib import Path

import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.services.check.findings import Damage
from vitne.services.seal.worker import SealJob
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import open_server

ACME = LogId("acme")
END = LeafIndex(64)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder whose log is sealed up to `END`, and hot above it."""
    made = Settings(folder=str(tmp_path / "v"), free_bytes_min=0)
    server = open_server(made, create=True)
    server.writer.create(ACME)
    for first in (1, 61):
        body = json.dumps([sample_event(n) for n in range(first, first + 60)]).encode()
        server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
        server.writer.write(server.writer.queue.take(1))
    server.publish.rounds.run_once()
    server.seal.segments.seal(SealJob("seal", ACME, LeafIndex(0), END))
    server.close()
    return made


def damages(settings: Settings) -> list[Damage]:
    server = open_server(settings)
    try:
        report = server.fsck.run()
    finally:
        server.close()
    assert report.segments == 1
    return report.damages


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def file_of(settings: Settings, ending: str) -> Path:
    return Path(settings.folder) / "objects" / f"segments/acme/0-{END}.{ending}"


def test_a_log_that_is_partly_sealed_is_clean(settings: Settings) -> None:
    assert damages(settings) == []


@pytest.mark.parametrize("at", [40, -40])
def test_a_changed_byte_of_a_segment_is_named(settings: Settings, at: int) -> None:
    flip(file_of(settings, "parquet"), at)

    assert f"segments/acme/0-{END}.parquet" in {damage.where for damage in damages(settings)}


@pytest.mark.parametrize("at", [40, -3])
def test_a_changed_byte_of_an_index_is_named(settings: Settings, at: int) -> None:
    flip(file_of(settings, "idx"), at)

    assert {damage.where for damage in damages(settings)} == {f"segments/acme/0-{END}.idx"}


@pytest.mark.parametrize("ending", ["parquet", "idx"])
def test_a_missing_file_of_a_segment_is_named(settings: Settings, ending: str) -> None:
    file_of(settings, ending).unlink()

    found = damages(settings)

    assert found[0].where == f"segments/acme/0-{END}.{ending}"
    assert "missing" in found[0].what


def test_a_changed_bundle_under_a_segment_is_named_with_the_entry(settings: Settings) -> None:
    bundle = Path(settings.folder) / "objects/log/acme/tile/entries/000.p/125"
    entry_of_20 = bundle.read_bytes().find(b"vit1", 20 * 150)
    flip(bundle, entry_of_20 + 60)

    found = damages(settings)

    assert found
    assert all(damage.index is None or damage.index < END for damage in found)
