"""Tasks in an SQLite file: the embedded store.

The SQL is in `sqlite_statements`, as functions of a cursor; the store runs them in threads through
`twisted.enterprise.adbapi`. One thread writes; others read, and since the file is in WAL mode they neither wait for
the writer nor hold it up. `synchronous=FULL` makes every commit reach the disk before it is answered.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.model import DeadlineExceeded, ListQuery, StoreUnavailable, Task, TaskChange, TaskRef
from twisted_tasks.storage import sqlite_statements as sql
from twisted_tasks.storage.interface import IStoreCheck, ITaskScan, ITaskStore, Outcome, StoreMisconfigured
from twisted_tasks.storage.sqlite_schema import ANY_TASK, NO_CHANGE, inspect, prepare

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_READERS = 2
"""Reading threads. SQLite reads from memory most of the time, and Python runs one thread at once anyway: a second one
keeps a short read from waiting behind a long one."""


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

        def look(cursor: sql.Cursor, items: Sequence[None]) -> list[None]:
            cursor.execute(NO_CHANGE)
            cursor.execute(ANY_TASK)
            return list(items)

        return self._write(look, [None], deadline, 0).addCallback(lambda _: None)

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._write(sql.add, tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._write(sql.update, changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._read(sql.get, refs, deadline)

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._write(sql.remove, refs, deadline, 1)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._read(sql.find, queries, deadline, 1)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        return self._read(lambda cursor, _: sql.scan(cursor, after_id, limit), [None], deadline)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _pool(self, threads: int) -> adbapi.ConnectionPool:
        return adbapi.ConnectionPool(
            "sqlite3",
            self._path,
            factory=sql.Connection,
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
        self, step: sql.Step[_Item, _Result], items: Sequence[_Item], deadline: float, at_once: int = sql.AT_ONCE
    ) -> Deferred[list[_Result]]:
        return self._run(self._writer, sql.BEGIN_WRITING, step, items, deadline, at_once)

    def _read(
        self, step: sql.Step[_Item, _Result], items: Sequence[_Item], deadline: float, at_once: int = sql.AT_ONCE
    ) -> Deferred[list[_Result]]:
        return self._run(self._reader, "BEGIN", step, items, deadline, at_once)

    def _run(
        self,
        pool: adbapi.ConnectionPool | None,
        begin: str,
        step: sql.Step[_Item, _Result],
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

        def in_thread(cursor: sql.Cursor) -> list[_Result]:
            milliseconds = int((deadline - self._clock.seconds()) * 1000)
            if milliseconds <= 0:  # it waited too long for its thread: nobody listens any more
                raise DeadlineExceeded()
            cursor.connection.wait_for_locks(milliseconds)
            if len(items) > at_once:
                cursor.execute(begin)
            results: list[_Result] = []
            for start in range(0, len(items), sql.AT_ONCE):
                results += step(cursor, items[start : start + sql.AT_ONCE])
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
