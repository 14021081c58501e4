"""From a server to an application: which services, checks and figures the resource shows."""

from concurrent.futures import Executor
from functools import partial
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily as Counter
from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric

from vitne.api.answers.ask import AnswersResource, answer_routes
from vitne.api.app import Application
from vitne.api.erasure.erasures import ErasureResource, erasure_routes, hold_routes
from vitne.api.intake.events import EventsResource
from vitne.api.log.auditors import AuditorsResource, auditor_routes
from vitne.api.log.tiles import LogResource, log_routes
from vitne.api.log.verifier_page import verifier_routes
from vitne.api.openapi.document import config, intake_route
from vitne.api.operate.health import Checks, health_routes
from vitne.api.operate.tenants import TenantsResource, tenant_routes
from vitne.api.search.search import SearchResource, finding_routes
from vitne.api.search.show import EventResource, showing_routes
from vitne.api.senders.source_keys import SourceKeysResource, source_key_routes
from vitne.api.senders.streams import StreamsResource, stream_routes
from vitne.api.server import Access, Bounds, Meters, Reads
from vitne.core.values import LeafIndex, count
from vitne.services.access import KeyAuthenticator, LoggedReads, OwnEvents
from vitne.services.intake import Quota
from vitne.wiring import Server

_US: Final = 1e6


def build(server: Server, bounds: Bounds, preparing: Executor, reading: Executor) -> Application:
    """The application of a server.

    Args:
        server: started or not.
        bounds: of its connections; their counts are shown.
        preparing: threads in which large bodies are unpacked and prepared.
        reading: threads in which reads wait for the disk.
    """
    settings = server.settings
    told = LoggedReads(OwnEvents(server.intake.requests, "api"))
    access = Access(
        KeyAuthenticator(server.adapters.state, server.adapters.clock), server.adapters.state, told
    )
    quota = Quota(
        server.adapters.clock,
        events_per_s=settings.quota_events_per_s,
        burst_events=settings.quota_burst_events,
    )
    meters = Meters(lambda: [*figures_of_server(server), *_figures_of_requests(bounds, quota)])
    events = EventsResource(
        intake=server.intake.requests,
        access=access,
        quota=quota,
        meters=meters,
        workers=preparing,
        body_timeout_s=settings.body_timeout_s,
        commit_timeout_s=settings.commit_timeout_s,
    )
    reads = Reads(reading)
    log = LogResource(
        server.publish.files,
        server.trust.cosigned,
        access,
        server.adapters.state,
        public=settings.public_log,
    )
    erasure = ErasureResource(server.erasure.logged, server.erasure.holds, access)
    routes = [
        intake_route(events),
        *finding_routes(SearchResource(server.search, access, told), reads),
        *answer_routes(
            AnswersResource(
                server.answers.questions, access, told, server.adapters.clock, meters.answered
            ),
            reads,
        ),
        *showing_routes(EventResource(server.show, access, told), reads),
        *tenant_routes(TenantsResource(access, server.adapters.state, server.logs), reads),
        *log_routes(log, reads),
        *auditor_routes(AuditorsResource(log, server.trust.auditors, server.trust.heads), reads),
        *stream_routes(StreamsResource(server.senders.streams, access, told), reads),
        *source_key_routes(SourceKeysResource(server.senders.source_keys, access), reads),
        *erasure_routes(erasure, reads),
        *hold_routes(erasure, reads),
        *verifier_routes(),
        *health_routes(reads, access, checks(server), meters, settings.metrics_public),
    ]
    return Application(routes, config(), events, meters)


def checks(server: Server) -> Checks:
    """What must hold for the server to be sent work; no answer names a tenant."""
    return {
        "disk": partial(_disk, server),
        "writer": partial(_writer, server),
        "publisher": partial(_publisher, server),
        "integrity": partial(_integrity, server),
        "witnesses": partial(_witnesses, server),
    }


def _disk(server: Server) -> str:
    free, least = server.adapters.objects.free_bytes(), server.settings.free_bytes_min
    if free < least:
        return f"{free} bytes are free, {least} are kept in reserve"
    server.adapters.objects.replace({"staging/ready": b"ready\n"})
    return ""


def _writer(server: Server) -> str:
    if not server.writer.is_alive:
        return "the writer has stopped"
    if server.writer.stats.last_error:
        return "the last commit failed"
    return ""


def _publisher(server: Server) -> str:
    lag_s, most_s = publish_lag_s(server), server.settings.publish_lag_max_s
    if lag_s > most_s:
        return f"an entry has waited {lag_s:.0f} s for a checkpoint; at most {most_s} s is allowed"
    return ""


