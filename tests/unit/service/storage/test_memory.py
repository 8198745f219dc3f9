"""What the store in memory does that depends on the time: how long removed tasks are known.

All else that it and `twisted_tasks.service.storage.memory_log` do is in tests/integration/service/storage, with every
other store.
"""

from __future__ import annotations

from typing import Any

import pytest

from twisted_tasks.model import ChangesQuery, RemovedTask, Task, TaskNotFound, TaskRef, TaskRemoval
from twisted_tasks.service.storage.memory import MemoryStore

DAY_MS = 24 * 3600 * 1000
TASK = Task("0" * 24, "me", "tea", 1, False, 1)
REF = TaskRef(TASK.id, TASK.user_id)


class Desk:
    """A store, asked one thing at a time, and its time in days."""

    def __init__(self, keep_removed: int) -> None:
        self.day = 1
        self.store = MemoryStore(lambda: self.day * DAY_MS, keep_removed)

    def ask(self, operation: str, item: Any) -> Any:
        (outcome,) = getattr(self.store, operation)([item], 0.0).result
        return outcome


@pytest.mark.parametrize("days", [1, 30])
def test_removed_tasks_are_kept(days: int) -> None:
    """A removed task can be restored for as many days as it is kept, and not later."""
    desk = Desk(days)
    desk.ask("add", TASK)
    desk.ask("remove", TaskRemoval(*REF))
    desk.day += days
    assert desk.ask("restore", REF).name == "tea"
    desk.ask("remove", TaskRemoval(*REF))
    desk.day += days + 1
    assert isinstance(desk.ask("restore", REF), TaskNotFound)
    assert desk.store.removed == {}


def test_contents_are_not_kept() -> None:
    """With 0 days a removed task cannot be restored, and changes tell of it all the same."""
    desk = Desk(0)
    desk.ask("add", TASK)
    sync = desk.ask("changes", ChangesQuery("me")).sync
    desk.ask("remove", TaskRemoval(*REF))
    assert isinstance(desk.ask("restore", REF), TaskNotFound)
    assert desk.ask("changes", ChangesQuery("me", sync)).removed == [RemovedTask(TASK.id, 2)]
    assert "tea" not in repr(desk.store.removed)


def test_a_token_older_than_what_is_kept() -> None:
    """A token from before a removal that is not known any more is answered with everything, and says so."""
    desk = Desk(1)
    desk.ask("add", TASK)
    old = desk.ask("changes", ChangesQuery("me")).sync
    desk.ask("remove", TaskRemoval(*REF))
    new = desk.ask("changes", ChangesQuery("me", old)).sync
    desk.day += 2
    assert desk.ask("changes", ChangesQuery("me", old)).reset
    assert not desk.ask("changes", ChangesQuery("me", new)).reset
    other = TASK._replace(id="1" * 24)
    desk.ask("add", other)
    first = desk.ask("changes", ChangesQuery("me", None, 1))
    assert not desk.ask("changes", ChangesQuery("me", first.sync)).reset
