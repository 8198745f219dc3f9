"""Tasks as the model has them <-> tasks as the generated Thrift code has them. Nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import (
    Changes,
    Position,
    Task,
    TaskError,
    VersionConflict,
    fitting,
    to_milliseconds,
    to_text,
    write_cursor,
)

_LONG = 1000
"""Tasks in a list that are converted at once: 5 to 10 ms."""


def to_thrift(task: Task) -> ttypes.Task:
    """Return the struct a client gets; dates are ISO 8601 in UTC to the millisecond, whatever their values."""
    task_id, user_id, name, created_ms, done, version, updated_ms, notes, due, rank = task
    created_on = to_text(created_ms)
    updated_on = created_on if updated_ms is None else to_text(updated_ms)
    return ttypes.Task(task_id, user_id, name, created_on, done, version, updated_on, notes, due, rank)


def from_thrift(task: ttypes.Task) -> Task:
    """Return the task of a struct the service answered with. Raises ValueError when it lacks what every answer has."""
    if not task.id or not task.userId or not task.createdOn:
        raise ValueError("a task without id, userId or createdOn")
    created_ms = _milliseconds("createdOn", task.createdOn)
    # A service of before there were versions answers without.
    same = task.updatedOn is None or task.updatedOn == task.createdOn
    return Task(
        task.id,
        task.userId,
        task.name or "",
        created_ms,
        bool(task.done),
        task.version or 0,
        None if same else _milliseconds("updatedOn", task.updatedOn),
        task.notes,
        task.due,
        task.rank,
    )


def _milliseconds(what: str, text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{what} {text!r} has no time zone")
    return to_milliseconds(moment)


class Structs(Sequence[ttypes.Task]):
    """The structs of a long list of tasks, each made when it is asked for: they are written part by part."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._tasks)

    def __getitem__(self, which: Any) -> Any:
        """Return a struct, or a list of those of a slice."""
        found = self._tasks[which]
        return [to_thrift(task) for task in found] if isinstance(which, slice) else to_thrift(found)


def list_to_thrift(tasks: Sequence[Task]) -> Sequence[ttypes.Task]:
    """Return the structs of a list of tasks: a list, unless it is long."""
    return Structs(tasks) if len(tasks) > _LONG else [to_thrift(task) for task in tasks]


def page_to_thrift(tasks: Sequence[Task], limit: int) -> ttypes.TaskPage:
    """Return the page of the first `limit` tasks, or as many as fit; tasks beyond them mean a next page."""
    count = fitting(tasks[:limit])
    page = ttypes.TaskPage(tasks=list_to_thrift(tasks[:count]))
    if len(tasks) > count:
        last = tasks[count - 1]
        page.nextCursor = write_cursor(Position(last.created_ms, last.id))
    return page


def changes_to_thrift(changes: Changes) -> ttypes.TaskChanges:
    """Return the struct of what changed."""
    removed = [ttypes.RemovedTask(*one) for one in changes.removed]
    return ttypes.TaskChanges(list_to_thrift(changes.tasks), removed, changes.sync, changes.more, changes.reset)


def outcomes_to_thrift(outcomes: Sequence[Task | TaskError | None]) -> list[ttypes.ChangeOutcome]:
    """Return the structs of what became of the changes of a batch."""
    return [_outcome_to_thrift(outcome) for outcome in outcomes]


def _outcome_to_thrift(outcome: Task | TaskError | None) -> ttypes.ChangeOutcome:
    if isinstance(outcome, TaskError):
        error = error_to_thrift(outcome)
        return ttypes.ChangeOutcome(None, error.code, error.message, error.current)
    return ttypes.ChangeOutcome(None if outcome is None else to_thrift(outcome))


def error_to_thrift(error: TaskError) -> ttypes.BaseException:
    """Return the IDL's exception for an error of the model."""
    current = error.current if isinstance(error, VersionConflict) else None
    return ttypes.BaseException(error.code, str(error), None if current is None else to_thrift(current))
