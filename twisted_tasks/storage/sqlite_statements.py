"""What is asked of an SQLite file: SQL, as functions of a cursor and items, which give an outcome for each item."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted_tasks.model import ListQuery, Task, TaskChange, TaskNotFound, TaskRef
from twisted_tasks.storage.interface import Outcome

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_COLUMNS = "id, user_id, name, created_on, done"

BEGIN_WRITING = "BEGIN IMMEDIATE"

# For each statement sqlite3 lets go of Python's lock, and then waits for the reactor to do so. With one for all adds,
# or updates, of a batch a quarter more of them are done; without BEGIN and COMMIT, which one statement does not need,
# and without a PRAGMA before it, again a fifth more.
AT_ONCE = 500
"""Items in one statement, of those that take several. SQLite takes 32,766 parameters, and an item has up to five."""


class Connection(sqlite3.Connection):
    """A connection that knows how long it waits for a lock."""

    patience: int | None = None
    """Milliseconds, once it was told."""

    def wait_for_locks(self, milliseconds: int) -> None:
        """Wait for a lock that another process holds so long, or up to an eighth shorter.

        Nearly all calls have the same time, less what they have waited: rounded, it has to be set but once. Rounded
        down, so that callers and the log are told of the lock, and not of a deadline that passed.
        """
        patience = milliseconds - milliseconds % (1 << max(0, milliseconds.bit_length() - 4))
        if patience != self.patience:
            self.execute(f"PRAGMA busy_timeout = {patience}")
            self.patience = patience


class Cursor(Protocol):
    """What the functions below need of a DB-API cursor, or of the transaction adbapi wraps around one."""

    connection: Connection
    rowcount: int

    def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any: ...
    def fetchall(self) -> list[Any]: ...


Step: TypeAlias = Callable[[Cursor, Sequence[_Item]], list[_Result]]
"""Does something to items and returns a result for each; within a transaction, unless one statement does it."""


def _task(row: tuple[str, str, str, int, int]) -> Task:
    return Task(row[0], row[1], row[2], row[3], bool(row[4]))


def _rows(count: int, width: int) -> str:
    """Return the places of so many rows of parameters."""
    row = f"({', '.join('?' * width)})"
    return ", ".join([row] * count)


def get(cursor: Cursor, refs: Sequence[TaskRef]) -> list[Outcome[Task]]:
    """See ITaskStore.get."""
    cursor.execute(f"SELECT {_COLUMNS} FROM tasks WHERE id IN {_rows(1, len(refs))}", [ref.id for ref in refs])
    return _of_users({row[0]: _task(row) for row in cursor.fetchall()}, refs)


def add(cursor: Cursor, tasks: Sequence[Task]) -> list[Outcome[Task]]:
    """See ITaskStore.add."""
    parameters: list[Any] = []
    for task in tasks:
        parameters += (task.id, task.user_id, task.name, task.created_ms, task.done)
    insert = f"INSERT INTO tasks ({_COLUMNS}) VALUES {_rows(len(tasks), 5)}"
    try:
        cursor.execute(insert, parameters)
    except sqlite3.IntegrityError:
        # An id is there already, so that none was added. What is in the way must not go before it is looked up.
        if not cursor.connection.in_transaction:
            cursor.execute(BEGIN_WRITING)
        cursor.execute(f"{insert} ON CONFLICT (id) DO NOTHING", parameters)
    else:
        return list(tasks)
    return get(cursor, [TaskRef(task.id, task.user_id) for task in tasks])


def update(cursor: Cursor, changes: Sequence[TaskChange]) -> list[Outcome[Task]]:
    """See ITaskStore.update."""
    parameters: list[Any] = []
    for change in changes:
        parameters += change
    cursor.execute(
        "UPDATE tasks SET name = coalesce(given.column3, name), done = coalesce(given.column4, done)"
        f" FROM (VALUES {_rows(len(changes), 4)}) AS given"
        f" WHERE id = given.column1 AND user_id = given.column2 RETURNING {_COLUMNS}",
        parameters,
    )
    return _of_users({row[0]: _task(row) for row in cursor.fetchall()}, changes)


def _of_users(found: Mapping[str, Task], items: Sequence[TaskRef | TaskChange]) -> list[Outcome[Task]]:
    """Return, for each item, the task it names if that is its user's."""
    tasks = [found.get(item.id) for item in items]
    return [
        task if task is not None and task.user_id == item.user_id else TaskNotFound()
        for task, item in zip(tasks, items, strict=True)
    ]


def remove(cursor: Cursor, refs: Sequence[TaskRef]) -> list[Outcome[None]]:
    """See ITaskStore.remove."""
    outcomes: list[Outcome[None]] = []
    for ref in refs:
        cursor.execute("DELETE FROM tasks WHERE id = ? AND user_id = ?", ref)
        outcomes.append(None if cursor.rowcount == 1 else TaskNotFound())
    return outcomes


def find(cursor: Cursor, queries: Sequence[ListQuery]) -> list[Outcome[list[Task]]]:
    """See ITaskStore.find."""
    return [_find_one(cursor, query) for query in queries]


def _find_one(cursor: Cursor, query: ListQuery) -> list[Task]:
    sql, parameters = f"SELECT {_COLUMNS} FROM tasks WHERE user_id = ?", [query.user_id]  # type: tuple[str, list[Any]]
    if query.done is not None:
        sql += " AND done = ?"
        parameters.append(query.done)
    if query.after is not None:
        sql += " AND (created_on, id) < (?, ?)"
        parameters += [query.after.created_ms, query.after.id]
    sql += " ORDER BY created_on DESC, id DESC"
    if query.limit is not None:
        sql += " LIMIT ?"
        parameters.append(query.limit)
    cursor.execute(sql, parameters)
    return [_task(row) for row in cursor.fetchall()]


def scan(cursor: Cursor, after_id: str | None, limit: int) -> list[Task]:
    """See ITaskScan.scan."""
    # Every id is greater than the empty text.
    cursor.execute(f"SELECT {_COLUMNS} FROM tasks WHERE id > ? ORDER BY id LIMIT ?", (after_id or "", limit))
    return [_task(row) for row in cursor.fetchall()]
