"""Counters and histograms that are cheap to keep. They get Prometheus' form when somebody asks for the metrics.

A histogram of prometheus_client takes a lock and walks its buckets for each observation. One of these is an index into
a list. Only the reactor's thread uses what is here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

LATENCY = tuple(0.0001 * 2.5**step for step in range(14))
"""Upper bounds in seconds, 100 us to 14.9 s: those of baseplate.py and baseplate.go."""

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Upper bounds of how many items a batch holds."""


class Histogram:
    """Counts values between bounds.

    @param bounds: the upper bounds, ascending. A bound belongs to its bucket. One more bucket has what is above all.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = LATENCY) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def add(self, other: Histogram) -> None:
        """Add the counts of another histogram with the same bounds."""
        self.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, number of values up to it) for each bucket, as Prometheus wants them."""
        total, buckets = 0, []
        for bound, count in zip((*(f"{bound:.9g}" for bound in self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets


def histogram(name: str, help: str, label: str, series: Mapping[str, Histogram]) -> HistogramMetricFamily:
    """Return a family of histograms that differ in one label."""
    family = HistogramMetricFamily(name, help, labels=[label])
    for value, each in series.items():
        family.add_metric([value], each.buckets(), each.sum)
    return family


def counter(name: str, help: str, labels: Sequence[str], series: Mapping[tuple[str, ...], float]) -> Metric:
    """Return a family of counters by the values of their labels."""
    family = CounterMetricFamily(name, help, labels=labels)
    for values, count in series.items():
        family.add_metric(values, count)
    return family


def gauge(name: str, help: str, labels: Sequence[str], series: Mapping[tuple[str, ...], float]) -> Metric:
    """Return a family of gauges by the values of their labels."""
    family = GaugeMetricFamily(name, help, labels=labels)
    for values, count in series.items():
        family.add_metric(values, count)
    return family


class Pulled(Collector):
    """A collector that asks a function for its families when Prometheus asks."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families()


class CallMetrics:
    """Counts and times calls by method and outcome.

    @param methods: the methods there are. A call of another name counts as "unknown", since clients can make up any.
    """

    def __init__(self, methods: Iterable[str]) -> None:
        self._methods = frozenset(methods)
        self._series: dict[str, dict[str, Histogram]] = {}

    def ended_with(self, exception: str) -> dict[str, Histogram]:
        """Return the histograms, by method, of calls that end with this type of exception ("" for none).

        To count a call, look its method up here, and call `new` if it is missing. This is on the path of every call.
        """
        return self._series.setdefault(exception, {})

    def new(self, series: dict[str, Histogram], method: str) -> Histogram:
        """Return the histogram for a method that is not in `series`: its own, or that of unknown methods."""
        return series.setdefault(method if method in self._methods else "unknown", Histogram())

    def collect(self) -> Iterator[Metric]:
        """Yield the families, named as baseplate.py names them."""
        requests = CounterMetricFamily(
            "thrift_server_requests",
            "Calls that have ended.",
            labels=["thrift_method", "thrift_success", "thrift_exception_type"],
        )
        latency = HistogramMetricFamily(
            "thrift_server_latency_seconds",
            "Seconds from a call's arrival to when its reply is known.",
            labels=["thrift_method", "thrift_success"],
        )
        merged: dict[tuple[str, str], Histogram] = {}
        for exception, series in self._series.items():
            success = "false" if exception else "true"
            for method, timed in series.items():
                requests.add_metric([method, success, exception], timed.count)
                merged.setdefault((method, success), Histogram()).add(timed)
        for labels, timed in merged.items():
            latency.add_metric(labels, timed.buckets(), timed.sum)
        yield requests
        yield latency
