"""Tasks in memory, gone with the process: for tests, ours and those of programs that call the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from twisted_tasks.model import ListQuery, StoreUnavailable, Task, TaskChange, TaskError, TaskNotFound, TaskRef
from twisted_tasks.storage.interface import ITaskScan, ITaskStore, Outcome

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@implementer(ITaskStore, ITaskScan)
class MemoryStore:
    """An `ITaskStore` in a dictionary. It answers at once, and deadlines are nothing to it.

    @ivar tasks: what is kept, by id. Tests may look, and change it.
    @ivar error: while it is one, every operation fails with it.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.error: TaskError | None = None

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

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._each(self._remove, refs)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._each(self._find, queries)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        if self.error is not None:
            return fail(self.error)
        ids = sorted(task_id for task_id in self.tasks if after_id is None or task_id > after_id)
        return succeed([self.tasks[task_id] for task_id in ids[:limit]])

    def _each(self, step: Callable[[_Item], _Result], items: Sequence[_Item]) -> Deferred[Any]:
        return fail(self.error) if self.error is not None else succeed([step(item) for item in items])

    def _add(self, task: Task) -> Outcome[Task]:
        self.tasks.setdefault(task.id, task)
        return self._get(TaskRef(task.id, task.user_id))

    def _update(self, change: TaskChange) -> Outcome[Task]:
        task = self._get(TaskRef(change.id, change.user_id))
        if isinstance(task, Task):
            name = task.name if change.name is None else change.name
            done = task.done if change.done is None else change.done
            self.tasks[task.id] = task = task._replace(name=name, done=done)
        return task

    def _get(self, ref: TaskRef) -> Outcome[Task]:
        task = self.tasks.get(ref.id)
        return task if task is not None and task.user_id == ref.user_id else TaskNotFound()

    def _remove(self, ref: TaskRef) -> Outcome[None]:
        task = self._get(ref)
        if isinstance(task, TaskError):
            return task
        del self.tasks[task.id]
        return None

    def _find(self, query: ListQuery) -> list[Task]:
        found = [
            task
            for task in self.tasks.values()
            if task.user_id == query.user_id
            and query.done in (None, task.done)
            and (query.after is None or (task.created_ms, task.id) < query.after)
        ]
        return sorted(found, key=lambda task: (task.created_ms, task.id), reverse=True)[: query.limit]
