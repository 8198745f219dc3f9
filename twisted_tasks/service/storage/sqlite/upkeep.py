"""Upgrades an SQLite file when it is opened, and forgets old removed tasks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.model import TaskError
from twisted_tasks.ops.looping import unending
from twisted_tasks.ops.sqlite.schema import Unusable
from twisted_tasks.ops.sqlite.verdict import code
from twisted_tasks.service.storage.sqlite import writes
from twisted_tasks.service.storage.sqlite.database import TaskDatabase
from twisted_tasks.service.storage.sqlite.schema import SCHEMA

_TELL = 10.0
"""Seconds between two lines about an upgrade that is under way."""

_PURGE = 3600.0
"""Seconds between two looks for removed tasks that are old enough to be forgotten."""

_PIECE = 500
"""Removed tasks that are forgotten at once, so that calls get their turn between them."""

_TIMEOUT = 30.0
"""Seconds for each piece."""


class Upgrade:
    """An upgrade of a file, which may take a while when there are many tasks.

    @param path: a file of an older version.
    @param clock: on which to tell of it.
    """

    _log = Logger()

    def __init__(self, path: str, clock: IReactorTime) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._stopped = False
        self._telling = LoopingCall(self._tell)
        self._telling.clock = clock
        self._clock = clock
        self._began = clock.seconds()

    async def run(self, in_thread: Callable[[Callable[[], None]], Deferred[None]]) -> None:
        """Upgrade the file. Raises Unusable, having changed nothing, when that cannot be done."""
        self._telling.start(_TELL).addErrback(
            lambda failure: self._log.failure("telling of an upgrade met a bug", failure)
        )
        try:
            await in_thread(self._upgrade)
        except (Unusable, sqlite3.Error) as error:
            raise SCHEMA.unusable(self._path, error) from None
        finally:
            self._telling.stop()
        self._log.info(
            "the SQLite file {path} was upgraded in {seconds:.1f} s",
            path=self._path,
            seconds=self._clock.seconds() - self._began,
        )

    def stop(self) -> None:
        """Give it up: the file stays as it was."""
        self._stopped = True
        if self._connection is not None:
            self._connection.interrupt()

    def _upgrade(self) -> None:
        # Short waits for the lock, which another process of ours may have for the same reason.
        with closing(
            sqlite3.connect(self._path, isolation_level=None, timeout=1.0, check_same_thread=False)
        ) as connection:
            self._connection = connection
            try:
                while not self._stopped:
                    try:
                        return SCHEMA.prepare(connection)
                    except sqlite3.OperationalError as error:
                        if code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT):
                            raise
                raise Unusable("its upgrade was stopped, and it is as it was")
            finally:
                self._connection = None

    def _tell(self) -> None:
        self._log.info(
            "upgrading the SQLite file {path}; calls fail until that is done, {seconds:.0f} s so far",
            path=self._path,
            seconds=self._clock.seconds() - self._began,
        )


class Purge:
    """Forgets removed tasks when they are old enough, now and then.

    @param database: where they are.
    @param keep_ms: milliseconds for which a removed task is known.
    @param keeps_contents: whether more is kept of it than that it was removed.
    @param now_ms: returns the time in milliseconds since 1970-01-01 UTC.
    """

    _log = Logger()

    def __init__(
        self,
        database: TaskDatabase,
        clock: IReactorTime,
        now_ms: Callable[[], int],
        keep_ms: int,
        keeps_contents: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._now_ms = now_ms
        self._keep_ms = keep_ms
        self._keeps_contents = keeps_contents
        self._loop = unending(self._forget, self._bug, clock)

    def start(self) -> None:
        """Look now, and then every hour."""
        self._loop.start(_PURGE)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def _bug(self, failure: Failure) -> None:
        self._log.failure("forgetting removed tasks met a bug", failure)

    async def _forget(self) -> None:
        try:
            if not self._keeps_contents:
                await self._database.write(writes.forget_contents, self._deadline())
            before = self._now_ms() - self._keep_ms
            step = partial(writes.purge, before_ms=before, limit=_PIECE)
            while await self._database.write(step, self._deadline()) == _PIECE:
                pass
        except TaskError:
            pass  # the database has told why; the next look begins where this one ended

    def _deadline(self) -> float:
        return self._clock.seconds() + _TIMEOUT
