"""Tasks in an SQLite file: the embedded store.

The SQL is in `reads`, `writes` and `change_log`, as functions of a cursor; `database` runs them in threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from time import time_ns
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from zope.interface import implementer

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    ListQuery,
    StoredTask,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    UserSync,
)
from twisted_tasks.ops.sqlite.schema import Unusable
from twisted_tasks.service.storage.interface import (
    IStoreCheck,
    ITaskCopy,
    ITaskStore,
    Outcome,
    StoreMisconfigured,
)
from twisted_tasks.service.storage.sqlite import change_log, reads, writes
from twisted_tasks.service.storage.sqlite.database import TaskDatabase
from twisted_tasks.service.storage.sqlite.rows import Step
from twisted_tasks.service.storage.sqlite.schema import SCHEMA
from twisted_tasks.service.storage.sqlite.upkeep import Purge, Upgrade

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_DAY_MS = 24 * 3600 * 1000
_TOLD_DAYS = 30
"""How long it is known that a task was removed whose contents are not kept."""


def _now_ms() -> int:
    return time_ns() // 1_000_000


@implementer(ITaskStore, ITaskCopy, IStoreCheck)
class SqliteStore:
    """A task store in one SQLite file.

    @param path: the file; made when it is missing, in a folder that must exist.
    @param reactor: provides threads, and runs.
    @param clock: what deadlines are told on; its `seconds` must be safe to call from any thread.
    @param keep_removed: days that removed tasks are kept; 0 keeps no contents of them; None keeps all, for ever.
    @param now_ms: returns the time in milliseconds since 1970-01-01 UTC.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        reactor: IReactorThreads,
        clock: IReactorTime,
        keep_removed: int | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._path = path
        self._reactor = reactor
        self._clock = clock
        self._now_ms = now_ms
        self._keeps_contents = keep_removed != 0
        self._keep_ms = None if keep_removed is None else (keep_removed or _TOLD_DAYS) * _DAY_MS
        self._database = TaskDatabase(path, reactor, clock)
        self._has_index = False
        """Whether the index of `changes` is known to be there."""
        self._upgrade: Upgrade | None = None
        self._purge: Purge | None = None

    def open(self) -> Deferred[None]:
        """See ITaskStore. Looks at the file before it returns; an upgrade goes on in a thread."""
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        try:
            if SCHEMA.is_behind(self._path):
                self._upgrade = Upgrade(self._path, self._clock)
                await self._upgrade.run(partial(deferToThreadPool, self._reactor, self._reactor.getThreadPool()))
            self._database.open()
        except Unusable as error:
            raise StoreMisconfigured(str(error)) from None
        finally:
            self._upgrade = None
        self._log.info("tasks are kept in the SQLite file {path}", path=os.path.abspath(self._path))
        if self._keep_ms is not None:
            self._purge = Purge(self._database, self._clock, self._now_ms, self._keep_ms, self._keeps_contents)
            self._purge.start()

    def check(self, deadline: float) -> Deferred[str]:
        """See IStoreCheck."""
        try:
            return succeed(SCHEMA.check(self._path))
        except Unusable as error:
            return fail(StoreMisconfigured(str(error)))

    def close(self) -> Deferred[None]:
        """See ITaskStore. Waits for the statements that are running."""
        if self._upgrade is not None:
            self._upgrade.stop()
        if self._purge is not None:
            self._purge.stop()
        self._database.close()
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore. Looks whether tasks can be read, and written, in the file that the path leads to."""
        return Deferred.fromCoroutine(self._database.look(deadline))

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._database.write_each(writes.add, tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        step = partial(writes.update, now_ms=self._now_ms())
        return self._database.write_each(step, changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._database.read_each(reads.get, refs, deadline)

    def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        step = partial(writes.remove, now_ms=self._now_ms(), keeps_contents=self._keeps_contents)
        return self._database.write_each(step, removals, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._database.read_each(reads.find, queries, deadline, 1)

    def restore(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        now = self._now_ms()
        step = partial(writes.restore, now_ms=now, oldest_ms=0 if self._keep_ms is None else now - self._keep_ms)
        return self._database.write_each(step, refs, deadline)

    def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        """See ITaskStore."""
        return Deferred.fromCoroutine(self._read_changes(change_log.changes, queries, deadline))

    def changed_users(self, syncs: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        """See ITaskStore."""
        return Deferred.fromCoroutine(self._read_changes(change_log.changed_users, syncs, deadline))

    async def _read_changes(self, step: Step[_Item, _Result], items: Sequence[_Item], deadline: float) -> list[_Result]:
        if not self._has_index:
            await self._database.write(writes.index_changes, deadline)
            self._has_index = True
        return await self._database.read_each(step, items, deadline, 0)

    def remove_all(self, user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        """See ITaskStore."""
        return self._database.write_each(writes.remove_all, user_ids, deadline)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        return self._database.read_each(lambda cursor, _: reads.scan(cursor, after_id, limit), [None], deadline)

    def count(self, deadline: float) -> Deferred[int]:
        """See ITaskScan."""
        return self._database.read(reads.count, deadline)

    def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[StoredTask]]:
        """See ITaskCopy."""
        return self._database.read_each(lambda cursor, _: reads.scan_stored(cursor, after_id, limit), [None], deadline)

    def put(self, stored: Sequence[StoredTask], deadline: float) -> Deferred[list[Outcome[bool]]]:
        """See ITaskCopy."""
        return self._database.write_each(writes.put, stored, deadline)

    def discard(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskCopy."""
        return self._database.write_each(writes.discard, refs, deadline)
