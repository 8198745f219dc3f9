"""What is read from an SQLite file: functions of a cursor and items, which give an outcome for each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted_tasks.model import ListQuery, StoredTask, Task, TaskNotFound, TaskRef
from twisted_tasks.ops.sqlite.connection import Cursor
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.rules import Known
from twisted_tasks.service.storage.sqlite.rows import TASK, places, stored, tasks


def get(cursor: Cursor, refs: Sequence[TaskRef]) -> list[Outcome[Task]]:
    """See ITaskStore.get."""
    cursor.execute(f"SELECT {TASK} FROM tasks WHERE id IN {places(1, len(refs))}", [ref.id for ref in refs])
    found = {task.id: task for task in tasks(cursor.fetchall())}
    outcomes: list[Outcome[Task]] = []
    for task_id, user_id in refs:
        task = found.get(task_id)
        outcomes.append(task if task is not None and task.user_id == user_id else TaskNotFound())
    return outcomes


def find(cursor: Cursor, queries: Sequence[ListQuery]) -> list[Outcome[list[Task]]]:
    """See ITaskStore.find."""
    return [_find_one(cursor, query) for query in queries]


def _find_one(cursor: Cursor, query: ListQuery) -> list[Task]:
    sql = f"SELECT {TASK} FROM tasks WHERE user_id = ?"
    parameters: list[Any] = [query.user_id]
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
    return tasks(cursor.fetchall())


def known(cursor: Cursor, ids: Sequence[str]) -> dict[str, Known]:
    """Return by id what is known of tasks, whosever they are."""
    parameters, which = list(ids), f"WHERE id IN {places(1, len(ids))}"
    cursor.execute(f"SELECT {TASK}, used_keys FROM tasks {which}", parameters)
    found = {row[0]: Known(living=stored(row)) for row in cursor.fetchall()}
    cursor.execute(f"SELECT {TASK}, used_keys, removed_on FROM removed_tasks {which}", parameters)
    for row in cursor.fetchall():
        before = found.get(row[0], Known())
        found[row[0]] = before._replace(removed=stored(row, row[11]))
    return found


def scan(cursor: Cursor, after_id: str | None, limit: int) -> list[Task]:
    """See ITaskScan.scan."""
    # Every id is greater than the empty text.
    cursor.execute(f"SELECT {TASK} FROM tasks WHERE id > ? ORDER BY id LIMIT ?", (after_id or "", limit))
    return tasks(cursor.fetchall())


def count(cursor: Cursor) -> int:
    """See ITaskScan.count. Reads the table, and neither the order of `scan` nor its limits."""
    cursor.execute("SELECT count(*) FROM tasks NOT INDEXED")
    number: int = cursor.fetchone()[0]
    return number


def scan_stored(cursor: Cursor, after_id: str | None, limit: int) -> list[StoredTask]:
    """See ITaskCopy.scan_stored."""
    cursor.execute(
        f"SELECT {TASK}, used_keys, NULL AS removed_on FROM tasks WHERE id > ?1"
        f" UNION ALL SELECT {TASK}, used_keys, removed_on FROM removed_tasks"
        " WHERE id > ?1 AND id NOT IN (SELECT id FROM tasks) ORDER BY id LIMIT ?2",
        (after_id or "", limit),
    )
    return [stored(row, row[11]) for row in cursor.fetchall()]
