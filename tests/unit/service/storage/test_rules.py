"""The rules of versions, conditions and removal, one by one. Whole stores: tests/integration/.../test_versions.py."""

from __future__ import annotations

from typing import Any

import pytest

from twisted_tasks.model import (
    Condition,
    StoredTask,
    Task,
    TaskChange,
    TaskIdTaken,
    TaskNotFound,
    TaskRemoval,
    UsedKey,
    VersionConflict,
)
from twisted_tasks.service.storage import rules
from twisted_tasks.service.storage.rules import Known

TASK = Task("0" * 24, "me", "tea", 1000, False, 5)
LIVING = Known(living=StoredTask(TASK, (UsedKey("k", 5),)))
REMOVED = Known(removed=StoredTask(TASK, (UsedKey("k", 5),), 2000))
BARE = Known(removed=StoredTask(TASK, (UsedKey("k", 5),), 2000, is_bare=True))
NOTHING = Known()


def change(version: int | None = None, key: str | None = None, name: str | None = "coffee") -> TaskChange:
    return TaskChange(TASK.id, "me", name, condition=Condition(version, key))


@pytest.mark.parametrize(
    ("known", "item", "outcome"),
    [
        (LIVING, change(), 6),
        (LIVING, change(5), 6),
        (LIVING, change(4), VersionConflict),
        (LIVING, change(4, "k"), 5),
        (LIVING, change(4, "another"), VersionConflict),
        (LIVING, change(name=None), 5),
        (LIVING, change(4, name=None), VersionConflict),
        (NOTHING, change(5), TaskNotFound),
        (REMOVED, change(5), TaskNotFound),
        (REMOVED, change(4, "k"), 5),
        (BARE, change(4, "k"), TaskNotFound),
    ],
)
def test_a_change(known: Known, item: TaskChange, outcome: Any) -> None:
    """A change is made, found made, or refused, as its condition and what is known of the task say."""
    told, kept = rules.change(known, item, 3000)
    assert (told.version if isinstance(told, Task) else type(told)) == outcome
    assert (kept is not None) == (outcome == 6)
    if kept is not None:
        assert kept.task == told


def test_a_removal() -> None:
    """A removal keeps the task as it was, its keys, and when it was removed; under its key it is found made."""
    told, kept = rules.removal(LIVING, TaskRemoval(TASK.id, "me", Condition(5, "r")), 3000)
    assert told is None
    assert kept == StoredTask(TASK, (UsedKey("k", 5), UsedKey("r", 6)), 3000)
    again = TaskRemoval(TASK.id, "me", Condition(5, "r"))
    assert rules.removal(Known(removed=kept), again, 4000) == (None, None)
    refused, _ = rules.removal(LIVING, TaskRemoval(TASK.id, "me", Condition(4)), 3000)
    assert isinstance(refused, VersionConflict)


def test_a_restoration() -> None:
    """A removed task comes back with a greater version, a living one is its own success, a new one is left."""
    told, kept = rules.restoration(REMOVED, 3000)
    assert kept is not None
    assert told == kept.task == TASK._replace(version=7, updated_ms=3000)
    assert rules.restoration(LIVING, 3000) == (TASK, None)
    taken = Known(living=StoredTask(TASK._replace(created_ms=1500)), removed=REMOVED.removed)
    assert isinstance(rules.restoration(taken, 3000)[0], TaskIdTaken)
    for known in (NOTHING, BARE):
        assert isinstance(rules.restoration(known, 3000)[0], TaskNotFound)


def test_an_id_that_is_taken_again() -> None:
    """A task under an id that was removed has a greater version than the removal."""
    assert rules.addition(REMOVED, TASK).version == 7
    assert rules.addition(REMOVED, TASK._replace(version=100)).version == 100
    assert rules.addition(NOTHING, TASK) == TASK


def test_whose_it_is() -> None:
    """What is known of another user's task is nothing."""
    assert LIVING.of_user("you") == NOTHING
    assert REMOVED.of_user("me") == REMOVED
