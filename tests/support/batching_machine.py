"""Random concurrent calls through the batching store, over a store in which every step is the test's.

Hypothesis plays the callers and the store: which calls come when, how much of a batch takes effect, when it is answered
and with what. Each history of calls is checked against the sequential model in `tests.support.history`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.task import Clock

from tests.support.history import Recorder
from tests.support.memory_store import Asked
from twisted_tasks.model import (
    ALWAYS,
    ChangesQuery,
    Condition,
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    to_milliseconds,
)
from twisted_tasks.service.storage.batching.store import BatchingStore, BatchLimits

IDS = [f"{number:024x}" for number in range(3)]
USERS = ["me", "you"]
MOMENT = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC))
CHANGES = ("add", "update", "remove", "restore")
LIMITS = BatchLimits(max_items=4, max_bytes=40, max_in_flight=2, max_open=12)

# Mostly the owner's: what another user's call answers is known without a history.
users = st.sampled_from([*USERS[:1] * 5, USERS[1]])
ids = st.sampled_from(IDS)
names = st.sampled_from(["", "a", "é" * 8])
flags = st.none() | st.booleans()
limits = st.sampled_from([None, len(IDS)])  # all there is, as a list and as a page: what is missing would be no news
timeouts = st.sampled_from([0.5, 10.0, 10.0])
errors = st.sampled_from([StoreUnavailable, partial(RuntimeError, "bug")] * 2 + [DeadlineExceeded])
refs = st.builds(TaskRef, ids, users)
conditions = st.one_of(
    st.just(ALWAYS),
    st.tuples(st.none() | st.integers(0, 4), st.sampled_from([None, "k", "l"])).map(lambda parts: Condition(*parts)),
)
moments = st.sampled_from([MOMENT, MOMENT, MOMENT + 1])
calls = st.one_of(
    st.tuples(st.just("add"), st.tuples(ids, users, names, moments).map(lambda fields: Task(*fields, False))),
    st.tuples(
        st.just("update"),
        st.tuples(ids, users, st.none() | names, flags, conditions).map(
            lambda fields: TaskChange(*fields[:4], condition=fields[4])
        ),
    ),
    st.tuples(st.just("get"), refs),
    st.tuples(st.just("remove"), st.tuples(ids, users, conditions).map(lambda fields: TaskRemoval(*fields))),
    st.tuples(st.just("restore"), refs),
    st.tuples(st.just("find"), st.builds(ListQuery, users, limits, st.none(), flags)),
    st.tuples(st.just("changes"), users.map(ChangesQuery)),
)
OWNED = [TaskRef(task_id, USERS[0]) for task_id in IDS]
bursts = st.one_of(
    st.lists(calls, min_size=1, max_size=1),
    # Of every task, so that there are batches of several.
    names.map(lambda name: [("add", Task(*ref, name, MOMENT, False)) for ref in OWNED]),
    names.map(lambda name: [("update", TaskChange(*ref, name, None)) for ref in OWNED]),
    st.just([("get", ref) for ref in OWNED]),
    st.just([("remove", TaskRemoval(*ref)) for ref in OWNED]),
    st.just([("find", ListQuery(USERS[0]))]),
    # Several callers change one task.
    st.builds(
        lambda ref, version, keys: [
            ("update", TaskChange(*ref, f"{number}", condition=Condition(version, key)))
            for number, key in enumerate(keys)
        ],
        st.sampled_from(OWNED),
        st.integers(0, 3),
        st.lists(st.sampled_from([None, "k", "l"]), min_size=2, max_size=3),
    ),
    st.builds(
        lambda ref, names: [("update", TaskChange(*ref, name, None)) for name in names],
        st.sampled_from(OWNED),
        st.lists(names, min_size=2, max_size=3),
    ),
)


class Machine(RuleBasedStateMachine):
    """Callers above, the store below; Hypothesis plays both.

    @param make_store: makes a store that holds all it is asked, as MemoryStore can, on the clock given.
    """

    def __init__(self, make_store: Callable[[Clock], Any]) -> None:
        super().__init__()
        self.clock = Clock()
        self.inner = make_store(self.clock)
        store = BatchingStore(self.inner, self.clock, LIMITS)
        self.recorder = Recorder(store, IDS)
        self.zombies: list[Asked] = []
        for task_id in IDS:
            self.recorder.call("add", Task(task_id, USERS[0], "", MOMENT, False), 10.0)
        self.answer_all()

    def answer_all(self) -> None:
        while self.inner.under_way:
            self.inner.under_way[0].answer()

    # Few rules with many choices: Hypothesis leaves some rules out of every history.

    # With many open, most are refused as too many, and each batch is one of too many to be picked out.
    @precondition(lambda self: self.recorder.open < 16)
    @rule(burst=bursts, timeout=timeouts)
    def call(self, burst: list[tuple[str, Any]], timeout: float) -> None:
        for kind, item in burst:
            self.recorder.call(kind, item, self.clock.seconds() + timeout)

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data(), count=st.none() | st.integers(1, 3), every=st.booleans())
    def apply(self, data: st.DataObject, count: int | None, every: bool) -> None:
        """Some items of a batch take effect, or of all batches at once; their answers are still out."""
        for asked in self.inner.under_way if every else [data.draw(st.sampled_from(self.inner.under_way))]:
            asked.apply(count)

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data(), others=st.booleans())
    def answer(self, data: st.DataObject, others: bool) -> None:
        """One batch is answered; or the oldest has a slow way back, and all others are, with those that leave then."""
        if not others:
            data.draw(st.sampled_from(self.inner.under_way)).answer()
        else:
            self.inner.under_way[0].apply()
        while others and self.inner.under_way[1:]:
            self.inner.under_way[1].answer()

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.1, 0.5]))
    def wait(self, seconds: float) -> None:
        before = self.inner.under_way
        self.clock.advance(seconds)
        self.zombies += [asked for asked in before if asked.ended]

    @invariant()
    def limits_hold(self) -> None:
        for kind in ("add", "update", "get", "remove", "restore", "find", "changes"):
            batches = [asked for asked in self.inner.under_way if asked.kind == kind]
            assert len(batches) <= LIMITS.max_in_flight
            assert all(1 <= len(batch.items) <= LIMITS.max_items for batch in batches)

    @invariant()
    def changes_of_a_task_keep_apart(self) -> None:
        changes = [asked for asked in self.inner.under_way if asked.kind in CHANGES]
        changed = [(item.id, item.user_id) for asked in changes for item in asked.items]
        assert len(changed) == len(set(changed))

    @invariant()
    def nobody_waits_beside_an_idle_store(self) -> None:
        if self.recorder.open:
            assert self.inner.under_way

    def teardown(self) -> None:
        try:
            self.answer_all()
            for user in USERS:  # what is left in the end belongs to the history
                self.recorder.call("find", ListQuery(user), self.clock.seconds() + 10.0)
            self.answer_all()
        finally:
            self.recorder.store.close()
        self.recorder.check()


class FailingMachine(Machine):
    """Batches fail as a whole, with none, some or all of their items having taken effect, and are sent again."""

    def several(self) -> list[Asked]:
        """Return the batches of several changes, else of several reads, else of one item: by what failing shows."""
        batches = [asked for asked in self.inner.under_way if len(asked.items) > 1]
        return [asked for asked in batches if asked.kind in CHANGES] or batches or self.inner.under_way

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data(), count=st.integers(0, 4), error=errors)
    def fail(self, data: st.DataObject, count: int, error: Callable[[], Exception]) -> None:
        asked = data.draw(st.sampled_from(self.several()))
        asked.apply(count)
        self.recorder.sent_again(asked.items)
        asked.fail(error())


class LateMachine(Machine):
    """What passed its deadline takes effect later, when nobody waits for it any more."""

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), count=st.none() | st.integers(1, 3))
    def apply_late(self, data: st.DataObject, count: int | None) -> None:
        # While nothing else takes effect: a store of which an update is one command, and looking at the task after it
        # another, may show its caller what a late change between the two did.
        for asked in self.inner.under_way:
            asked.outcomes()
        zombie = data.draw(st.sampled_from(self.zombies))
        zombie.apply(count)
        zombie.outcomes()


def play(machine: type[Machine], make_store: Callable[[Clock], Any], examples: int) -> None:
    """Let Hypothesis play a machine so many times; more in a heavier run: TASKS_EXAMPLES=5000."""
    examples = int(os.environ.get("TASKS_EXAMPLES", examples))
    run_state_machine_as_test(
        partial(machine, make_store),
        settings=settings(max_examples=examples, stateful_step_count=40),
    )
