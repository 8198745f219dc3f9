"""Random concurrent calls through the batching store, over a store that fails in every way it may.

Each history of calls is checked against the sequential model in `tests.support.history`. What is called and what
happens is in `tests.support.batching_machine`.
The same over real stores is tests/integration/service/storage/batching/test_stores.py.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.batching_machine import IDS, MOMENT, FailingMachine, LateMachine, Machine, play
from tests.support.history import NOT_FOUND, Operation, linearisable
from tests.support.memory_store import MemoryStore
from twisted_tasks.model import Condition, Task, TaskChange, TaskRef, TaskRemoval, VersionConflict


@pytest.mark.parametrize("machine", [FailingMachine, LateMachine])
def test_linearisable_per_task(machine: type[Machine]) -> None:
    """Whatever the store does, each task's calls answer as if they had happened one after another."""
    play(machine, partial(MemoryStore, hold=True), 300)


# The checker itself: it has to see what is wrong.

ONE = Task(IDS[0], "me", "one", MOMENT, False)
TWO = ONE._replace(name="two", version=1)
REF = TaskRef(ONE.id, "me")
RENAME = TaskChange(ONE.id, "me", "two", None)
REMOVAL = TaskRemoval(ONE.id, "me")
FIRST = RENAME._replace(condition=Condition(0))
UNDER_KEY = RENAME._replace(condition=Condition(None, "k"))
BACK = ONE._replace(version=2)


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
            Operation("remove", REMOVAL, 4, 5, None),
        ],
        # A change that was sent twice.
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("update", RENAME, 3, 7, TWO._replace(version=2), sendings=2),
            Operation("get", REF, 4, 5, TWO),
        ],
        # Of two that name a version the second is told what the first made.
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("update", FIRST, 3, 6, TWO),
            Operation("update", FIRST, 4, 7, (VersionConflict, TWO)),
        ],
        [Operation("add", ONE, 1, 2, ONE), Operation("remove", REMOVAL, 3, 4), Operation("restore", REF, 5, 6, BACK)],
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
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("remove", REMOVAL, 3, 6, None),
            Operation("remove", REMOVAL, 4, 5, None),
        ],
        # A success of each of two that name one version; a success that was told 412; a change made twice under a key.
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("update", FIRST, 3, 6, TWO),
            Operation("update", FIRST, 4, 7, TWO._replace(version=2)),
        ],
        [Operation("add", ONE, 1, 2, ONE), Operation("update", FIRST, 3, 4, (VersionConflict, TWO))],
        [Operation("add", ONE, 1, 2, ONE), Operation("update", UNDER_KEY, 3, 4, TWO._replace(version=2), sendings=2)],
        [
            Operation("add", ONE, 1, 2, ONE),
            Operation("remove", REMOVAL, 3, 4, None),
            Operation("restore", REF, 5, 6, ONE),
        ],
    ],
)
def test_the_checker_rejects(operations: list[Operation]) -> None:
    """Lost writes, stale reads, answers without the caller's own change, a task removed twice."""
    assert not linearisable(operations)
