"""Random concurrent calls through the batching store, over a store that fails in every way it may.

Each history of calls is checked against the sequential model in `tests.history`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.task import Clock

from tests.history import NOT_FOUND, Operation, Recorder, linearisable
from tests.memory_store import Asked, MemoryStore
from twisted_tasks.model import ListQuery, StoreUnavailable, Task, TaskChange, TaskRef, to_milliseconds
from twisted_tasks.storage.batching import BatchingStore, BatchLimits

IDS = [f"{number:024x}" for number in range(3)]
USERS = ["me", "you"]
MOMENT = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC))
# More in a heavier run: TASKS_EXAMPLES=5000.
EXAMPLES = int(os.environ.get("TASKS_EXAMPLES", "200"))
LIMITS = BatchLimits(max_items=4, max_bytes=40, max_in_flight=2, max_open=12)

# Mostly the owner's: what another user's call answers is known without a history.
users = st.sampled_from([*USERS[:1] * 5, USERS[1]])
ids = st.sampled_from(IDS)
names = st.sampled_from(["", "a", "é" * 8])
flags = st.none() | st.booleans()
timeouts = st.sampled_from([0.5, 5.0, 10.0])
refs = st.builds(TaskRef, ids, users)
calls = st.one_of(
    st.tuples(st.just("add"), st.builds(Task, ids, users, names, st.just(MOMENT), st.just(False))),
    st.tuples(st.just("update"), st.builds(TaskChange, ids, users, st.none() | names, flags)),
    st.tuples(st.just("get"), refs),
    st.tuples(st.just("remove"), refs),
    st.tuples(st.just("find"), st.builds(ListQuery, users, st.none(), st.none(), flags)),
)


class Machine(RuleBasedStateMachine):
    """Callers above, the store below; Hypothesis plays both."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.inner = MemoryStore(self.clock, hold=True)
        self.recorder = Recorder(BatchingStore(self.inner, self.clock, LIMITS), IDS)
        self.zombies: list[Asked] = []
        for task_id in IDS:
            self.recorder.call("add", Task(task_id, USERS[0], "", MOMENT, False), 10.0)
        while self.inner.under_way:
            self.inner.under_way[0].answer()

    @rule(call=calls, timeout=timeouts)
    def call(self, call: tuple[str, Any], timeout: float) -> None:
        self.recorder.call(*call, self.clock.seconds() + timeout)

    @rule(kind=st.sampled_from(["get", "remove"]), timeout=timeouts)
    def call_for_all(self, kind: str, timeout: float) -> None:
        """Calls for every task at once, so that there are batches of several."""
        for task_id in IDS:
            self.recorder.call(kind, TaskRef(task_id, USERS[0]), self.clock.seconds() + timeout)

    @rule(name=names, timeout=timeouts)
    def update_all(self, name: str, timeout: float) -> None:
        for task_id in IDS:
            self.recorder.call("update", TaskChange(task_id, USERS[0], name, None), self.clock.seconds() + timeout)

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data(), count=st.none() | st.integers(1, 3))
    def apply(self, data: st.DataObject, count: int | None) -> None:
        """Some items of a batch take effect; its answer is still out."""
        data.draw(st.sampled_from(self.inner.under_way)).apply(count)

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.inner.under_way)).answer()

    @rule(seconds=st.sampled_from([0.001, 0.1, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        before = self.inner.under_way
        self.clock.advance(seconds)
        self.zombies += [asked for asked in before if asked.ended]

    @invariant()
    def limits_hold(self) -> None:
        for kind in ("add", "update", "get", "remove", "find"):
            batches = [asked for asked in self.inner.under_way if asked.kind == kind]
            assert len(batches) <= LIMITS.max_in_flight
            assert all(1 <= len(batch.items) <= LIMITS.max_items for batch in batches)

    @invariant()
    def changes_of_a_task_keep_apart(self) -> None:
        changes = [asked for asked in self.inner.under_way if asked.kind in ("add", "update", "remove")]
        changed = [item.id for asked in changes for item in asked.items]
        assert len(changed) == len(set(changed))

    @invariant()
    def nobody_waits_beside_an_idle_store(self) -> None:
        if self.recorder.open:
            assert self.inner.under_way

    def teardown(self) -> None:
        while self.inner.under_way:
            self.inner.under_way[0].answer()
        self.recorder.check()


class FailingMachine(Machine):
    """Batches fail as a whole, with none, some or all of their items having taken effect, and are sent again."""

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data(), count=st.integers(0, 4), unavailable=st.booleans())
    def fail(self, data: st.DataObject, count: int, unavailable: bool) -> None:
        asked = data.draw(st.sampled_from(self.inner.under_way))
        asked.apply(count)
        asked.fail(StoreUnavailable() if unavailable else RuntimeError("bug"))


class LateMachine(Machine):
    """What passed its deadline takes effect later, when nobody waits for it any more."""

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), count=st.none() | st.integers(1, 3))
    def apply_late(self, data: st.DataObject, count: int | None) -> None:
        data.draw(st.sampled_from(self.zombies)).apply(count)


@pytest.mark.parametrize("machine", [FailingMachine, LateMachine])
def test_linearisable_per_task(machine: type[RuleBasedStateMachine]) -> None:
    """Whatever the store does, each task's calls answer as if they had happened one after another."""
    run_state_machine_as_test(machine, settings=settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None))


# The checker itself: it has to see what is wrong.

ONE = Task(IDS[0], "me", "one", MOMENT, False)
TWO = ONE._replace(name="two")
REF = TaskRef(ONE.id, "me")
RENAME = TaskChange(ONE.id, "me", "two", None)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [Operation("add", ONE, 1, 2, ONE), Operation("get", REF, 3, 4, ONE)],
        [Operation("add", ONE, 1, 4, ONE), Operation("get", REF, 2, 3, NOT_FOUND), Operation("get", REF, 5, 6, ONE)],
        [Operation("add", ONE, 1), Operation("get", REF, 2, 3, NOT_FOUND), Operation("get", REF, 4, 5, ONE)],
        [Operation("add", ONE, 1), Operation("get", REF, 2, 3, NOT_FOUND)],
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("update", RENAME, 3, 6, TWO),
            Operation("remove", REF, 4, 5, None),
        ],
    ],
)
def test_the_checker_accepts(operations: list[Operation]) -> None:
    """Histories that could be of one call after another."""
    assert linearisable(operations)


@pytest.mark.parametrize(
    "operations",
    [
        [Operation("get", REF, 1, 2, ONE)],
        [Operation("add", ONE, 1, 2, ONE), Operation("get", REF, 3, 4, NOT_FOUND)],
        [Operation("add", ONE, 1), Operation("get", REF, 2, 3, ONE), Operation("get", REF, 4, 5, NOT_FOUND)],
        [Operation("add", ONE, 1, 2, ONE), Operation("update", RENAME, 3, 4, TWO), Operation("get", REF, 5, 6, ONE)],
        [Operation("add", ONE, 1, 2, ONE), Operation("update", RENAME, 3, 4, ONE)],
        [Operation("add", ONE, 1, 2, ONE), Operation("remove", REF, 3, 6, None), Operation("remove", REF, 4, 5, None)],
    ],
)
def test_the_checker_rejects(operations: list[Operation]) -> None:
    """Lost writes, stale reads, answers without the caller's own change, a task removed twice."""
    assert not linearisable(operations)
