"""What a client is given, what it answers with, and structs of the contract -> these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from twisted_tasks.client.errors import error_of
from twisted_tasks.convert import from_thrift
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import Changes, RemovedTask, Task, TaskError


class Page(NamedTuple):
    """One page of a user's tasks; `next` is the cursor of the following one, None on the last."""

    tasks: list[Task]
    next: str | None


class Health(NamedTuple):
    """Whether the service's last look at its store found it working, and one sentence for people."""

    ok: bool
    message: str


class CreateTask(NamedTuple):
    """A task to add, in a batch. See `TasksClient.create`."""

    name: str = ""
    done: bool | None = None
    notes: str | None = None
    due: str | None = None
    rank: str | None = None
    key: str | None = None


class ChangeTask(NamedTuple):
    """Fields of a task to set, in a batch. See `TasksClient.change`."""

    task_id: str
    name: str | None = None
    done: bool | None = None
    notes: str | None = None
    due: str | None = None
    rank: str | None = None
    version: int | None = None
    key: str | None = None


class RemoveTask(NamedTuple):
    """A task to remove, in a batch. See `TasksClient.remove`."""

    task_id: str
    version: int | None = None
    key: str | None = None


class RestoreTask(NamedTuple):
    """A removed task to bring back, in a batch. See `TasksClient.restore`."""

    task_id: str


BatchChange: TypeAlias = CreateTask | ChangeTask | RemoveTask | RestoreTask
"""One change of a batch."""

BatchOutcome: TypeAlias = Task | TaskError | None
"""What became of one change of a batch: the task as it is then, None for a removal, or the error."""


def tasks_of(structs: Sequence[ttypes.Task]) -> list[Task]:
    """Return the tasks of a list."""
    return [from_thrift(struct) for struct in structs]


def page_of(struct: ttypes.TaskPage) -> Page:
    """Return a page."""
    return Page(tasks_of(struct.tasks), struct.nextCursor)


def changes_of(struct: ttypes.TaskChanges) -> Changes:
    """Return what changed."""
    removed = [RemovedTask(one.id, one.version) for one in struct.removed]
    return Changes(tasks_of(struct.tasks), removed, struct.sync, bool(struct.more), bool(struct.reset))


def health_of(struct: ttypes.Healthcheck) -> Health:
    """Return how the service says it is."""
    return Health(bool(struct.ok), struct.message or "")


def outcomes_of(structs: Sequence[ttypes.ChangeOutcome]) -> list[BatchOutcome]:
    """Return what became of the changes of a batch."""
    return [
        error_of(struct.code, struct.message, struct.current)
        if struct.code is not None
        else None
        if struct.task is None
        else from_thrift(struct.task)
        for struct in structs
    ]


def condition_struct(version: int | None, key: str | None) -> ttypes.Condition | None:
    """Return the struct of a condition; None is none."""
    return None if version is None and key is None else ttypes.Condition(version, key)


def change_struct(change: BatchChange) -> ttypes.Change:
    """Return the struct of one change of a batch."""
    if isinstance(change, CreateTask):
        fields = ttypes.TaskFields(*change[:5])
        return ttypes.Change(ttypes.ChangeKind.CREATE, None, fields, condition_struct(None, change.key))
    if isinstance(change, ChangeTask):
        fields = ttypes.TaskFields(*change[1:6])
        condition = condition_struct(change.version, change.key)
        return ttypes.Change(ttypes.ChangeKind.CHANGE, change.task_id, fields, condition)
    if isinstance(change, RemoveTask):
        condition = condition_struct(change.version, change.key)
        return ttypes.Change(ttypes.ChangeKind.REMOVE, change.task_id, None, condition)
    return ttypes.Change(ttypes.ChangeKind.RESTORE, change.task_id)
