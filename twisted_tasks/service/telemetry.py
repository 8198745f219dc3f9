"""What the wire layer counts and times -> metrics and log lines.

`ops` knows nothing of calls, and the wire layer nothing of Prometheus: this is what lies between. What a part counts
anyway is read when the metrics are asked for; only calls are timed as they happen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import Metric
from twisted.logger import Logger
from zope.interface import implementer

from twisted_tasks.ops.metrics import LATENCY, CallMetrics, counter, gauge
from twisted_tasks.service.storage.batching.queue import Queue
from twisted_tasks.wire.current import ICall
from twisted_tasks.wire.observe import CallOutcome, IConnection, IWireObserver
from twisted_tasks.wire.server import ThriftServerFactory

_log = Logger()

_RETURNED = CallOutcome.RETURNED
_EXCEPTIONS = {
    CallOutcome.RETURNED: "",
    CallOutcome.ONEWAY: "",
    CallOutcome.RAISED: "BaseException",
    CallOutcome.REFUSED: "TApplicationException",
}
"""What each outcome is as a type of exception; there is none but the IDL's."""

PACKAGES = ("twisted-tasks", "twisted", "thrift", "txmongo")
"""Those whose versions an operator wants to know."""


@implementer(IWireObserver)
class WireMetrics:
    """Counts calls and connections.

    @param methods: the methods there are.
    """

    def __init__(self, methods: Iterable[str]) -> None:
        self._calls = CallMetrics(methods)
        self._by_outcome = {outcome: self._calls.ended_with(exception) for outcome, exception in _EXCEPTIONS.items()}
        self._returned = self._by_outcome[_RETURNED]
        self._opened: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._closed: Counter[str] = Counter()

    def connection_opened(self, connection: IConnection) -> None:
        """See IWireObserver."""
        self._opened[connection.dialect] += 1
        self._open[connection.dialect] += 1

    def connection_closed(self, connection: IConnection, reason: str) -> None:
        """See IWireObserver."""
        self._closed[reason] += 1
        if connection.dialect is not None:
            self._open[connection.dialect] -= 1

    def call_ended(self, connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        """See IWireObserver."""
        series = self._returned if outcome is _RETURNED else self._by_outcome[outcome]
        method = call.method
        try:
            timed = series[method]
        except KeyError:
            timed = self._calls.new(series, method)
        # Histogram.observe, written out: this is on the path of every call.
        seconds = ended - call.arrived
        timed.counts[bisect_left(LATENCY, seconds)] += 1
        timed.sum += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._calls.collect()
        by_dialect = ["dialect"]
        yield counter("tasks_connections_opened", "Connections by what was spoken.", by_dialect, _one(self._opened))
        yield gauge("tasks_connections", "Open connections by what is spoken.", by_dialect, _one(self._open))
        yield counter("tasks_connections_closed", "Connections that ended, by why.", ["reason"], _one(self._closed))


@implementer(IWireObserver)
class AccessLog:
    """One line for each call, at debug level; tells another observer of everything besides. No user's data.

    @param methods: the methods there are. A name that a client made up is not repeated into the log.
    """

    def __init__(self, observer: IWireObserver, methods: Iterable[str]) -> None:
        self._observer = observer
        self._methods = frozenset(methods)
        self.connection_opened = observer.connection_opened
        self.connection_closed = observer.connection_closed

    def call_ended(self, connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        """See IWireObserver."""
        _log.debug(
            "{method} {outcome} in {milliseconds:.3f} ms, connection {connection} ({dialect}), trace {trace}",
            method=call.method if call.method in self._methods else "unknown method",
            outcome=outcome.value,
            milliseconds=(ended - call.arrived) * 1000,
            connection=connection.number,
            dialect=connection.dialect,
            trace=call.trace,
        )
        self._observer.call_ended(connection, call, ended, outcome)


def _one(counts: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


def collect_calls(factory: ThriftServerFactory, methods: Iterable[str]) -> Iterator[Metric]:
    """Yield what the wire layer has under way, by method; a method nobody calls is there too, with 0."""
    names = set(methods)
    active = Counter(dict.fromkeys(names, 0))
    for connection in factory:
        for method, _ in connection.calls():
            active[method if method in names else "unknown"] += 1
    yield gauge("thrift_server_active_requests", "Calls in flight.", ["thrift_method"], _one(active))


def collect_errors(errors: Counter[int]) -> Iterator[Metric]:
    """Yield the errors callers were told of; 429 are the calls that were shed."""
    codes: dict[tuple[str, ...], float] = {("429",): 0}
    codes |= {(str(code),): count for code, count in errors.items()}
    yield counter("tasks_errors", "Calls that ended with the IDL's exception, by its code.", ["code"], codes)


def describe(factory: ThriftServerFactory, now: float, queues: Mapping[str, Queue]) -> Iterator[str]:
    """Yield what is under way, in lines.

    One for each connection: who, what it speaks, and the calls it waits for with their age. One for each queue in front
    of the store: the batches that are with the store, and the calls that had to wait for one, the next one's included.
    """
    yield f"{factory.in_flight} calls in flight, {factory.connections} connections"
    for connection in factory:
        calls = ", ".join(f"{method} {(now - started) * 1000:.0f} ms" for method, started in connection.calls())
        speaks = connection.dialect or "silent so far"
        yield f"connection {connection.number} from {connection.peer}: {speaks}: {calls or 'idle'}"
    for name, queue in queues.items():
        yield f"queue of {name}: {queue.on_their_way} batches with the store, {queue.open} calls that had to wait"
