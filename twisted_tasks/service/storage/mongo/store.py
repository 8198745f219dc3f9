"""Tasks in MongoDB: the store itself, from opening to closing.

What an operation is made of is in `operations`. How a command gets to the right server in time, and is sent again when
that fails, is in `mongo.client`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import time_ns
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
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
from twisted_tasks.mongo.backoff import Jitter
from twisted_tasks.mongo.client import ClientState
from twisted_tasks.mongo.database import MongoDatabase
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import Misconfigured, MongoError
from twisted_tasks.reactor import INetworkReactor
from twisted_tasks.service.storage.interface import (
    IStoreCheck,
    ITaskCopy,
    ITaskStore,
    Outcome,
    StoreMisconfigured,
)
from twisted_tasks.service.storage.mongo import documents, inspection, paging, reads, removed, writes
from twisted_tasks.service.storage.mongo.access import DatabaseAccess, task_error
from twisted_tasks.service.storage.mongo.changed_users import ChangedUsers
from twisted_tasks.service.storage.mongo.changes import SYNC_INDEX, ChangeListing
from twisted_tasks.service.storage.mongo.copying import Copying
from twisted_tasks.service.storage.mongo.emptying import Emptying
from twisted_tasks.service.storage.mongo.operations import Operations
from twisted_tasks.service.storage.mongo.removal import Removal
from twisted_tasks.service.storage.mongo.restoring import Restoring
from twisted_tasks.service.storage.mongo.skipped import Skipped
from twisted_tasks.service.storage.mongo.store_id import StoreId
from twisted_tasks.service.storage.mongo.together import run_parts
from twisted_tasks.service.storage.mongo.updating import Updating

__all__ = ["MongoOptions", "MongoStore"]

_log = Logger()

_T = TypeVar("_T")
_Item = TypeVar("_Item")


def _now_ms() -> int:
    return time_ns() // 1_000_000


@implementer(ITaskStore, ITaskCopy, IStoreCheck)
class MongoStore:
    """An `ITaskStore` in MongoDB.

    @param options: which MongoDB, and how.
    @param reactor: makes connections.
    @param clock: what deadlines are told on; its `seconds` never goes back.
    @param jitter: what pauses are varied by.
    @param resolver: an IResolver for mongodb+srv; None asks the name servers the machine asks.
    @param keep_removed: days that removed tasks are kept; 0 keeps no contents of them; None keeps all, for ever.
    @param sync: whether to make the index of `changes` from the start, and not when it is first called.
    @param now_ms: returns the time in milliseconds since 1970-01-01 UTC.
    @raise ValueError: the options ask for what cannot be done, in one sentence. Nothing is opened before `open`.
    """

    def __init__(
        self,
        options: MongoOptions,
        reactor: INetworkReactor,
        clock: IReactorTime,
        jitter: Jitter = random.random,
        resolver: Any = None,
        *,
        keep_removed: int | None = None,
        sync: bool = False,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._database = MongoDatabase(options, reactor, clock, jitter, resolver)
        skipped = Skipped(self._database.config.database)
        access = DatabaseAccess(self._database.commands, self._database.causes.note, skipped.note)
        self._operations = Operations(access, now_ms)
        self._removal = Removal(access, clock, keep_removed != 0)
        self._updating = Updating(access, self._removal.was_changed)
        self._restoring = Restoring(access)
        store_id = StoreId(access.commands)
        durable = access._replace(commands=access.commands.durable())
        self._changes = ChangeListing(durable, Operations(durable, now_ms), store_id)
        self._changed_users = ChangedUsers(durable, store_id)
        self._emptying = Emptying(access)
        self._copying = Copying(access)
        self._sync = sync
        self._changes_indexed = False
        self._keep_removed = keep_removed

    # ITaskStore.

    def open(self) -> Deferred[None]:
        """See ITaskStore. Ends with the first attempt to connect.

        A store that fails to open goes on trying until it is closed: somebody may set the password right.
        """
        return Deferred.fromCoroutine(self._open())

    def close(self) -> Deferred[None]:
        """See ITaskStore."""
        self._database.close()
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore. Goes as far as a write that changes nothing, confirmed by the primary's majority."""
        return Deferred.fromCoroutine(self._told(self._ping(deadline)))

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._operations.add, tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._updating.update, changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._operations.get, refs, deadline)

    def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._each(self._removal.remove, removals, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._parts(self._operations.find, queries, paging.shares(queries), deadline)

    def restore(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._restoring.restore, refs, deadline)

    def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        """See ITaskStore. The first call makes the index, in the background."""
        self._index_changes()
        return self._each(self._changes.changes, queries, deadline)

    def changed_users(self, asked: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        """See ITaskStore."""
        self._index_changes()
        if not asked:
            return succeed([])
        return Deferred.fromCoroutine(self._told(self._changed_users.changed_users(asked, deadline)))

    def remove_all(self, user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        """See ITaskStore."""
        return self._each(self._emptying.remove_all, user_ids, deadline)

    def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[StoredTask]]:
        """See ITaskCopy."""
        return Deferred.fromCoroutine(self._told(self._copying.scan_stored(after_id, limit, deadline)))

    def put(self, stored: Sequence[StoredTask], deadline: float) -> Deferred[list[Outcome[bool]]]:
        """See ITaskCopy."""
        return self._each(self._copying.put, stored, deadline)

    def discard(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskCopy."""
        return self._each(self._copying.discard, refs, deadline)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        return Deferred.fromCoroutine(self._told(self._operations.scan(after_id, limit, deadline)))

    def count(self, deadline: float) -> Deferred[int]:
        """See ITaskScan."""
        return Deferred.fromCoroutine(self._told(self._operations.count(deadline)))

    # Lifecycle.

    def state(self) -> ClientState:
        """Return how the connections are, for metrics."""
        return self._database.client.state()

    def check(self, deadline: float) -> Deferred[str]:
        """See IStoreCheck. Logs in, and goes as far as a write that changes nothing."""
        return Deferred.fromCoroutine(self._check(deadline))

    async def _check(self, deadline: float) -> str:
        self._database.start()
        try:
            await self._operations.ping(deadline)
            refusals = await self._inspect(deadline)
        except MongoError as error:
            raise StoreMisconfigured(self._database.explain(error)) from None
        finally:
            primary = self._database.client.topology.primary
            self.close()
        if refusals:
            raise StoreMisconfigured("; ".join(refusals))
        return f"MongoDB at {primary} works; tasks are in the database {self._database.config.database}"

    async def _inspect(self, deadline: float) -> list[str]:
        """Return what somebody has set up that will refuse tasks, one sentence each."""
        commands = self._database.commands
        collections = await commands.find(inspection.list_collection(), deadline)
        if not collections:
            return []
        view = inspection.is_view(collections)
        indexes = [] if view else await commands.find(inspection.list_indexes(), deadline)
        validator = None if view else inspection.validator_of(collections)
        let_in = None if validator is None else await commands.find(inspection.try_validator(validator), deadline)
        return inspection.judge(collections, indexes, None if let_in is None else len(let_in))

    async def _open(self) -> None:
        _log.info("tasks are kept in {where}", where=self._database.config.where())
        for index in (documents.INDEX, *removed.indexes(self._keep_removed)):
            self._database.keep_index(index)
        if self._sync:
            self._index_changes()
        try:
            await self._database.open(writes.change_nothing())
        except Misconfigured as error:
            raise StoreMisconfigured(str(error)) from None

    async def _ping(self, deadline: float) -> None:
        try:
            await self._database.ping(writes.change_nothing(), deadline)
        except Misconfigured as error:
            raise StoreMisconfigured(str(error)) from None

    def _index_changes(self) -> None:
        if not self._changes_indexed:
            self._changes_indexed = True
            self._database.keep_index(SYNC_INDEX)

    # Running operations.

    def _each(
        self,
        operation: Callable[[Sequence[_Item], float], Coroutine[Any, Any, list[Outcome[_T]]]],
        items: Sequence[_Item],
        deadline: float,
    ) -> Deferred[list[Outcome[_T]]]:
        if 0 < len(items) <= reads.MOST_ITEMS:
            return Deferred.fromCoroutine(self._told(operation(items, deadline)))
        return self._parts(operation, items, _chunks(len(items)), deadline)

    def _parts(
        self,
        operation: Callable[[Sequence[_Item], float], Coroutine[Any, Any, list[Outcome[_T]]]],
        items: Sequence[_Item],
        parts: Sequence[Sequence[int]],
        deadline: float,
    ) -> Deferred[list[Outcome[_T]]]:
        """Run the parts of a batch, each given by the places of its items, at once. When one fails, the batch does."""
        if len(parts) == 1:
            return Deferred.fromCoroutine(self._told(operation(items, deadline)))
        running = [operation([items[place] for place in part], deadline) for part in parts]
        return Deferred.fromCoroutine(self._told(run_parts(len(items), parts, running)))

    async def _told(self, operation: Awaitable[_T]) -> _T:
        """Let a failed operation fail with what its caller is told, and the log have the cause."""
        try:
            return await operation
        except MongoError as error:
            if not self._database.closed:
                self._database.causes.note(error)
            raise task_error(error) from None


def _chunks(size: int) -> list[Sequence[int]]:
    return [range(start, min(size, start + reads.MOST_ITEMS)) for start in range(0, size, reads.MOST_ITEMS)]
