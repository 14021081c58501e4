"""From a house to an application: which services, checks and figures the door shows."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from vitne.api.answers.ask import AnswersDoor, answer_routes
from vitne.api.app import Application
from vitne.api.erasure.erasures import ErasureDoor, erasure_routes, hold_routes
from vitne.api.intake.events import EventsDoor, Timing
from vitne.api.log.auditors import AuditorsDoor, auditor_routes
from vitne.api.log.tiles import LogDoor, log_routes
from vitne.api.log.verifier_page import verifier_routes
from vitne.api.openapi.document import config, intake_route
from vitne.api.operate.health import Check, health_routes
from vitne.api.operate.tenants import LogKeysShown, TenantsDoor, tenant_routes
from vitne.api.search.search import FindingDoor, finding_routes
from vitne.api.search.show import ShowingDoor, showing_routes
from vitne.api.senders.source_keys import SourceKeysDoor, source_key_routes
from vitne.api.senders.streams import StreamsDoor, stream_routes
from vitne.api.server.access import Access
from vitne.api.server.metrics import Gauge, Meters
from vitne.api.server.protocol import Bounds
from vitne.api.server.responses import Reads
from vitne.core.values.types import LeafIndex, LogId
from vitne.services.access.audit_events import OwnEvents
from vitne.services.access.doorkeeper import KeyAuthenticator
from vitne.services.access.logged_reads import LoggedReads
from vitne.services.intake.quota import Quota
from vitne.wiring import House

_US: Final = 1e6


def build(house: House, bounds: Bounds, preparing: Executor, reading: Executor) -> Application:
    """The application of a house.

    Args:
        house: started or not.
        bounds: of its connections; their counts are shown.
        preparing: threads in which large bodies are unpacked and prepared.
        reading: threads in which reads wait for the disk.
    """
    settings = house.settings
    meters = Meters()
    told = LoggedReads(OwnEvents(house.ingest, "api"))
    access = Access(KeyAuthenticator(house.state, house.clock), house.state, told)
    quota = Quota(
        house.clock,
        events_per_s=settings.quota_events_per_s,
        burst_events=settings.quota_burst_events,
    )
    for gauge in (*gauges(house), *_door_gauges(bounds, quota)):
        meters.watch(gauge)
    events = EventsDoor(
        intake=house.ingest,
        access=access,
        quota=quota,
        meters=meters,
        workers=preparing,
        timing=Timing(settings.body_timeout_s, settings.commit_timeout_s),
    )
    reads = Reads(reading)
    log = LogDoor(house.published, house.cosigned, access, house.state, public=settings.public_log)
    erasure = ErasureDoor(house.erasing, house.holds, access)
    routes = [
        intake_route(events),
        *finding_routes(FindingDoor(house.search, access, told), reads),
        *answer_routes(AnswersDoor(house.ask, access, told, house.clock, meters.answered), reads),
        *showing_routes(ShowingDoor(house.show, access, told), reads),
        *tenant_routes(TenantsDoor(access, house.state, _LogKeysOf(house)), reads),
        *log_routes(log, reads),
        *auditor_routes(AuditorsDoor(log, house.auditors, house.witnessed), reads),
        *stream_routes(StreamsDoor(house.streams, access, told), reads),
        *source_key_routes(SourceKeysDoor(house.source_keys, access), reads),
        *erasure_routes(erasure, reads),
        *hold_routes(erasure, reads),
        *verifier_routes(),
        *health_routes(reads, access, checks(house), meters, settings.metrics_public),
    ]
    return Application(routes, config(), events, meters)


class _LogKeysOf:
    """Names a log's public keys."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __call__(self, log: LogId) -> LogKeysShown:
        origin = self._house.logs.origin(log)
        keys = self._house.keys
        signers = (keys.log_signer(origin), keys.index_signer(origin), keys.receipt_signer(origin))
        return LogKeysShown(origin, *(signer.vkey for signer in signers))


def checks(house: House) -> Sequence[Check]:
    """What must hold for the server to be sent work; no answer names a tenant."""
    return (
        Check("disk", lambda: _disk(house)),
        Check("writer", lambda: _writer(house)),
        Check("publisher", lambda: _publisher(house)),
        Check("integrity", lambda: _integrity(house)),
        Check("witnesses", lambda: _witnesses(house)),
    )


def _disk(house: House) -> str:
    free, least = house.objects.free_bytes(), house.settings.free_bytes_min
    if free < least:
        return f"{free} bytes are free, {least} are kept in reserve"
    house.objects.replace({"staging/ready": b"ready\n"})
    return ""


def _writer(house: House) -> str:
    if not house.append.is_alive:
        return "the writer has stopped"
    if house.append.stats.last_error:
        return "the last commit failed"
    return ""


def _publisher(house: House) -> str:
    lag_s, most_s = publish_lag_s(house), house.settings.publish_lag_max_s
    if lag_s > most_s:
        return f"an entry has waited {lag_s:.0f} s for a checkpoint; at most {most_s} s is allowed"
    return ""


