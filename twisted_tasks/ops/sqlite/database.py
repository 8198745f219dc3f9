"""The SQLite file and its threads: runs transactions in them, by deadlines, and knows whether the file works.

One thread writes; others read, and since the file is in WAL mode they neither wait for the writer nor hold it up.
`synchronous=FULL` makes every commit reach the disk before it is answered.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from twisted.enterprise import adbapi
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.python.failure import Failure

from twisted_tasks.ops.sqlite.connection import Cursor, SqliteConnection
from twisted_tasks.ops.sqlite.file import FileLost, OpenFile
from twisted_tasks.ops.sqlite.schema import Schema
from twisted_tasks.ops.sqlite.verdict import Verdict

_Result = TypeVar("_Result")

_READERS = 2
"""Reading threads. SQLite reads from memory most of the time, and Python runs one thread at once anyway: a second one
keeps a short read from waiting behind a long one."""

_LITTLE_SPACE = 1 << 20
"""Bytes of free disk below which a look also tries to use some."""

_ROOM = 1 << 16
"""Bytes that a write may need at once: the largest row, in the WAL, with the pages of its indexes."""


@dataclass(frozen=True)
class Errors:
    """What the callers of a database are told.

    @ivar unavailable: makes the error of a file that does not work, from a sentence for everybody, or from nothing.
    @ivar late: makes the error of a deadline that passed.
    """

    unavailable: Callable[..., Exception]
    late: Callable[[], Exception]


class SqliteDatabase:
    """An SQLite file in use.

    @param path: the file; made when it is missing, in a folder that must exist.
    @param schema: what is kept in it.
    @param errors: what callers are told.
    @param reactor: provides threads, and runs.
    @param clock: what deadlines are told on; its `seconds` must be safe to call from any thread.
    """

    def __init__(
        self, path: str, schema: Schema, errors: Errors, reactor: IReactorThreads, clock: IReactorTime
    ) -> None:
        self._path = path
        self._schema = schema
        self._errors = errors
        self._reactor = reactor
        self._clock = clock
        self._file: OpenFile | None = None
        self._writer: adbapi.ConnectionPool | None = None
        self._reader: adbapi.ConnectionPool | None = None
        self._using = Verdict(path, schema.name, "used", clock)
        self._reading = Verdict(path, schema.name, "read", clock)
        self._writing = Verdict(path, schema.name, "written", clock)

    def open(self) -> None:
        """Start. Raises Unusable when the file cannot be used. Blocks while it looks at the file."""
        self._schema.open(self._path)
        try:
            self._file = OpenFile(self._path)
        except (FileLost, OSError, sqlite3.Error) as error:  # gone since a moment ago
            raise self._schema.unusable(self._path, error) from None
        self._writer = self._pool(1)
        self._reader = self._pool(_READERS)

    def close(self) -> None:
        """Stop. Blocks until the statements that are running have ended."""
        for pool in (self._writer, self._reader):
            if pool is not None:
                pool.close()
        self._writer = self._reader = None
        if self._file is not None:
            self._file.close()
            self._file = None

    async def look(self, deadline: float) -> None:
        """Find out whether the file can be read and written. Raises `Errors.unavailable` with a sentence when not."""
        if self._file is not None:
            self._check(self._file.check)
        for verdict, pool, attempt in (
            (self._reading, self._reader, self._read_something),
            (self._writing, self._writer, self._write_something),
        ):
            if self._using.trouble is None:
                try:
                    await self._run(pool, attempt, deadline)
                except sqlite3.Error as error:
                    verdict.failed(error)
                else:
                    verdict.worked(proven=True)
        for verdict in (self._using, self._reading, self._writing):
            if verdict.trouble is not None:
                raise self._errors.unavailable(verdict.sentence())

    def read(self, work: Callable[[Cursor], _Result], deadline: float) -> Deferred[_Result]:
        """Run `work`, which reads, in a thread. More than one statement are one transaction if it begins one."""
        return self._judged(self._reading, self._run(self._reader, work, deadline))

    def write(self, work: Callable[[Cursor], _Result], deadline: float) -> Deferred[_Result]:
        """Run `work`, which writes, in a thread, and commit if it began a transaction.

        It has happened when the Deferred fires.
        """

        def in_thread(cursor: Cursor) -> _Result:
            if self._file is not None:
                self._file.check_wal()
            result = work(cursor)
            if cursor.connection.in_transaction:
                cursor.execute("COMMIT")
            # After the commit and before the answer: what went to a file that is gone is not acknowledged.
            if self._file is not None:
                self._file.check()
            return result

        return self._judged(self._writing, self._run(self._writer, in_thread, deadline))

    def _read_something(self, cursor: Cursor) -> None:
        cursor.execute(self._schema.probe)
        cursor.fetchall()

    def _write_something(self, cursor: Cursor) -> None:
        """Raise what a write would raise: of a file that can only be read, of a disk that is full."""
        cursor.execute(self._schema.no_change)
        folder = Path(self._path).absolute().parent
        if self._writing.trouble is not None or shutil.disk_usage(folder).free < _LITTLE_SPACE:
            _use_space(folder)

    def _check(self, look: Callable[[], None]) -> None:
        try:
            look()
        except FileLost as error:
            self._using.failed(error)
        else:
            self._using.worked()

    def _pool(self, threads: int) -> adbapi.ConnectionPool:
        return adbapi.ConnectionPool(
            "sqlite3",
            self._path,
            factory=SqliteConnection,
            isolation_level=None,
            # adbapi closes connections from the reactor's thread.
            check_same_thread=False,
            cp_min=threads,
            cp_max=threads,
            cp_openfun=lambda connection: connection.execute("PRAGMA synchronous = FULL"),
            cp_noisy=False,
            cp_reactor=self._reactor,
        )

    def _run(
        self, pool: adbapi.ConnectionPool | None, work: Callable[[Cursor], _Result], deadline: float
    ) -> Deferred[_Result]:
        """Run `work` in a thread of the pool; adbapi rolls its transaction back when anything raises."""
        remaining = deadline - self._clock.seconds()
        if pool is None or self._using.trouble is not None:
            return fail(self._errors.unavailable())
        if remaining <= 0:
            return fail(self._errors.late())

        def in_thread(cursor: Cursor) -> _Result:
            milliseconds = int((deadline - self._clock.seconds()) * 1000)
            if milliseconds <= 0:  # it waited too long for its thread: nobody listens any more
                raise self._errors.late()
            cursor.connection.wait_for_locks(milliseconds)
            return work(cursor)

        result: Deferred[_Result] = pool.runInteraction(in_thread)
        # A thread cannot be stopped: at the deadline the caller is told, and what the thread brings later is dropped.
        return result.addTimeout(remaining, self._clock, self._timed_out)

    def _timed_out(self, result: object, timeout: float) -> Failure:
        return Failure(self._errors.late())

    def _judged(self, verdict: Verdict, result: Deferred[_Result]) -> Deferred[_Result]:
        return result.addCallbacks(self._worked, self._failed, callbackArgs=(verdict,), errbackArgs=(verdict,))

    def _worked(self, result: _Result, verdict: Verdict) -> _Result:
        verdict.worked()
        return result

    def _failed(self, failure: Failure, verdict: Verdict) -> Failure:
        error = failure.value
        if isinstance(error, FileLost):
            self._using.failed(error)
        elif isinstance(error, sqlite3.Error):
            verdict.failed(error)
        else:
            return failure
        return Failure(self._errors.unavailable())


def _use_space(folder: Path) -> None:
    """Raise sqlite3.OperationalError, as SQLite does, when the disk has no room for a write."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        full = sqlite3.OperationalError(f"there is no room for {_ROOM:,} bytes beside it: {error.strerror}")
        full.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise full from None
