"""What the store is asked, and how it is, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric, SummaryMetricFamily
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure

from twisted_tasks.model import TaskError
from twisted_tasks.ops.metrics import SIZES, Histogram, counter, gauge, histogram
from twisted_tasks.service.storage.batching.queue import Queue
from twisted_tasks.service.storage.interface import ITaskStore

if TYPE_CHECKING:
    from twisted_tasks.mongo.client import ClientState

_OPERATIONS = sorted(set(ITaskStore.names()) - {"open", "close", "ping"})
"""Those that are asked in batches."""


class StoreMetrics:
    """Counts and times the batches a store is asked.

    @param clock: what they are timed on.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._seconds = clock.seconds
        self._latency: dict[str, Histogram] = {}
        self._sizes: dict[str, Histogram] = {}
        self._failed: Counter[tuple[str, ...]] = Counter()

    def meter(self, store: ITaskStore) -> ITaskStore:
        """Return a store of the same operations that counts its batches here."""
        for name in _OPERATIONS:
            self._latency[name], self._sizes[name] = Histogram(), Histogram(SIZES)
        metered: Any = _MeteredStore(store)
        metered.metrics = self
        return ITaskStore(metered)

    def timed(self, name: str, items: Sequence[Any], result: Deferred[Any]) -> Deferred[Any]:
        """Count a batch that the store has been asked; return its result, which comes as it would."""
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


def _timed(name: str) -> Any:
    """Return the method of a metered store that times an operation."""

    def ask(self: Any, items: Sequence[Any], deadline: float) -> Deferred[Any]:
        result = getattr(self.original, name)(items, deadline)
        return self.metrics.timed(name, items, result)

    return ask


_MeteredStore: Any = type(
    "MeteredStore", (proxyForInterface(ITaskStore),), {name: _timed(name) for name in _OPERATIONS}
)


def collect_waits(queues: Mapping[str, Queue]) -> Iterator[Metric]:
    """Yield what is known of the queues in front of the store."""
    waits = SummaryMetricFamily(
        "tasks_store_wait_seconds", "Seconds that calls waited to leave with others.", labels=["operation"]
    )
    for name, queue in queues.items():
        waits.add_metric([name], queue.waits, queue.waited)
    yield waits
    waiting: dict[tuple[str, ...], float] = {(name,): queue.open for name, queue in queues.items()}
    yield gauge("tasks_store_queue", "Calls that wait, or have and are on their way.", ["operation"], waiting)


def collect_pool(state: ClientState) -> Iterator[Metric]:
    """Yield what the client of MongoDB knows of its connections."""
    pool: dict[tuple[str, ...], float] = {
        ("ready",): state.ready,
        ("in flight",): state.in_flight,
        ("waited for",): state.waiting,
    }
    yield gauge("tasks_mongo_pool", "Connections ready, commands on them, callers that wait.", ["what"], pool)
    yield counter("tasks_mongo_connections_opened", "Connections made.", [], {(): state.opened})
    yield counter("tasks_mongo_retries", "Operations that were run again.", [], {(): state.retries})
    yield counter("tasks_mongo_timeouts", "Operations that ran out of time on a connection.", [], {(): state.timeouts})
