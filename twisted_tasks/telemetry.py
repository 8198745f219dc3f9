"""What the parts count, time and say of themselves -> metrics and log lines.

`ops` knows nothing of ours, and the parts nothing of Prometheus: this is what lies between. What a part counts anyway
is read when the metrics are asked for; only calls and the store's operations are timed as they happen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import Metric, SummaryMetricFamily
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.model import TaskError
from twisted_tasks.ops.metrics import LATENCY, SIZES, CallMetrics, Histogram, counter, gauge, histogram
from twisted_tasks.storage.batching_queue import Queue
from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.mongo_client import State
from twisted_tasks.wire.observe import IConnection, IWireObserver, Outcome
from twisted_tasks.wire.server import ThriftServerFactory

_log = Logger()

_RETURNED = Outcome.RETURNED
_EXCEPTIONS = {
    Outcome.RETURNED: "",
    Outcome.ONEWAY: "",
    Outcome.RAISED: "BaseException",
    Outcome.REFUSED: "TApplicationException",
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

    def call_ended(self, connection: IConnection, method: str, started: float, ended: float, outcome: Outcome) -> None:
        """See IWireObserver."""
        series = self._returned if outcome is _RETURNED else self._by_outcome[outcome]
        try:
            timed = series[method]
        except KeyError:
            timed = self._calls.new(series, method)
        # Histogram.observe, written out: this is on the path of every call.
        seconds = ended - started
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
    """One line for each call, at debug level; tells another observer of everything besides. No user's data."""

    def __init__(self, observer: IWireObserver) -> None:
        self._observer = observer
        self.connection_opened = observer.connection_opened
        self.connection_closed = observer.connection_closed

    def call_ended(self, connection: IConnection, method: str, started: float, ended: float, outcome: Outcome) -> None:
        """See IWireObserver."""
        _log.debug(
            "{method} {outcome} in {milliseconds:.3f} ms, connection {connection} ({dialect})",
            # What a client made up is not repeated into the log.
            method=method if outcome is not Outcome.REFUSED else "call",
            outcome=outcome.value,
            milliseconds=(ended - started) * 1000,
            connection=connection.number,
            dialect=connection.dialect,
        )
        self._observer.call_ended(connection, method, started, ended, outcome)


def _one(counts: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


class MeteredStore(proxyForInterface(ITaskStore)):  # type: ignore[misc]  # a class made at run time
    """A store whose batches are counted and timed."""

    original: ITaskStore

    def __init__(self, original: ITaskStore, clock: IReactorTime) -> None:
        super().__init__(original)
        self._seconds = clock.seconds
        self._latency = {name: Histogram() for name in ("add", "update", "get", "remove", "find")}
        self._sizes = {name: Histogram(SIZES) for name in self._latency}
        self._failed: Counter[tuple[str, ...]] = Counter()

    def add(self, tasks: Sequence[Any], deadline: float) -> Deferred[Any]:
        """See ITaskStore."""
        return self._timed("add", tasks, self.original.add(tasks, deadline))

    def update(self, changes: Sequence[Any], deadline: float) -> Deferred[Any]:
        """See ITaskStore."""
        return self._timed("update", changes, self.original.update(changes, deadline))

    def get(self, refs: Sequence[Any], deadline: float) -> Deferred[Any]:
        """See ITaskStore."""
        return self._timed("get", refs, self.original.get(refs, deadline))

    def remove(self, refs: Sequence[Any], deadline: float) -> Deferred[Any]:
        """See ITaskStore."""
        return self._timed("remove", refs, self.original.remove(refs, deadline))

    def find(self, queries: Sequence[Any], deadline: float) -> Deferred[Any]:
        """See ITaskStore."""
        return self._timed("find", queries, self.original.find(queries, deadline))

    def _timed(self, name: str, items: Sequence[Any], result: Deferred[Any]) -> Deferred[Any]:
        self._sizes[name].observe(len(items))
        return result.addBoth(self._ended, name, self._seconds())

    def _ended(self, result: Any, name: str, begin: float) -> Any:
        self._latency[name].observe(self._seconds() - begin)
        if isinstance(result, Failure):
            error = result.value
            self._failed[name, str(error.code) if isinstance(error, TaskError) else "500"] += 1
        return result

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield histogram("tasks_store_latency_seconds", "Seconds a batch took the store.", "operation", self._latency)
        yield histogram("tasks_store_batch_items", "Operations in a batch.", "operation", self._sizes)
        yield counter("tasks_store_failures", "Batches that failed, by code.", ["operation", "code"], self._failed)


def collect_waits(queues: Mapping[str, Queue]) -> Iterator[Metric]:
    """Yield what is known of the queues in front of the store."""
    waits = SummaryMetricFamily(
        "tasks_store_wait_seconds", "Seconds that calls waited to leave with others.", labels=["operation"]
    )
    for name, queue in queues.items():
        waits.add_metric([name], queue.waits, queue.waited)
    yield waits
    waiting = {name: queue.open for name, queue in queues.items()}
    yield gauge("tasks_store_queue", "Calls that wait, or have and are on their way.", ["operation"], _one(waiting))


def collect_mongo(state: State) -> Iterator[Metric]:
    """Yield what the client of MongoDB knows of its connections."""
    pool = {"ready": state.ready, "in flight": state.in_flight, "waited for": state.waiting}
    yield gauge("tasks_mongo_pool", "Connections ready, commands on them, callers that wait.", ["what"], _one(pool))
    yield counter("tasks_mongo_connections_opened", "Connections made.", [], {(): state.opened})
    yield counter("tasks_mongo_retries", "Operations that were run again.", [], {(): state.retries})
    yield counter("tasks_mongo_timeouts", "Operations that ran out of time on a connection.", [], {(): state.timeouts})


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


def collect_ready(health: Callable[[], tuple[bool, str]]) -> Iterator[Metric]:
    """Yield whether calls should come here."""
    yield gauge("tasks_ready", "Whether calls should come here.", [], {(): float(health()[0])})


def describe(factory: ThriftServerFactory, now: float, queues: Mapping[str, Queue]) -> Iterator[str]:
    """Yield what is under way, in lines.

    One for each connection: who, what it speaks, and the calls it waits for with their age. One for each queue in front
    of the store: the batches that are with the store, and the calls that had to wait for one, the next one's included.
    """
    yield f"{factory.in_flight} calls in flight, {factory.connections} connections"
    for connection in factory:
        calls = ", ".join(f"{method} {(now - started) * 1000:.0f} ms" for method, started in connection.calls())
        speaks = connection.dialect or "silent so far"
        yield f"connection {connection.number} from {connection.transport.getPeer()}: {speaks}: {calls or 'idle'}"
    for name, queue in queues.items():
        yield f"queue of {name}: {queue.on_their_way} batches with the store, {queue.open} calls that had to wait"
