"""Random concurrent calls through the batching store, over a store that fails in every way it may.

Each history of calls is checked against the sequential model in `tests.history`; what is called and what happens is in
`tests.batching_machine`. The same over real stores is tests/integration/test_batching_stores.py.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.batching_machine import IDS, MOMENT, FailingMachine, LateMachine, Machine, play
from tests.history import NOT_FOUND, Operation, linearisable
from tests.memory_store import MemoryStore
from twisted_tasks.model import Task, TaskChange, TaskRef


@pytest.mark.parametrize("machine", [FailingMachine, LateMachine])
def test_linearisable_per_task(machine: type[Machine]) -> None:
    """Whatever the store does, each task's calls answer as if they had happened one after another."""
    play(machine, partial(MemoryStore, hold=True), 300)


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
