"""What a server counts, and how Prometheus reads it. No label names a tenant or a person."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from vitne.wire.events import IntakeReply

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST.encode("ascii")
COMMIT_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

ANSWER_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
VERDICTS: Final = ("proved", "disproved", "undecidable")
RESULTS: Final = ("accepted", "duplicate", "dropped", "quarantined", "rejected")


class Spread:
    """Counts of durations by bucket; cheap enough for every request. One thread adds."""

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self._sum_s += seconds

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        """As Prometheus wants it: cumulative."""
        total, buckets = 0, []
        for bound, count in zip((*self._bounds_s, "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((str(bound), total))
        return HistogramMetricFamily(name, text, buckets=buckets, sum_value=self._sum_s)


class Meters(Collector):
    """The figures of the HTTP resource, counted as plain numbers, and those of the server.

    Args:
        server: reads the figures of the server when somebody asks.
    """

    def __init__(self, server: Callable[[], Iterable[Metric]]) -> None:
        self._server = server
        self.events = dict.fromkeys(RESULTS, 0)
        """By status of the result."""
        self.replies: Counter[tuple[str, int]] = Counter()
        """By route template and HTTP status."""
        self.bytes_in = 0
        self.commit = Spread(COMMIT_BUCKETS_S)
        self.answers = dict.fromkeys(VERDICTS, 0)
        """By verdict."""
        self.answer = Spread(ANSWER_BUCKETS_S)
        self._registry = CollectorRegistry(auto_describe=False)
        for made in (ProcessCollector, PlatformCollector, GCCollector):
            made(registry=self._registry)
        self._registry.register(self)

    def count(self, reply: IntakeReply) -> None:
        """Add what became of the events of one request."""
        events = self.events
        events["accepted"] += reply.accepted
        events["duplicate"] += reply.duplicate
        events["dropped"] += reply.dropped
        events["quarantined"] += reply.quarantined
        events["rejected"] += reply.rejected

    def answered(self, verdict: str, seconds: float) -> None:
        """Count an answer. Threads may race here, which costs a count, and no more."""
        self.answers[verdict] += 1
        self.answer.add(seconds)

    def collect(self) -> Iterator[Metric]:
        """Everything, when Prometheus asks."""
        events = CounterMetricFamily("vitne_events", "Events by result", labels=["result"])
        for result in RESULTS:
            events.add_metric([result], self.events[result])
        yield events
        replies = CounterMetricFamily("vitne_replies", "HTTP replies", labels=["route", "status"])
        for (route, status), number in sorted(self.replies.items()):
            replies.add_metric([route, str(status)], number)
        yield replies
        yield CounterMetricFamily("vitne_body_bytes", "Bytes of event bodies", value=self.bytes_in)
        yield self.commit.family("vitne_commit_seconds", "From a request's body to its commit")
        answers = CounterMetricFamily("vitne_answers", "Answers by verdict", labels=["verdict"])
        for verdict, number in self.answers.items():
            answers.add_metric([verdict], number)
        yield answers
        yield self.answer.family("vitne_answer_seconds", "From a question to its answer")
        yield from self._server()

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)
