"""Random concurrent calls in batches over each real store, which is made to fail: the histories must be linearisable.

What the batching store does by itself is in tests/unit/test_batching_history.py, where every step is the test's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread, deferToThread

from tests.history import Recorder
from tests.stores import REAL_STORES
from twisted_tasks.model import ListQuery, StoreUnavailable, Task, TaskChange, TaskRef, to_milliseconds
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.storage.batching import BatchingStore, BatchLimits
from twisted_tasks.storage.interface import ITaskStore

MOMENT = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC))
CLOCK = MonotonicClock(reactor)
# More in a heavier run: TASKS_EXAMPLES=2000.
EXAMPLES = int(os.environ.get("TASKS_EXAMPLES", "200"))

WORKS = "works"
FAULTS: dict[str, tuple[bool, Exception]] = {
    "unavailable before": (False, StoreUnavailable()),
    "unavailable after": (True, StoreUnavailable()),
    "a bug before": (False, RuntimeError("bug")),
    "a bug after": (True, RuntimeError("bug")),
}


class FaultyStore:
    """A store some of whose operations fail as a whole, before or after they took effect.

    @param faults: for each operation, a name out of FAULTS, or WORKS; at the end all work.
    """

    def __init__(self, store: ITaskStore, faults: Iterator[str]) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, operation: str) -> Callable[..., Deferred[Any]]:
        async def ask(items: Any, deadline: float) -> Any:
            happens, error = FAULTS.get(next(self._faults, WORKS), (True, None))
            outcomes = await getattr(self._store, operation)(items, deadline) if happens else None
            if error is not None:
                await deferLater(reactor, 0)
                raise error
            return outcomes

        return lambda items, deadline: Deferred.fromCoroutine(ask(items, deadline))


@pytest_twisted.async_yield_fixture(params=REAL_STORES)
async def store(request: pytest.FixtureRequest) -> Any:
    store = request.param(request, CLOCK)
    await store.open()
    yield store
    await store.close()


TASKS = range(5)
tasks = st.sampled_from(TASKS)
users = st.sampled_from(["me", "me", "me", "you"])
names = st.sampled_from(["", "a", "é" * 8])
flags = st.none() | st.booleans()
# What is asked, and of which task; the ids are new for every example.
calls = st.one_of(
    st.tuples(st.just("add"), tasks, users, names, st.just(None)),
    st.tuples(st.just("update"), tasks, users, st.none() | names, flags),
    st.tuples(st.just("update"), tasks, users, names, st.just(None)),
    st.tuples(st.just("get"), tasks, users, st.just(None), st.just(None)),
    st.tuples(st.just("remove"), tasks, users, st.just(None), st.just(None)),
    st.tuples(st.just("find"), tasks, users, st.just(None), flags),
)
of_each = st.sampled_from(["get", "remove", "update"]).map(lambda kind: [(kind, n, "me", "a", None) for n in TASKS])
bursts = st.lists(of_each | st.lists(calls, min_size=1, max_size=12), min_size=1, max_size=5)
faults = st.lists(st.sampled_from([WORKS, WORKS, WORKS, *FAULTS]), max_size=20)


def item_of(call: tuple[str, int, str, str | None, bool | None], ids: list[str], example: str) -> Any:
    kind, number, user, name, done = call
    task_id, user = ids[number], f"{user} {example}"
    if kind == "add":
        return Task(task_id, user, name or "", MOMENT, False)
    if kind == "update":
        return TaskChange(task_id, user, name, done)
    return ListQuery(user, done=done) if kind == "find" else TaskRef(task_id, user)


async def run(store: ITaskStore, bursts: Any, faults: list[str], in_flight: int) -> None:
    ids = [str(ObjectId()) for _ in TASKS]
    example = str(ObjectId())
    recorder = Recorder(store, ids)
    for number in TASKS:
        await recorder.call("add", item_of(("add", number, "me", "", None), ids, example), CLOCK.seconds() + 30)
    faulty: Any = FaultyStore(store, iter(faults))
    recorder.store = BatchingStore(faulty, CLOCK, BatchLimits(max_items=4, max_in_flight=in_flight))
    answers: list[Deferred[Any]] = []
    for burst in bursts:
        for call in burst:
            answers.append(recorder.call(call[0], item_of(call, ids, example), CLOCK.seconds() + 30))
        # The next burst meets what this one has left on its way.
        await DeferredList(answers[:1], fireOnOneCallback=True)
        answers = [answer for answer in answers if not answer.called]
    await DeferredList(answers)
    recorder.check()


@pytest_twisted.ensureDeferred
async def test_linearisable_per_task(store: ITaskStore) -> None:
    """Each task's calls answer as if they had happened one after another, failures of whole batches included."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(bursts=bursts, faults=faults, in_flight=st.integers(1, 2))
    def histories(bursts: Any, faults: list[str], in_flight: int) -> None:
        blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(run(store, bursts, faults, in_flight)))

    # Hypothesis waits for each example, and the reactor must not: so it has a thread.
    await deferToThread(histories)
