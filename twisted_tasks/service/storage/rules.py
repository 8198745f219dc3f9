"""What a change, a removal or a restoration makes of a task: the rules of `ITaskStore`, without a database.

Each function is given what is known of a task and what is asked, and returns the outcome and what to keep; None when
nothing changes. For stores that read a task, decide and write it within one transaction.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted_tasks.model import (
    StoredTask,
    Task,
    TaskChange,
    TaskIdTaken,
    TaskNotFound,
    TaskRemoval,
    VersionConflict,
)
from twisted_tasks.service.storage.interface import Outcome


class Known(NamedTuple):
    """What is known under an id: a living task, a removed one, or both when the id was taken again."""

    living: StoredTask | None = None
    removed: StoredTask | None = None

    def of_user(self, user_id: str) -> Known:
        """Return what of it is this user's."""
        return self._replace(
            living=self.living if self.living is not None and self.living.task.user_id == user_id else None,
            removed=self.removed if self.removed is not None and self.removed.task.user_id == user_id else None,
        )


def change(known: Known, item: TaskChange, now_ms: int) -> tuple[Outcome[Task], StoredTask | None]:
    """Decide on a change of a user's task, given what is known of that user's."""
    living, removed = known
    key = item.condition.key
    if living is None:
        if removed is None or removed.is_bare or not removed.used(key):
            return TaskNotFound(), None
        return removed.task, None
    if living.used(key):
        return living.task, None
    if item.condition.version not in (None, living.task.version):
        return VersionConflict(living.task), None
    if item.sets_nothing:
        return living.task, None
    kept = living._replace(task=living.task.changed(item, now_ms)).with_key(key)
    return kept.task, kept


def removal(known: Known, item: TaskRemoval, now_ms: int) -> tuple[Outcome[None], StoredTask | None]:
    """Decide on the removal of a user's task, given what is known of that user's."""
    living, removed = known
    key = item.condition.key
    if living is None:
        return (None if removed is not None and removed.used(key) else TaskNotFound()), None
    if living.used(key):
        return None, None
    if item.condition.version not in (None, living.task.version):
        return VersionConflict(living.task), None
    return None, living._replace(removed_ms=now_ms).with_key(key)


def restoration(known: Known, now_ms: int) -> tuple[Outcome[Task], StoredTask | None]:
    """Decide on the restoration of a user's task, given what is known of that user's."""
    living, removed = known
    if living is not None:
        if removed is not None and removed.task.created_ms != living.task.created_ms:
            return TaskIdTaken(), None
        return living.task, None
    if removed is None or removed.is_bare:
        return TaskNotFound(), None
    task = removed.task._replace(version=removed.version + 1, updated_ms=now_ms)
    return task, StoredTask(task, removed.keys)


def addition(known: Known, task: Task) -> Task:
    """Return a task that is added where none is living: its version is greater than any that its id ever had."""
    if known.removed is None:
        return task
    return task._replace(version=max(task.version, known.removed.version + 1))
