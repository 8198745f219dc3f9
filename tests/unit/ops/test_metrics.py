"""What is counted, and how it reads."""

from __future__ import annotations

from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from twisted.internet.task import Clock

from twisted_tasks.ops.metrics import Histogram, Pulled
from twisted_tasks.ops.runtime import ReactorLag
from twisted_tasks.service.telemetry import WireMetrics
from twisted_tasks.wire.observe import CallOutcome


class Connection(NamedTuple):
    number: int
    dialect: str | None


class Call(NamedTuple):
    method: str
    arrived: float
    trace: str


FRAMED: Any = Connection(1, "framed binary")
SILENT: Any = Connection(2, None)


def call(method: str) -> Any:
    """Return a call that arrived half a second ago."""
    return Call(method, 10.0, "7-1")


def samples(collect: Any) -> dict[tuple[str, ...], float]:
    """Return every sample that is not 0 by its name and the values of its labels."""
    registry = CollectorRegistry()
    registry.register(Pulled(collect))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.value
    }


def test_buckets() -> None:
    """A value is counted in every bucket whose bound it does not exceed, as Prometheus has it."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1", 2.0), ("2", 3.0), ("+Inf", 4.0)]
    assert (histogram.count, histogram.sum) == (4, 12.0)


def test_calls() -> None:
    """Calls are counted by method and outcome; names that clients make up are one."""
    wire = WireMetrics(["add"])
    for outcome in (CallOutcome.RETURNED, CallOutcome.RAISED, CallOutcome.REFUSED):
        wire.call_ended(FRAMED, call("add"), 10.5, outcome)
    for name in ("x1", "x2", "x3"):
        wire.call_ended(FRAMED, call(name), 10.5, CallOutcome.REFUSED)
    found = samples(wire.collect)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "thrift_server_requests_total"}
    refused = "TApplicationException"
    assert requests == {
        ("add", "true", ""): 1.0,
        ("add", "false", "BaseException"): 1.0,
        ("add", "false", refused): 1.0,
        ("unknown", "false", refused): 3.0,
    }
    assert found["thrift_server_latency_seconds_sum", "unknown", "false"] == 1.5


def test_connections() -> None:
    """Connections are counted by what they speak, and by why they ended."""
    wire = WireMetrics([])
    wire.connection_opened(FRAMED)
    wire.connection_opened(FRAMED)
    wire.connection_closed(FRAMED, "closed by the client")
    wire.connection_closed(SILENT, "looks like TLS")
    assert samples(wire.collect) == {
        ("tasks_connections_opened_total", "framed binary"): 2.0,
        ("tasks_connections", "framed binary"): 1.0,
        ("tasks_connections_closed_total", "closed by the client"): 1.0,
        ("tasks_connections_closed_total", "looks like TLS"): 1.0,
    }


def test_reactor_lag() -> None:
    """How late the reactor is, is what its timers are late."""
    clock = Clock()
    lag = ReactorLag(clock)
    lag.startService()
    clock.advance(0.1)
    clock.advance(0.4)  # due after 0.1, so 0.3 late
    lag.stopService()
    assert lag.lag.count == 2
    assert abs(lag.lag.sum - 0.3) < 1e-9
    assert not clock.getDelayedCalls()
