"""What witnesses and auditors have against the logs, as it is kept."""

from vitne.adapters.memory.objects import MemoryObjects
from vitne.core.types import LogId
from vitne.services.witness_incidents import WitnessIncident, WitnessIncidents

ACME, INDEX = LogId("acme"), LogId("acme/index")
OBJECTION = WitnessIncident(INDEX, "a.example", "objection", 7, 0, 5, "note", "record 1 is false")
FORK = WitnessIncident(INDEX, "https://w.example", "fork", 7, 6, 6)


def test_an_objection_hides_no_fork_and_a_fork_no_objection() -> None:
    objects = MemoryObjects()
    incidents = WitnessIncidents(objects)

    assert incidents.add(OBJECTION)
    assert incidents.add(FORK)
    assert not incidents.add(OBJECTION)

    again = WitnessIncidents(objects)
    assert {one.kind for one in again.load()} == {"objection", "fork"}
    assert again.objection(INDEX) == OBJECTION
    assert again.reason(ACME) == FORK.reason


def test_each_is_over_when_who_said_it_agrees() -> None:
    objects = MemoryObjects()
    incidents = WitnessIncidents(objects)
    incidents.add(OBJECTION)
    incidents.add(FORK)

    assert not incidents.clear(INDEX, "b.example")
    assert incidents.clear(INDEX, "a.example")
    assert incidents.objection(INDEX) is None
    assert incidents.reason(ACME) == FORK.reason
    assert incidents.clear(INDEX, "https://w.example")
    assert list(WitnessIncidents(objects).load()) == []
