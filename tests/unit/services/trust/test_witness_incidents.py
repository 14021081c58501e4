"""What witnesses and auditors have against the logs, as it is kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from vitne.adapters.objects.folder import FolderObjects
from vitne.core.values.types import LogId
from vitne.services.trust.contradictions import WitnessIncident, WitnessIncidents

ACME, INDEX = LogId("acme"), LogId("acme/index")
OBJECTION = WitnessIncident(INDEX, "a.example", "objection", 7, 0, 5, "note", "record 1 is false")
OTHER = WitnessIncident(INDEX, "b.example", "objection", 7, 0, 4, "note", "record 2 is false")
FORK = WitnessIncident(INDEX, "https://w.example", "fork", 7, 6, 6)


@pytest.fixture
def objects(tmp_path: Path) -> Iterator[FolderObjects]:
    """Empty."""
    opened = FolderObjects(tmp_path)
    yield opened
    opened.close()


def kept(objects: FolderObjects, *incidents: WitnessIncident) -> WitnessIncidents:
    made = WitnessIncidents(objects)
    for one in incidents:
        assert made.add(one)
    return made


def test_an_objection_hides_no_fork_and_a_fork_no_objection(objects: FolderObjects) -> None:
    incidents = kept(objects, OBJECTION, FORK)

    assert not incidents.add(OBJECTION)

    again = WitnessIncidents(objects)
    assert {one.kind for one in again.load()} == {"objection", "fork"}
    assert again.objections(INDEX) == [OBJECTION]
    assert again.reason(ACME) == FORK.reason


def test_one_auditor_s_objection_outlives_another_s(objects: FolderObjects) -> None:
    """The second was acknowledged, and lost when the first auditor cosigned."""
    incidents = kept(objects, OBJECTION, OTHER)

    assert incidents.end(INDEX, "a.example", 9, 7)

    assert incidents.objections(INDEX) == [OTHER]
    again = WitnessIncidents(objects)
    again.load()
    assert again.objections(INDEX) == [OTHER]


def test_an_objection_ends_by_a_later_cosignature_of_no_less_and_is_remembered(
    objects: FolderObjects,
) -> None:
    incidents = kept(objects, OBJECTION)

    assert not incidents.end(INDEX, "a.example", 5, 7), "not later"
    assert not incidents.end(INDEX, "a.example", 9, 6), "an older part of the index log"
    assert not incidents.end(INDEX, "b.example", 9, 7), "another auditor"
    assert not incidents.end(ACME, "a.example", 9, 7), "another tree"
    assert incidents.end(INDEX, "a.example", 9, 7)

    assert list(incidents.all()) == []
    again = WitnessIncidents(objects)
    again.load()
    assert again.over_us(INDEX, "a.example") == 9
    assert not again.add(OBJECTION), "brought again"
    assert not again.add(replace(OBJECTION, at_us=8)), "of before it cosigned"
    assert again.add(replace(OBJECTION, at_us=9)), "of the moment in which it cosigned"
    assert [one.at_us for one in again.objections(INDEX)] == [9]


def test_a_newer_objection_takes_the_place_of_the_older_and_is_no_news_if_it_says_the_same(
    objects: FolderObjects,
) -> None:
    incidents = kept(objects, OBJECTION)

    assert not incidents.add(replace(OBJECTION, at_us=8))
    assert not incidents.end(INDEX, "a.example", 7, 7), "between the two"
    assert incidents.add(replace(OBJECTION, at_us=9, said="record 3 is false"))


def test_a_contradiction_is_over_when_its_witness_agrees(objects: FolderObjects) -> None:
    incidents = kept(objects, FORK, OBJECTION)

    assert not incidents.clear(INDEX, "a.example"), "an objection is none"
    assert incidents.clear(INDEX, "https://w.example")

    assert incidents.reason(ACME) == ""
    assert [one.kind for one in WitnessIncidents(objects).load()] == ["objection"]
