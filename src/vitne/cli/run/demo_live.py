"""The demo's present: people continue to work, and their applications record through the SDK."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from vitne.cli.run.demo_folder import DAYS, DemoNote, simulation_of
from vitne.sdk import Client
from vitne.sdk.events.context import new_id
from vitne.sdk.events.fields import EventFields
from vitne.simulator import Event

_HOUR_US = 3_600_000_000
_MORNING_US = 33 * _HOUR_US
"""Of the day after the history: nine in the morning, so that it never starts at night."""
_AS_RECORDED = (
    *("actor", "targets", "outcome", "tenant", "category", "changes", "query", "purpose"),
    *("on_behalf_of", "chain", "client", "extra", "severity", "sensitivity", "phase", "observed"),
)
_MAX_ACTIONS = 1000


def go_on(note: DemoNote, folder: Path, url: str, pace: float, stop: threading.Event) -> int:
    """Record about `pace` events a second until `stop` is set; how many were recorded.

    The people and habits of the simulation, at the time of the clock: what they would do tomorrow
    from nine in the morning, one event after another.
    """
    clients = {source: _client(url, key, source, folder) for source, key in note.live_keys.items()}
    actions: OrderedDict[str, str] = OrderedDict()
    count = 0
    try:
        simulation = simulation_of(note)
        for _, event in simulation.live(note.start_us + DAYS * 24 * _HOUR_US + _MORNING_US):
            source = cast(Mapping[str, str], event["source"])
            client = clients[f"{source['application']}/{source['service']}"]
            if "repeat" in event or str(event["type"]).startswith("system."):
                continue  # the SDK folds and closes its streams itself
            if stop.wait(1 / pace):
                break
            client.record(str(event["type"]), **_fields(event, actions))
            count += 1
    finally:
        for client in clients.values():
            client.close()
    return count


def _client(url: str, key: str, source: str, folder: Path) -> Client:
    application, _, service = source.partition("/")
    joint = service == "customer-service"
    return Client(
        url,
        key,
        application=application,
        service=service,
        layer="joint_service" if joint else "bff",
        role="backstop" if joint else "primary",
        instance="demo",
        clock_sync="ntp",
        spool_dir=folder / "spool",
        spool_fsync="close",
    )


def _fields(event: Event, actions: OrderedDict[str, str]) -> EventFields:
    """A simulated event as an application would record it: ids and time are the SDK's."""
    fields = {name: event[name] for name in _AS_RECORDED if name in event}
    correlation = dict(cast(Mapping[str, object], event["correlation"]))
    for name in ("action_id", "causation_id"):
        if name in correlation:
            correlation[name] = _fresh(str(correlation[name]), actions)
    fields["correlation"] = correlation
    return cast(EventFields, fields)


def _fresh(action: str, actions: OrderedDict[str, str]) -> str:
    """The same new id for the same simulated action, so that its events still belong together."""
    if action not in actions:
        actions[action] = new_id()
        if len(actions) > _MAX_ACTIONS:
            actions.popitem(last=False)
    return actions[action]