def _integrity(house: House) -> str:
    halted = len(house.publish.halted)
    return f"{halted} logs are not published: their stored bytes disagree" if halted else ""


def _witnesses(house: House) -> str:
    """A witness that is not reached stops nothing; one that contradicts a log does.

    An auditor's objection does not either: events must be taken all the same.
    """
    kinds = [incident.kind for incident in house.incidents.all()]
    told = []
    if ahead := kinds.count("ahead"):
        told.append(f"a witness has seen more of {ahead} logs than this store holds")
    if forks := kinds.count("fork"):
        told.append(f"a witness has seen {forks} logs that are not consistent with this store")
    return "; ".join(told)


def publish_lag_s(house: House) -> float:
    """Age of the oldest entry that no checkpoint covers, over all logs; 0 if there is none.

    Logs that are halted for good are told by the integrity check, and left out here.
    """
    now_us = house.clock.now_us()
    waiting = [
        first.recorded_us
        for info in house.store.unpublished()
        if info.log not in house.publish.halted
        and (first := house.store.record(info.log, LeafIndex(info.head_size))) is not None
    ]
    return max(0.0, (now_us - min(waiting)) / _US) if waiting else 0.0


def gauges(house: House) -> Sequence[Gauge]:
    """The figures of a house."""

    def counter(of: Callable[[], object], field: str, name: str, text: str) -> Gauge:
        return Gauge(name, text, lambda: float(getattr(of(), field)), is_counter=True)

    writer = partial(counter, lambda: house.append.stats)
    publisher = partial(counter, lambda: house.publisher.stats)
    sealer = partial(counter, lambda: house.sealer.stats)
    return (
        Gauge(
            "vitne_queue_events",
            "Events waiting for the writer",
            lambda: house.append.waiting.events,
        ),
        Gauge(
            "vitne_queue_bytes",
            "Bytes waiting for the writer",
            lambda: house.append.waiting.weight_bytes,
        ),
        writer("groups", "vitne_commit_groups", "Durable transactions"),
        writer("failures", "vitne_commit_failures", "Groups that were not stored"),
        writer("busy_s", "vitne_commit_busy_seconds", "Time spent in them"),
        writer("clamps", "vitne_clock_clamps", "Times set to that of the entry before"),
        writer("clamp_alarms", "vitne_clock_clamp_alarms", "Those of more than a second"),
        publisher("rounds", "vitne_publish_rounds", "Rounds that published something"),
        publisher("entries", "vitne_published_entries", "Entries in signed checkpoints"),
        publisher("failures", "vitne_publish_failures", "Rounds that ended in an error"),
        publisher("conflicts", "vitne_publish_conflicts", "Rounds that another publisher won"),
        sealer("segments", "vitne_sealed_segments", "Segments sealed since the start"),
        sealer("merged", "vitne_merged_segments", "Segments put into larger ones"),
        sealer("failures", "vitne_seal_failures", "Rounds of sealing that ended in an error"),
        Gauge(
            "vitne_publish_lag_seconds",
            "Longest wait for a checkpoint",
            lambda: publish_lag_s(house),
        ),
        Gauge("vitne_halted_logs", "Logs whose bytes disagree", lambda: len(house.publish.halted)),
        *_witness_gauges(house),
        Gauge("vitne_logs", "Logs", lambda: len(house.store.logs())),
        Gauge(
            "vitne_entries",
            "Entries in all logs",
            lambda: sum(info.next_index for info in house.store.logs()),
        ),
        Gauge(
            "vitne_sealed_entries",
            "Entries in sealed segments",
            lambda: sum(info.sealed_end for info in house.store.logs()),
        ),
        Gauge("vitne_free_bytes", "Free disk", house.objects.free_bytes),
    )


def _witness_gauges(house: House) -> Sequence[Gauge]:
    return (
        Gauge(
            "vitne_witness_incidents",
            "Logs that a witness contradicts",
            lambda: len(house.incidents.all()),
        ),
        Gauge(
            "vitne_witness_lag_seconds",
            "Longest wait for enough cosignatures",
            house.witnessed.lag_s,
        ),
        Gauge(
            "vitne_witness_cosignatures",
            "Cosignatures that witnesses gave",
            lambda: house.witnessing.cosigned,
            is_counter=True,
        ),
        Gauge(
            "vitne_witness_failures",
            "Questions to witnesses without a good answer",
            lambda: sum(asker.failures for _, asker in house.witnessing.places),
            is_counter=True,
        ),
    )


def _door_gauges(bounds: Bounds, quota: Quota) -> Sequence[Gauge]:
    return (
        Gauge("vitne_connections", "Open connections", lambda: bounds.open_connections),
        Gauge(
            "vitne_refused_connections",
            "Connections beyond the bound",
            lambda: bounds.refused_connections,
            is_counter=True,
        ),
        Gauge(
            "vitne_slow_clients", "Clients cut off", lambda: bounds.slow_clients, is_counter=True
        ),
        Gauge(
            "vitne_quota_refusals", "Requests over quota", lambda: quota.refused, is_counter=True
        ),
    )
