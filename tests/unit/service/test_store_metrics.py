"""What is counted and timed of the store."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.ops.test_metrics import samples
from twisted_tasks.model import StoreUnavailable
from twisted_tasks.service.storage.interface import ITaskCopy, ITaskStore
from twisted_tasks.service.storage.memory import MemoryStore
from twisted_tasks.service.store_metrics import StoreMetrics


@implementer(ITaskStore)
class Slow:
    """A store whose answers the test gives."""

    def __init__(self) -> None:
        self.answer: Deferred[Any] = Deferred()

    def add(self, items: object, deadline: float) -> Deferred[Any]:
        return self.answer

    def ping(self, deadline: float) -> Deferred[None]:
        return succeed(None)


def test_the_store() -> None:
    """Batches are counted by size and time, and those that fail by code; what they answer goes through."""
    clock, store = Clock(), Slow()
    metrics = StoreMetrics(clock)
    metered = metrics.meter(store)  # type: ignore[arg-type]
    results: list[Any] = []
    metered.add(["one", "two", "three"], 1.0).addCallback(results.append)
    clock.advance(0.25)
    store.answer.callback("done")
    store.answer = Deferred()
    failed = metered.add(["one"], 1.0)
    store.answer.errback(StoreUnavailable())
    failed.addErrback(lambda failure: results.append(failure.type))
    assert results == ["done", StoreUnavailable]
    assert metered.ping(1.0).called
    found = samples(metrics.collect)
    assert found["tasks_store_latency_seconds_sum", "add"] == 0.25
    assert found["tasks_store_batch_items_sum", "add"] == 4.0
    assert found["tasks_store_failures_total", "add", "503"] == 1.0


def test_it_is_a_store() -> None:
    """A store that is metered has the operations of every store, each timed under its name, and no others."""
    metrics = StoreMetrics(Clock())
    metered = metrics.meter(MemoryStore())
    assert verifyObject(ITaskStore, metered)
    assert not ITaskCopy.providedBy(metered)
    timed = {sample.labels["operation"] for family in metrics.collect() for sample in family.samples}
    assert timed == set(ITaskStore.names()) - {"open", "close", "ping"}
