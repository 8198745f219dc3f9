"""Tasks as the model has them <-> tasks as the generated Thrift code has them. Nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import Position, Task, TaskError, to_milliseconds, to_text, write_cursor


def to_thrift(task: Task) -> ttypes.Task:
    """Return the struct a client gets; `createdOn` is ISO 8601 in UTC to the millisecond, whatever its value."""
    task_id, user_id, name, created_ms, done = task
    return ttypes.Task(task_id, user_id, name, to_text(created_ms), done)


def from_thrift(task: ttypes.Task) -> Task:
    """Return the task of a struct the service answered with. Raises ValueError when it lacks what every answer has."""
    if not task.id or not task.userId or not task.createdOn:
        raise ValueError("a task without id, userId or createdOn")
    created_on = datetime.fromisoformat(task.createdOn)
    if created_on.tzinfo is None:
        raise ValueError(f"createdOn {task.createdOn!r} has no time zone")
    return Task(task.id, task.userId, task.name or "", to_milliseconds(created_on), bool(task.done))


def list_to_thrift(tasks: Sequence[Task]) -> list[ttypes.Task]:
    """Return the structs of a list of tasks."""
    return [to_thrift(task) for task in tasks]


def page_to_thrift(tasks: Sequence[Task], limit: int) -> ttypes.TaskPage:
    """Return the page of the first `limit` tasks. A task beyond them says that there is a next page."""
    page = ttypes.TaskPage(tasks=list_to_thrift(tasks[:limit]))
    if len(tasks) > limit:
        last = tasks[limit - 1]
        page.next = write_cursor(Position(last.created_ms, last.id))
    return page


def error_to_thrift(error: TaskError) -> ttypes.BaseException:
    """Return the IDL's exception for an error of the model."""
    return ttypes.BaseException(error.code, str(error))
