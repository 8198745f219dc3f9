"""Tasks in memory, gone with the process: for tests, ours and those of programs that call the service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    InvalidArgument,
    ListQuery,
    StoredTask,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    UserSync,
    VersionConflict,
)
from twisted_tasks.service.storage.interface import ITaskCopy, ITaskStore, Outcome
from twisted_tasks.service.storage.memory_log import ChangeLog

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_DAY_MS = 24 * 3600 * 1000
_TOLD_DAYS = 30
"""How long a removal can be told of when no contents are kept."""


def _now_ms() -> int:
    return time_ns() // 1_000_000


@implementer(ITaskStore, ITaskCopy)
class MemoryStore:
    """A task store in a dictionary. It answers at once and takes no notice of deadlines.

    @param now_ms: returns the time in milliseconds since 1970-01-01 UTC.
    @param keep_removed: days that removed tasks are kept; 0 keeps no contents of them.

    @ivar tasks: what is kept, by id. Tests may look, and change it.
    @ivar removed: removed tasks, by id.
    @ivar error: while it is one, every operation fails with it.
    """

    def __init__(self, now_ms: Callable[[], int] = _now_ms, keep_removed: int = 30) -> None:
        self.tasks: dict[str, Task] = {}
        self.removed: dict[str, StoredTask] = {}
        self.error: TaskError | None = None
        self._keys: dict[str, StoredTask] = {}
        """What living tasks were changed by."""
        self._log = ChangeLog(self, secrets.randbits(32))
        self._now_ms = now_ms
        self._keeps_contents = keep_removed > 0
        self._keep_ms = (keep_removed or _TOLD_DAYS) * _DAY_MS

    def open(self) -> Deferred[None]:
        """See ITaskStore."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """See ITaskStore."""
        self.error = StoreUnavailable()
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore."""
        return succeed(None) if self.error is None else fail(self.error)

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._add, tasks)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._update, changes)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._get, refs)

    def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._each(self._remove, removals)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._each(self._find, queries)

    def restore(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._restore, refs)

    def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        """See ITaskStore."""
        return self._each(self._changes, queries)

    def changed_users(self, syncs: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        """See ITaskStore."""
        return self._each(self._changed_user, syncs)

    def remove_all(self, user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        """See ITaskStore."""
        return self._each(self._remove_all, user_ids)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        if self.error is not None:
            return fail(self.error)
        ids = sorted(task_id for task_id in self.tasks if after_id is None or task_id > after_id)
        return succeed([self.tasks[task_id] for task_id in ids[:limit]])

    def count(self, deadline: float) -> Deferred[int]:
        """See ITaskScan."""
        return succeed(len(self.tasks)) if self.error is None else fail(self.error)

    def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[StoredTask]]:
        """See ITaskCopy."""
        if self.error is not None:
            return fail(self.error)
        there = self.removed | {task.id: self._living(task) for task in self.tasks.values()}
        ids = sorted(task_id for task_id in there if after_id is None or task_id > after_id)
        return succeed([there[task_id] for task_id in ids[:limit]])

    def put(self, stored: Sequence[StoredTask], deadline: float) -> Deferred[list[Outcome[bool]]]:
        """See ITaskCopy."""
        return self._each(self._put, stored)

    def discard(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskCopy."""
        return self._each(self._discard, refs)

    def _each(self, step: Callable[[_Item], _Result], items: Sequence[_Item]) -> Deferred[Any]:
        if self.error is not None:
            return fail(self.error)
        self._purge()
        return succeed([step(item) for item in items])

    def _add(self, task: Task) -> Outcome[Task]:
        if task.id not in self.tasks:
            before = self.removed.get(task.id)
            if before is not None:
                task = task._replace(version=max(task.version, before.version + 1))
            self._keep(StoredTask(task))
        return self._get(TaskRef(task.id, task.user_id))

    def _update(self, change: TaskChange) -> Outcome[Task]:
        task = self._get(TaskRef(change.id, change.user_id))
        key = change.condition.key
        if isinstance(task, TaskError):
            removed = self._known_removal(change)
            return removed.task if removed is not None and removed.used(key) and not removed.is_bare else task
        living = self._living(task)
        if living.used(key):
            return task
        if change.condition.version not in (None, task.version):
            return VersionConflict(task)
        if change.sets_nothing:
            return task
        return self._keep(living._replace(task=task.changed(change, self._now_ms())).with_key(key)).task

    def _get(self, ref: TaskRef) -> Outcome[Task]:
        task = self.tasks.get(ref.id)
        return task if task is not None and task.user_id == ref.user_id else TaskNotFound()

    def _remove(self, removal: TaskRemoval) -> Outcome[None]:
        task = self._get(TaskRef(removal.id, removal.user_id))
        key = removal.condition.key
        if isinstance(task, TaskError):
            removed = self._known_removal(removal)
            return None if removed is not None and removed.used(key) else task
        living = self._living(task)
        if living.used(key):
            return None
        if removal.condition.version not in (None, task.version):
            return VersionConflict(task)
        if not self._keeps_contents:
            bare = Task(task.id, task.user_id, "", task.created_ms, False, task.version)
            living = living._replace(task=bare, is_bare=True)
        self._keep(living._replace(removed_ms=self._now_ms()).with_key(key))
        return None

    def _restore(self, ref: TaskRef) -> Outcome[Task]:
        removed = self._known_removal(ref)
        task = self.tasks.get(ref.id)
        if task is not None:
            if removed is not None and removed.task.created_ms != task.created_ms:
                return TaskIdTaken()
            return self._get(ref)
        if removed is None or removed.is_bare:
            return TaskNotFound()
        task = removed.task._replace(version=removed.version + 1, updated_ms=self._now_ms())
        return self._keep(StoredTask(task, removed.keys)).task

    def _find(self, query: ListQuery) -> list[Task]:
        found = [
            task
            for task in self.tasks.values()
            if task.user_id == query.user_id
            and query.done in (None, task.done)
            and (query.after is None or (task.created_ms, task.id) < query.after)
        ]
        return sorted(found, key=lambda task: (task.created_ms, task.id), reverse=True)[: query.limit]

    def _changes(self, query: ChangesQuery) -> Outcome[Changes]:
        try:
            return self._log.changes(query)
        except InvalidArgument as error:
            return error

    def _changed_user(self, sync: UserSync) -> Outcome[str | None]:
        try:
            return self._log.newer(sync)
        except InvalidArgument as error:
            return error

    def _remove_all(self, user_id: str) -> int:
        ids = [task.id for task in self.tasks.values() if task.user_id == user_id]
        for task_id in ids:
            self._forget(self.tasks, task_id)
        for task_id in [stored.task.id for stored in self.removed.values() if stored.task.user_id == user_id]:
            self._forget(self.removed, task_id)
        self._log.emptied(user_id)
        return len(ids)

    def _put(self, stored: StoredTask) -> Outcome[bool]:
        task_id = stored.task.id
        there = self._living(self.tasks[task_id]) if task_id in self.tasks else self.removed.get(task_id)
        if there is not None and there.task.user_id != stored.task.user_id:
            return TaskNotFound()
        if there is not None and there.version >= stored.version:
            return False
        self._keep(stored)
        return True

    def _discard(self, ref: TaskRef) -> None:
        if not isinstance(self._get(ref), TaskError):
            self._forget(self.tasks, ref.id)
        if self._known_removal(ref) is not None:
            self._forget(self.removed, ref.id)

    # What is kept of a task.

    def _living(self, task: Task) -> StoredTask:
        """Return a living task with its keys; a test may have put it there without any."""
        known = self._keys.get(task.id)
        return StoredTask(task) if known is None else known._replace(task=task)

    def _known_removal(self, item: TaskRef | TaskChange | TaskRemoval) -> StoredTask | None:
        removed = self.removed.get(item.id)
        return removed if removed is not None and removed.task.user_id == item.user_id else None

    def _keep(self, stored: StoredTask) -> StoredTask:
        task_id = stored.task.id
        if stored.removed_ms is not None:
            self.tasks.pop(task_id, None)
            self._keys.pop(task_id, None)
            self.removed[task_id] = stored
            return stored
        before = self.removed.get(task_id)
        # A removed task stays known under an id that was taken since, so that nobody restores it over the new one.
        if before is not None and before.task.created_ms == stored.task.created_ms:
            del self.removed[task_id]
        self.tasks[task_id] = stored.task
        self._keys[task_id] = stored
        return stored

    def _purge(self) -> None:
        """Forget what was removed too long ago."""
        if not self.removed:
            return
        end = self._now_ms() - self._keep_ms
        for task_id in [one for one, stored in self.removed.items() if (stored.removed_ms or 0) < end]:
            self._log.purged(self.removed[task_id])
            self._forget(self.removed, task_id)

    def _forget(self, kept: dict[str, Any], task_id: str) -> None:
        del kept[task_id]
        if task_id not in self.tasks:
            self._keys.pop(task_id, None)
