"""The demo's events: a month of history, then live ones, sent with the key of each source."""

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

import msgspec

from vitne.cli.base.client import HttpClient, ServerOptions, read_reply, to_error
from vitne.cli.base.http import HttpConnection
from vitne.cli.base.output import Advance
from vitne.cli.run.demo_folder import DAYS, DemoNote, simulation_of
from vitne.errors import IntegrityError, UnavailableError
from vitne.sdk import Client
from vitne.sdk.events.build import EventFields
from vitne.sdk.events.context import new_id
from vitne.simulator import Event
from vitne.wire.events import IntakeReply
from vitne.wire.search import EventReply
from vitne.wire.tenants import TenantsReply

_WINDOW = 1000
_BATCH = 500
_AT_ONCE = 6
_TRIES = 20
_TIMEOUT_S = 60


def load_history(url: str, keys: dict[str, str], events: Iterable[Event], advance: Advance) -> int:
    """Send a history; how many events the logs have of it.

    What was sent before by a start that was stopped is reported as a duplicate, and counted.

    Args:
        url: of the server.
        keys: source → API key.
        events: in time order.
        advance: moves a progress bar.

    Raises:
        IntegrityError: an event was not taken, though every one is valid.
        VitneError: the server's problem.
    """
    count = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for window in _windows(events):
            sent = [pool.submit(_post, url, keys[source], batch) for source, batch in window]
            for waiting in sent:
                taken = waiting.result()
                count += taken
                advance(taken)
    return count


def _windows(events: Iterable[Event]) -> Iterator[list[tuple[str, list[bytes]]]]:
    """Windows of time, each as batches of one source; so the logs are nearly in order of time."""
    encode = msgspec.json.Encoder().encode
    walk = iter(events)
    while window := list(itertools.islice(walk, _WINDOW)):
        by_source: dict[str, list[bytes]] = {}
        for event in window:
            by_source.setdefault(_source(event), []).append(encode(event))
        yield [
            (source, bodies[at : at + _BATCH])
            for source, bodies in by_source.items()
            for at in range(0, len(bodies), _BATCH)
        ]


def _source(event: Event) -> str:
    source = event["source"]
    if not isinstance(source, dict):
        raise TypeError("every simulated event has a source")
    return f"{source['application']}/{source['service']}"


def _post(url: str, key: str, batch: list[bytes]) -> int:
    """Send one batch, again when the server is busy: ids make that safe; how many are in."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = b"[" + b",".join(batch) + b"]"
    for _ in range(_TRIES):
        with closing(HttpConnection(url, headers, _TIMEOUT_S)) as http:
            answer = http.request("POST", "/v1/events", content=body)
        if not answer.is_error:
            results = read_reply(answer, IntakeReply).results
            for result in results:
                if result.status not in ("accepted", "duplicate"):
                    raise IntegrityError(f"an event of the demo was not taken: {result}")
            return len(results)
        if answer.status not in (429, 503):
            raise to_error(answer)
        time.sleep(float(answer.headers.get("retry-after", "1")))
    raise UnavailableError(f"the server was busy {_TRIES} times in a row")


def wait_until_proved(url: str, key: str, tenant: str, event_id: str) -> str:
    """Wait until an event is under a signed checkpoint; the vkey of its log.

    Raises:
        UnavailableError: that takes longer than a minute.
    """
    with HttpClient(ServerOptions(url, key), "demo") as client:
        for _ in range(120):
            if client.get(f"/v1/events/{event_id}", EventReply, tenant=tenant).proof:
                tenants = client.get("/v1/tenants", TenantsReply).tenants
                return next(one.log.log_key for one in tenants if one.id == tenant)
            time.sleep(0.5)
    raise UnavailableError("the log did not publish within a minute")


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
            client = clients[_source(event)]
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
