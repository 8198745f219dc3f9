"""What is written to an SQLite file: functions of a cursor and items, which give an outcome for each item.

Adds and updates without a condition, nearly all there are, take one statement for a batch. Everything else is decided
by the rules of `rules` within a transaction that holds the write lock from its beginning.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from twisted_tasks.model import (
    ALWAYS,
    StoredTask,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
)
from twisted_tasks.ops.sqlite.connection import Cursor
from twisted_tasks.service.storage import rules
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.rules import Known
from twisted_tasks.service.storage.sqlite import reads
from twisted_tasks.service.storage.sqlite.rows import TASK, begin_writing, places, row_of, tasks

_Item = TypeVar("_Item", TaskChange, TaskRemoval, TaskRef)
_Result = TypeVar("_Result")


def add(cursor: Cursor, added: Sequence[Task]) -> list[Outcome[Task]]:
    """See ITaskStore.add."""
    try:
        _insert(cursor, added)
    except sqlite3.IntegrityError:
        # An id is living, or known of a removed task, so that none was added. From here nothing else is written.
        begin_writing(cursor)
        there = reads.known(cursor, [task.id for task in added])
        news = {task.id: rules.addition(there.get(task.id, Known()), task) for task in reversed(added)}
        _insert(cursor, [task for task in news.values() if there.get(task.id, Known()).living is None])
        return reads.get(cursor, [TaskRef(task.id, task.user_id) for task in added])
    return list(added)


def _insert(cursor: Cursor, added: Sequence[Task]) -> None:
    if not added:
        return
    # Nearly all have none of the newer fields: half the parameters.
    width = 6 if all(task[6:] == (None, None, None, None) for task in added) else len(Task._fields)
    parameters: list[Any] = []
    for task in added:
        parameters += task[:width]
    cursor.execute(_insert_sql(len(added), width), parameters)


# The texts of statements are kept: to put one of 64 rows together takes as long as to insert ten.
@lru_cache(maxsize=256)
def _insert_sql(count: int, width: int) -> str:
    columns = TASK.split(", ")[:width]
    given = ", ".join(f"given.column{number}" for number in range(1, width + 1))
    return (
        f"INSERT INTO tasks ({', '.join(columns)}, seq) SELECT {given}, last_seq + given.column{width + 1}"
        f" FROM store, (VALUES {_numbered(count, width)}) AS given"
    )


@lru_cache(maxsize=256)
def _update_sql(count: int, width: int) -> str:
    newer = (("notes", 5), ("due", 6), ("rank", 7))[: max(0, width - 4)]
    sets = "".join(f", {field} = nullif(coalesce(given.column{at}, {field}), '')" for field, at in newer)
    return (
        "UPDATE tasks SET name = coalesce(given.column3, name), done = coalesce(given.column4, done)"
        f", version = version + 1, updated_on = ?, seq = last_seq + given.column{width + 1}{sets}"
        f" FROM store, (VALUES {_numbered(count, width)}) AS given"
        f" WHERE id = given.column1 AND user_id = given.column2 RETURNING {TASK}"
    )


def _numbered(count: int, width: int) -> str:
    """Return the places of so many rows of parameters, with the number of each row at its end."""
    place = ", ".join("?" * width)
    return ", ".join(f"({place}, {number})" for number in range(1, count + 1))


def update(cursor: Cursor, changes: Sequence[TaskChange], now_ms: int) -> list[Outcome[Task]]:
    """See ITaskStore.update."""
    if any(change.condition != ALWAYS or change.sets_nothing for change in changes):
        return _decided(cursor, changes, lambda known, change: rules.change(known, change, now_ms), _overwrite)
    width = 4 if all(change[4:7] == (None, None, None) for change in changes) else 7
    parameters: list[Any] = [now_ms]
    for change in changes:
        parameters += change[:width]
    cursor.execute(_update_sql(len(changes), width), parameters)
    updated = {(task.id, task.user_id): task for task in tasks(cursor.fetchall())}
    return [updated.get(change[:2]) or TaskNotFound() for change in changes]


def remove(cursor: Cursor, removals: Sequence[TaskRemoval], now_ms: int, keeps_contents: bool) -> list[Outcome[None]]:
    """See ITaskStore.remove."""

    def keep(cursor: Cursor, kept: Sequence[StoredTask]) -> None:
        _keep_removed(cursor, kept, keeps_contents)

    return _decided(cursor, removals, lambda known, removal: rules.removal(known, removal, now_ms), keep)


def restore(cursor: Cursor, refs: Sequence[TaskRef], now_ms: int, oldest_ms: int) -> list[Outcome[Task]]:
    """See ITaskStore.restore.

    @param oldest_ms: what was removed before cannot be restored any more.
    """

    def decide(known: Known, ref: TaskRef) -> tuple[Outcome[Task], StoredTask | None]:
        removed = known.removed
        if removed is not None and (removed.removed_ms or 0) < oldest_ms:
            known = known._replace(removed=removed._replace(is_bare=True))
        return rules.restoration(known, now_ms)

    def keep(cursor: Cursor, kept: Sequence[StoredTask]) -> None:
        ids = [stored.task.id for stored in kept]
        cursor.execute(f"DELETE FROM removed_tasks WHERE id IN {places(1, len(ids))}", ids)
        _overwrite(cursor, kept)

    return _decided(cursor, refs, decide, keep)


def remove_all(cursor: Cursor, user_ids: Sequence[str]) -> list[Outcome[int]]:
    """See ITaskStore.remove_all."""
    begin_writing(cursor)
    return [_remove_all_of(cursor, user_id) for user_id in user_ids]


def _remove_all_of(cursor: Cursor, user_id: str) -> int:
    cursor.execute("DELETE FROM tasks WHERE user_id = ?", (user_id,))
    count = cursor.rowcount
    cursor.execute("DELETE FROM removed_tasks WHERE user_id = ?", (user_id,))
    cursor.execute("UPDATE store SET last_seq = last_seq + 1")
    cursor.execute("INSERT OR REPLACE INTO emptied_users SELECT ?, last_seq FROM store", (user_id,))
    return count


def put(cursor: Cursor, given: Sequence[StoredTask]) -> list[Outcome[bool]]:
    """See ITaskCopy.put."""
    begin_writing(cursor)
    there = reads.known(cursor, [stored.task.id for stored in given])
    outcomes: list[Outcome[bool]] = []
    kept: list[StoredTask] = []
    for stored in given:
        known = there.get(stored.task.id, Known())
        before = known.living or known.removed
        if before is not None and before.task.user_id != stored.task.user_id:
            outcomes.append(TaskNotFound())
            continue
        news = before is None or before.version < stored.version
        outcomes.append(news)
        if news:
            kept.append(stored)
    _overwrite(cursor, [stored for stored in kept if stored.removed_ms is None])
    _keep_removed(cursor, [stored for stored in kept if stored.removed_ms is not None], keeps_contents=True)
    return outcomes


def index_changes(cursor: Cursor) -> None:
    """Make the index that `changes` needs, unless it is there."""
    cursor.execute("CREATE INDEX IF NOT EXISTS tasks_by_change ON tasks (user_id, seq)")


def discard(cursor: Cursor, refs: Sequence[TaskRef]) -> list[Outcome[None]]:
    """See ITaskCopy.discard."""
    begin_writing(cursor)
    parameters: list[str] = []
    for ref in refs:
        parameters += ref
    for table in ("tasks", "removed_tasks"):
        cursor.execute(f"DELETE FROM {table} WHERE (id, user_id) IN (VALUES {places(len(refs), 2)})", parameters)
    return [None] * len(refs)


def purge(cursor: Cursor, before_ms: int, limit: int) -> int:
    """Forget some of the tasks that were removed before a time; return how many."""
    begin_writing(cursor)
    cursor.execute(
        "DELETE FROM removed_tasks WHERE id IN"
        " (SELECT id FROM removed_tasks WHERE removed_on < ? ORDER BY removed_on LIMIT ?) RETURNING seq",
        (before_ms, limit),
    )
    forgotten = [seq for (seq,) in cursor.fetchall()]
    if forgotten:
        cursor.execute("UPDATE store SET forgotten_seq = max(forgotten_seq, ?)", (max(forgotten),))
        # Whoever looked before they were emptied begins anew for what was forgotten, too.
        cursor.execute("DELETE FROM emptied_users WHERE seq <= (SELECT forgotten_seq FROM store)")
    return len(forgotten)


def forget_contents(cursor: Cursor) -> None:
    """Keep of removed tasks what `changes` tells, and nothing else."""
    cursor.execute(
        "UPDATE removed_tasks SET name = NULL, done = 0, updated_on = NULL, notes = NULL, due = NULL, rank = NULL"
        " WHERE name IS NOT NULL"
    )


def _decided(
    cursor: Cursor,
    items: Sequence[_Item],
    decide: Callable[[Known, _Item], tuple[Outcome[_Result], StoredTask | None]],
    keep: Callable[[Cursor, Sequence[StoredTask]], None],
) -> list[Outcome[_Result]]:
    """Read what the items name, decide on each, and keep what comes of it, while nobody else can write."""
    begin_writing(cursor)
    there = reads.known(cursor, [item.id for item in items])
    decided = [decide(there.get(item.id, Known()).of_user(item.user_id), item) for item in items]
    kept = [stored for _, stored in decided if stored is not None]
    if kept:
        keep(cursor, kept)
    return [outcome for outcome, _ in decided]


def _overwrite(cursor: Cursor, kept: Sequence[StoredTask]) -> None:
    """Keep living tasks as they are given, in the place of any that are there."""
    if not kept:
        return
    columns = [*TASK.split(", "), "used_keys", "seq"]
    _insert_rows(
        cursor,
        f"INSERT INTO tasks ({', '.join(columns)})",
        [row_of(stored) for stored in kept],
        "ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{column} = excluded.{column}" for column in columns[2:]),
    )


def _keep_removed(cursor: Cursor, kept: Sequence[StoredTask], keeps_contents: bool) -> None:
    """Keep removed tasks as they are given; none of them is living any more."""
    if not kept:
        return
    rows = []
    for stored in kept:
        row = (stored.removed_ms, *row_of(stored))
        if stored.is_bare or not keeps_contents:
            row = (*row[:3], None, row[4], False, row[6], None, None, None, None, row[11])
        rows.append(row)
    _insert_rows(cursor, f"INSERT OR REPLACE INTO removed_tasks (removed_on, {TASK}, used_keys, seq)", rows, "")
    ids = [stored.task.id for stored in kept]
    cursor.execute(f"DELETE FROM tasks WHERE id IN {places(1, len(ids))}", ids)


def _insert_rows(cursor: Cursor, insert: str, rows: Sequence[tuple[Any, ...]], conflict: str) -> None:
    """Insert rows, each with its number as the last column."""
    columns = len(rows[0])
    given = ", ".join(f"given.column{number}" for number in range(1, columns + 1))
    parameters: list[Any] = []
    for row in rows:
        parameters += row
    cursor.execute(
        f"{insert} SELECT {given}, last_seq + given.column{columns + 1}"
        f" FROM store, (VALUES {_numbered(len(rows), columns)}) AS given WHERE true {conflict}",
        parameters,
    )