def _integrity(server: Server) -> str:
    halted = len(server.publish.rounds.halted)
    return f"{count(halted, 'log')} not published: stored bytes disagree" if halted else ""


def _witnesses(server: Server) -> str:
    """A witness that is not reached stops nothing; one that contradicts a log does.

    An auditor's objection does not either: events must be taken all the same.
    """
    kinds = [incident.kind for incident in server.trust.incidents.all()]
    told = []
    if ahead := kinds.count("ahead"):
        told.append(f"a witness has seen more of {count(ahead, 'log')} than is stored here")
    if forks := kinds.count("fork"):
        told.append(f"a witness has seen another history of {count(forks, 'log')}")
    return "; ".join(told)


def publish_lag_s(server: Server) -> float:
    """Age of the oldest entry that no checkpoint covers, over all logs; 0 if there is none.

    Logs that are halted for good are told by the integrity check, and left out here.
    """
    now_us = server.adapters.clock.now_us()
    waiting = [
        first.recorded_us
        for info in server.adapters.store.unpublished()
        if info.log not in server.publish.rounds.halted
        and (first := server.adapters.store.record(info.log, LeafIndex(info.head_size))) is not None
    ]
    return max(0.0, (now_us - min(waiting)) / _US) if waiting else 0.0


def figures_of_server(server: Server) -> list[Metric]:
    """The figures of a server, as they are now."""
    queue, commits = server.writer.queue, server.writer.stats
    publisher, sealer = server.publish.loop.stats, server.seal.loop.stats
    trust, logs = server.trust, server.adapters.store.logs()
    asked = trust.witnesses
    failures = sum(asker.failures for _, asker in asked.places)
    return [
        Gauge("vitne_queue_events", "Events waiting for the writer", queue.events),
        Gauge("vitne_queue_bytes", "Bytes waiting for the writer", queue.weight_bytes),
        Counter("vitne_commit_groups", "Durable transactions", commits.groups),
        Counter("vitne_commit_failures", "Groups that were not stored", commits.failures),
        Counter("vitne_commit_busy_seconds", "Time spent in them", commits.busy_s),
        Counter("vitne_clock_clamps", "Times set to that of the entry before", commits.clamps),
        Counter("vitne_clock_clamp_alarms", "Those of more than a second", commits.clamp_alarms),
        Counter("vitne_publish_rounds", "Rounds that published something", publisher.rounds),
        Counter("vitne_published_entries", "Entries in signed checkpoints", publisher.entries),
        Counter("vitne_publish_failures", "Rounds that ended in an error", publisher.failures),
        Counter(
            "vitne_publish_conflicts", "Rounds that another publisher won", publisher.conflicts
        ),
        Counter("vitne_sealed_segments", "Segments sealed since the start", sealer.segments),
        Counter("vitne_merged_segments", "Segments put into larger ones", sealer.merged),
        Counter("vitne_seal_failures", "Rounds of sealing that ended in an error", sealer.failures),
        Gauge("vitne_publish_lag_seconds", "Longest wait for a checkpoint", publish_lag_s(server)),
        Gauge("vitne_halted_logs", "Logs whose bytes disagree", len(server.publish.rounds.halted)),
        Gauge(
            "vitne_witness_incidents", "Logs that a witness contradicts", len(trust.incidents.all())
        ),
        Gauge(
            "vitne_witness_lag_seconds",
            "Longest wait for enough cosignatures",
            trust.heads.lag_s(),
        ),
        Counter("vitne_witness_cosignatures", "Cosignatures that witnesses gave", asked.cosigned),
        Counter("vitne_witness_failures", "Questions to witnesses without a good answer", failures),
        Gauge("vitne_logs", "Logs", len(logs)),
        Gauge("vitne_entries", "Entries in all logs", sum(info.next_index for info in logs)),
        Gauge(
            "vitne_sealed_entries",
            "Entries in sealed segments",
            sum(info.sealed_end for info in logs),
        ),
        Gauge("vitne_free_bytes", "Free disk", server.adapters.objects.free_bytes()),
    ]


def _figures_of_requests(bounds: Bounds, quota: Quota) -> list[Metric]:
    return [
        Gauge("vitne_connections", "Open connections", bounds.open_connections),
        Counter(
            "vitne_refused_connections", "Connections beyond the bound", bounds.refused_connections
        ),
        Counter("vitne_slow_clients", "Clients cut off", bounds.slow_clients),
        Counter("vitne_quota_refusals", "Requests over quota", quota.refused),
    ]
