"""Tasks in an SQLite file: the embedded store.

The first half is SQL as functions of a cursor; the second is the store, which runs them in threads through
`twisted.enterprise.adbapi`. One thread writes; others read, and since the file is in WAL mode they neither wait for
the writer nor hold it up. `synchronous=FULL` makes every commit reach the disk before it is answered.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.model import (
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
)
from twisted_tasks.storage.interface import IStoreCheck, ITaskScan, ITaskStore, Outcome, StoreMisconfigured
from twisted_tasks.storage.sqlite_schema import ANY_TASK, NO_CHANGE, inspect, prepare

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_READERS = 2
"""Reading threads. SQLite reads from memory most of the time, and Python runs one thread at once anyway: a second one
keeps a short read from waiting behind a long one."""

_COLUMNS = "id, user_id, name, created_on, done"

_BEGIN_WRITING = "BEGIN IMMEDIATE"

# For each statement sqlite3 lets go of Python's lock, and then waits for the reactor to do so. With one for all adds,
# or updates, of a batch a quarter more of them are done; without BEGIN and COMMIT, which one statement does not need,
# and without a PRAGMA before it, again a fifth more.
_AT_ONCE = 500
"""Items in one statement, of those that take several. SQLite takes 32,766 parameters, and an item has up to five."""


class _Connection(sqlite3.Connection):
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


class _Cursor(Protocol):
    """What the functions below need of a DB-API cursor, or of the transaction adbapi wraps around one."""

    connection: _Connection
    rowcount: int

    def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


_Step: TypeAlias = Callable[[_Cursor, Sequence[_Item]], list[_Result]]
"""Does something to items, within a transaction, and returns a result for each."""


def _task(row: tuple[str, str, str, int, int]) -> Task:
    return Task(row[0], row[1], row[2], row[3], bool(row[4]))


def _rows(count: int, width: int) -> str:
    """Return the places of so many rows of parameters."""
    row = f"({', '.join('?' * width)})"
    return ", ".join([row] * count)


def _get(cursor: _Cursor, refs: Sequence[TaskRef]) -> list[Outcome[Task]]:
    cursor.execute(f"SELECT {_COLUMNS} FROM tasks WHERE id IN {_rows(1, len(refs))}", [ref.id for ref in refs])
    return _of_users({row[0]: _task(row) for row in cursor.fetchall()}, refs)


def _add(cursor: _Cursor, tasks: Sequence[Task]) -> list[Outcome[Task]]:
    parameters: list[Any] = []
    for task in tasks:
        parameters += (task.id, task.user_id, task.name, task.created_ms, task.done)
    insert = f"INSERT INTO tasks ({_COLUMNS}) VALUES {_rows(len(tasks), 5)}"
    try:
        cursor.execute(insert, parameters)
    except sqlite3.IntegrityError:
        # An id is there already, so that none was added. What is in the way must not go before it is looked up.
        if not cursor.connection.in_transaction:
            cursor.execute(_BEGIN_WRITING)
        cursor.execute(f"{insert} ON CONFLICT (id) DO NOTHING", parameters)
    else:
        return list(tasks)
    return _get(cursor, [TaskRef(task.id, task.user_id) for task in tasks])


def _update(cursor: _Cursor, changes: Sequence[TaskChange]) -> list[Outcome[Task]]:
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


def _remove(cursor: _Cursor, refs: Sequence[TaskRef]) -> list[Outcome[None]]:
    outcomes: list[Outcome[None]] = []
    for ref in refs:
        cursor.execute("DELETE FROM tasks WHERE id = ? AND user_id = ?", ref)
        outcomes.append(None if cursor.rowcount == 1 else TaskNotFound())
    return outcomes


def _find(cursor: _Cursor, queries: Sequence[ListQuery]) -> list[Outcome[list[Task]]]:
    return [_find_one(cursor, query) for query in queries]


def _find_one(cursor: _Cursor, query: ListQuery) -> list[Task]:
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


def _scan(cursor: _Cursor, after_id: str | None, limit: int) -> list[Task]:
    # Every id is greater than the empty text.
    cursor.execute(f"SELECT {_COLUMNS} FROM tasks WHERE id > ? ORDER BY id LIMIT ?", (after_id or "", limit))
    return [_task(row) for row in cursor.fetchall()]


@implementer(ITaskStore, ITaskScan, IStoreCheck)
class SqliteStore:
    """An `ITaskStore` in one SQLite file.

    @param path: the file; made when it is missing, in a folder that must exist.
    @param reactor: provides threads, and runs.
    @param clock: what deadlines are told on; its `seconds` must be safe to call from any thread.
    """

    _log = Logger()

    def __init__(self, path: str, reactor: Any, clock: IReactorTime) -> None:
        self._path = path
        self._reactor = reactor
        self._clock = clock
        self._trouble: str | None = None
        self._writer: adbapi.ConnectionPool | None = None
        self._reader: adbapi.ConnectionPool | None = None

    def open(self) -> Deferred[None]:
        """See ITaskStore. Looks at the file before it returns, while nothing else waits for the reactor."""
        try:
            connection = self._connect()
            try:
                prepare(connection)
            finally:
                connection.close()
            # Asked without the write lock, which another process may have for longer than a start should wait.
            if not os.access(self._path, os.W_OK):
                raise StoreMisconfigured("it can only be read")
        except (StoreMisconfigured, sqlite3.Error) as error:
            return fail(StoreMisconfigured(f"cannot use {self._path} as the task store: {error}"))
        self._writer = self._pool(1)
        self._reader = self._pool(_READERS)
        self._log.info("tasks are kept in the SQLite file {path}", path=self._path)
        return succeed(None)

    def check(self, deadline: float) -> Deferred[str]:
        """See IStoreCheck."""
        try:
            return succeed(inspect(self._path))
        except (StoreMisconfigured, sqlite3.Error) as error:
            return fail(StoreMisconfigured(f"cannot use {self._path} as the task store: {error}"))

    def close(self) -> Deferred[None]:
        """See ITaskStore. Waits for the statements that are running."""
        for pool in (self._writer, self._reader):
            if pool is not None:
                pool.close()
        self._writer = self._reader = None
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore. Takes the write lock, and looks at a task: a file that can only be read does not pass."""

        def look(cursor: _Cursor, items: Sequence[None]) -> list[None]:
            cursor.execute(NO_CHANGE)
            cursor.execute(ANY_TASK)
            return list(items)

        return self._write(look, [None], deadline, 0).addCallback(lambda _: None)

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._write(_add, tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._write(_update, changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._read(_get, refs, deadline)

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._write(_remove, refs, deadline, 1)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._read(_find, queries, deadline, 1)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        return self._read(lambda cursor, _: _scan(cursor, after_id, limit), [None], deadline)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _pool(self, threads: int) -> adbapi.ConnectionPool:
        return adbapi.ConnectionPool(
            "sqlite3",
            self._path,
            factory=_Connection,
            isolation_level=None,
            # adbapi closes connections from the reactor's thread.
            check_same_thread=False,
            cp_min=threads,
            cp_max=threads,
            cp_openfun=lambda connection: connection.execute("PRAGMA synchronous = FULL"),
            cp_noisy=False,
            cp_reactor=self._reactor,
        )

    def _write(
        self, step: _Step[_Item, _Result], items: Sequence[_Item], deadline: float, at_once: int = _AT_ONCE
    ) -> Deferred[list[_Result]]:
        return self._run(self._writer, _BEGIN_WRITING, step, items, deadline, at_once)

    def _read(
        self, step: _Step[_Item, _Result], items: Sequence[_Item], deadline: float, at_once: int = _AT_ONCE
    ) -> Deferred[list[_Result]]:
        return self._run(self._reader, "BEGIN", step, items, deadline, at_once)

    def _run(
        self,
        pool: adbapi.ConnectionPool | None,
        begin: str,
        step: _Step[_Item, _Result],
        items: Sequence[_Item],
        deadline: float,
        at_once: int,
    ) -> Deferred[list[_Result]]:
        """Run `step` on the items in one transaction; adbapi commits it, or rolls it back when anything raises.

        @param at_once: how many items `step` does in one statement, which is a transaction by itself.
        """
        remaining = deadline - self._clock.seconds()
        if pool is None:
            return fail(StoreUnavailable())
        if remaining <= 0:
            return fail(DeadlineExceeded())

        def in_thread(cursor: _Cursor) -> list[_Result]:
            milliseconds = int((deadline - self._clock.seconds()) * 1000)
            if milliseconds <= 0:  # it waited too long for its thread: nobody listens any more
                raise DeadlineExceeded()
            cursor.connection.wait_for_locks(milliseconds)
            if len(items) > at_once:
                cursor.execute(begin)
            results: list[_Result] = []
            for start in range(0, len(items), _AT_ONCE):
                results += step(cursor, items[start : start + _AT_ONCE])
            return results

        result: Deferred[list[_Result]] = pool.runInteraction(in_thread)
        # A thread cannot be stopped: at the deadline the caller is told, and what the thread brings later is dropped.
        result.addTimeout(remaining, self._clock, _deadline_exceeded)
        return result.addCallbacks(self._worked, self._failed)

    def _worked(self, result: _Result) -> _Result:
        if self._trouble is not None:
            self._trouble = None
            self._log.info("the SQLite file {path} works again", path=self._path)
        return result

    def _failed(self, failure: Failure) -> Failure:
        error = failure.value
        if not isinstance(error, sqlite3.Error):
            return failure
        if str(error) != self._trouble:  # once for each change, not for each call
            self._trouble = str(error)
            self._log.error("the SQLite file {path} does not work: {error}", path=self._path, error=self._trouble)
        return Failure(StoreUnavailable())


def _deadline_exceeded(result: object, timeout: float) -> Failure:
    return Failure(DeadlineExceeded())
