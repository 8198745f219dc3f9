"""What became of tasks since a token was handed out, by the numbers of changes in the file.

Every task, living or removed, has the number of its last change: `seq`. One process writes at a time, so numbers appear
in their order, and what is up to a number that was seen is complete.

A token is (mark, base, position): the file it is of; the last number when its first listing began; and up to which
number everything was told. While the first listing is under way, removals up to `base` are not news to its reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    InvalidArgument,
    RemovedTask,
    Task,
    UserSync,
    fitting,
    read_sync,
    write_sync,
)
from twisted_tasks.ops.sqlite.connection import Cursor
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.sqlite.rows import TASK, tasks

_KIND = "s"

_NOT_LIVING = "NOT EXISTS (SELECT 1 FROM tasks AS living WHERE living.id = removed_tasks.id)"


class _RowPlace(NamedTuple):
    base: int
    position: int

    @property
    def known(self) -> int:
        """Up to which number nothing that was removed has to be told."""
        return max(self)


class _Reader:
    """Reads changes within one transaction."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        cursor.execute("SELECT mark, last_seq, forgotten_seq FROM store")
        self._mark, self._last, self._forgotten = cursor.fetchone()

    def changes(self, query: ChangesQuery) -> Changes:
        """Answer a query. Raises InvalidArgument for a token nobody made."""
        place = None if query.sync is None else self._read(query.user_id, query.sync)
        reset = query.sync is not None and place is None
        if place is None:
            place = _RowPlace(self._last, 0)
        found = self._newer(query, place)
        told = found[: query.limit]
        # Both kinds share the limit of a reply; a removed task is small beside any other.
        fit = fitting([item for _, item in told if isinstance(item, Task)])
        count = 0
        for at, (_, item) in enumerate(told):
            count += isinstance(item, Task)
            if count > fit:
                told = told[:at]
                break
        more = len(told) < len(found)
        position = told[-1][0] if more else self._last
        return Changes(
            [item for _, item in told if isinstance(item, Task)],
            [item for _, item in told if isinstance(item, RemovedTask)],
            self._write(query.user_id, _RowPlace(place.base, position)),
            more,
            reset,
        )

    def newer(self, sync: UserSync) -> str | None:
        """Return a new token if a user has anything newer than the token. Raises InvalidArgument as `changes` does."""
        place = None if sync.sync is None else self._read(sync.user_id, sync.sync)
        if place is not None:
            self._cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM tasks WHERE user_id = ?1 AND seq > ?2) OR"
                f" EXISTS (SELECT 1 FROM removed_tasks WHERE user_id = ?1 AND seq > ?3 AND {_NOT_LIVING})",
                (sync.user_id, place.position, place.known),
            )
            if not self._cursor.fetchone()[0]:
                return None
        return self._write(sync.user_id, _RowPlace(self._last, self._last))

    def _newer(self, query: ChangesQuery, place: _RowPlace) -> list[tuple[int, Task | RemovedTask]]:
        """Return what is newer than a place, with its number, in the order of numbers; one more than the limit."""
        self._cursor.execute(
            f"SELECT seq, {TASK} FROM tasks WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (query.user_id, place.position, query.limit + 1),
        )
        rows = self._cursor.fetchall()
        found: list[tuple[int, Task | RemovedTask]] = [
            (row[0], task) for row, task in zip(rows, tasks(row[1:] for row in rows), strict=True)
        ]
        self._cursor.execute(
            "SELECT seq, id, version + 1 FROM removed_tasks"
            f" WHERE user_id = ? AND seq > ? AND {_NOT_LIVING} ORDER BY seq LIMIT ?",
            (query.user_id, place.known, query.limit + 1),
        )
        removed = [(seq, RemovedTask(task_id, version)) for seq, task_id, version in self._cursor.fetchall()]
        return sorted([*found, *removed], key=lambda one: one[0])[: query.limit + 1]

    def _read(self, user_id: str, token: str) -> _RowPlace | None:
        """Return the place a token names; None when it cannot be continued."""
        numbers = read_sync(_KIND, user_id, token)
        if numbers is None or numbers[0] != self._mark:
            return None
        if len(numbers) != 3:
            raise InvalidArgument("sync is not a token that changes answered")
        place = _RowPlace(numbers[1], numbers[2])
        self._cursor.execute("SELECT seq FROM emptied_users WHERE user_id = ?", (user_id,))
        emptied = self._cursor.fetchone()
        oldest = max(self._forgotten, emptied[0] if emptied else 0)
        return place if oldest <= place.known <= self._last else None

    def _write(self, user_id: str, place: _RowPlace) -> str:
        return write_sync(_KIND, user_id, (self._mark, *place))


def changes(cursor: Cursor, queries: Sequence[ChangesQuery]) -> list[Outcome[Changes]]:
    """See ITaskStore.changes."""
    reader = _Reader(cursor)
    outcomes: list[Outcome[Changes]] = []
    for query in queries:
        try:
            outcomes.append(reader.changes(query))
        except InvalidArgument as error:
            outcomes.append(error)
    return outcomes


def changed_users(cursor: Cursor, syncs: Sequence[UserSync]) -> list[Outcome[str | None]]:
    """See ITaskStore.changed_users."""
    reader = _Reader(cursor)
    outcomes: list[Outcome[str | None]] = []
    for sync in syncs:
        try:
            outcomes.append(reader.newer(sync))
        except InvalidArgument as error:
            outcomes.append(error)
    return outcomes
