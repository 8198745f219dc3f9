"""Rows of the tables of tasks, and what the steps of `reads`, `writes` and `change_log` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from twisted_tasks.model import StoredTask, Task, UsedKey
from twisted_tasks.ops.sqlite.connection import Cursor

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

TASK = "id, user_id, name, created_on, done, version, updated_on, notes, due, rank"
"""The columns of a task, in the order of its fields."""

BEGIN_WRITING = "BEGIN IMMEDIATE"

# For each statement sqlite3 lets go of Python's lock, and then waits for the reactor to do so. With one for all adds,
# or updates, of a batch a quarter more of them are done; without BEGIN and COMMIT, which one statement does not need,
# and without a PRAGMA before it, again a fifth more.
AT_ONCE = 500
"""Items in one statement, of those that take several. SQLite takes 32,766 parameters, and an item has up to 13."""


Step: TypeAlias = Callable[[Cursor, Sequence[_Item]], list[_Result]]
"""Does something to items and returns a result for each. It begins a transaction when one statement will not do."""


def begin_writing(cursor: Cursor) -> None:
    """Begin a transaction that holds the write lock, unless there is one."""
    if not cursor.connection.in_transaction:
        cursor.execute(BEGIN_WRITING)


def places(count: int, width: int) -> str:
    """Return the places of so many rows of parameters."""
    row = f"({', '.join('?' * width)})"
    return ", ".join([row] * count)


def tasks(rows: Iterable[Sequence[Any]]) -> list[Task]:
    """Return the tasks of rows with the columns `TASK`."""
    return [
        Task(task_id, user_id, name, created, done == 1, version, updated, notes, due, rank)
        for task_id, user_id, name, created, done, version, updated, notes, due, rank in rows
    ]


def stored(row: Sequence[Any], removed_ms: int | None = None) -> StoredTask:
    """Return what is kept of a task, of a row with the columns `TASK` and used_keys."""
    (task,) = tasks([(*row[:2], row[2] or "", *row[3:10])])
    return StoredTask(task, tuple(_used_keys(row[10])), removed_ms, is_bare=row[2] is None)


def row_of(stored: StoredTask) -> tuple[Any, ...]:
    """Return the row of what is kept of a task: the columns `TASK` and used_keys."""
    return (*stored.task, " ".join(f"{key.digest}:{key.version}" for key in stored.keys) or None)


def _used_keys(text: str | None) -> Iterator[UsedKey]:
    for word in (text or "").split():
        digest, _, version = word.partition(":")
        yield UsedKey(digest, int(version))
