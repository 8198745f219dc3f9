"""Tasks in MongoDB: the store itself, from opening to closing.

What an operation is made of is in `mongo_operations`; how a command gets to the right server in time, and is sent again
when that fails, in `mongo_client`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from twisted_tasks.model import ListQuery, Task, TaskChange, TaskRef
from twisted_tasks.storage import mongo_documents as documents
from twisted_tasks.storage.interface import IStoreCheck, ITaskScan, ITaskStore, Outcome, StoreMisconfigured
from twisted_tasks.storage.mongo_backoff import Jitter
from twisted_tasks.storage.mongo_client import Client, State
from twisted_tasks.storage.mongo_operations import Operations, task_error
from twisted_tasks.storage.mongo_options import MongoOptions
from twisted_tasks.storage.mongo_reply import (
    UNAUTHORIZED,
    CommandFailed,
    Misconfigured,
    MongoError,
)
from twisted_tasks.storage.mongo_tls import EndpointMaker
from twisted_tasks.storage.mongo_upkeep import Causes, Upkeep
from twisted_tasks.storage.mongo_uri import read_options

__all__ = ["MongoOptions", "MongoStore"]

_T = TypeVar("_T")
_Item = TypeVar("_Item")

# Unauthorized, UnknownReplWriteConcern, UnsatisfiableWriteConcern: waiting mends none of these.
_NOT_ALLOWED = frozenset({UNAUTHORIZED, 79, 100})


@implementer(ITaskStore, ITaskScan, IStoreCheck)
class MongoStore:
    """An `ITaskStore` in MongoDB.

    @param options: which MongoDB, and how.
    @param reactor: makes connections.
    @param clock: what deadlines are told on; its `seconds` never goes back.
    @param jitter: what pauses are varied by.
    @param resolver: an IResolver for mongodb+srv; None asks the name servers the machine asks.
    @raise ValueError: the options ask for what cannot be done, in one sentence. Nothing is opened before `open`.
    """

    def __init__(
        self,
        options: MongoOptions,
        reactor: Any,
        clock: IReactorTime,
        jitter: Jitter = random.random,
        resolver: Any = None,
    ) -> None:
        self._config = read_options(options)
        self._reactor = reactor
        self._clock = clock
        self._resolver = resolver
        endpoints = EndpointMaker(reactor, self._config.tls, self._config.connect_timeout)
        self._client = Client(self._config, endpoints, clock, jitter)
        self._causes = Causes(clock)
        self._operations = Operations(self._client, self._causes.note)
        self._upkeep = Upkeep(self._client, self._causes, clock, jitter)
        self._closed = False

    # ITaskStore.

    def open(self) -> Deferred[None]:
        """See ITaskStore. Ends with the first attempt to connect.

        A store that fails to open goes on trying until it is closed: somebody may set the password right.
        """
        return Deferred.fromCoroutine(self._open())

    def close(self) -> Deferred[None]:
        """See ITaskStore."""
        self._closed = True
        self._client.close()
        self._upkeep.stop()
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore. Goes as far as a write that changes nothing, confirmed by the primary's majority."""
        return Deferred.fromCoroutine(self._told(self._ping(deadline)))

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._operations.add, tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._operations.update, changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._each(self._operations.get, refs, deadline)

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._each(self._operations.remove, refs, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._parts(self._operations.find, queries, documents.shares(queries), deadline)

    def scan(self, after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """See ITaskScan."""
        return Deferred.fromCoroutine(self._told(self._operations.scan(after_id, limit, deadline)))

    # Lifecycle.

    def state(self) -> State:
        """Return how the connections are, for metrics."""
        return self._client.state()

    def check(self, deadline: float) -> Deferred[str]:
        """See IStoreCheck. Logs in, and goes as far as a write that changes nothing."""
        return Deferred.fromCoroutine(self._check(deadline))

    async def _check(self, deadline: float) -> str:
        self._upkeep.start_client(self._reactor, self._resolver)
        try:
            await self._operations.ping(deadline)
        except MongoError as error:
            raise StoreMisconfigured(self._explain(error)) from None
        finally:
            primary = self._client.topology.primary
            self.close()
        return f"MongoDB at {primary} works; tasks are in the database {self._config.database}"

    async def _open(self) -> None:
        self._upkeep.start_client(self._reactor, self._resolver)
        await self._client.settled
        if self._closed:
            return
        self._upkeep.start_index()
        trouble = self._client.pool.trouble
        if trouble is None or isinstance(trouble, Misconfigured):
            try:
                await self._ping(self._clock.seconds() + self._config.connect_timeout)
            except MongoError as error:
                self._causes.note(error)

    async def _ping(self, deadline: float) -> None:
        try:
            await self._operations.ping(deadline)
        except MongoError as error:
            if isinstance(error, Misconfigured) or (isinstance(error, CommandFailed) and error.code in _NOT_ALLOWED):
                raise StoreMisconfigured(self._explain(error)) from None
            raise

    def _explain(self, error: MongoError) -> str:
        """Return why the database cannot be used, for the operator."""
        if isinstance(error, Misconfigured):
            return str(error)
        if isinstance(error, CommandFailed):
            if error.code == UNAUTHORIZED:
                who = self._config.credentials.username if self._config.credentials else None
                login = f"user {who}" if who else "a client without a login"
                return f"MongoDB does not let {login} write to the database {self._config.database}"
            return f"MongoDB refuses to work: {error.message}"
        silence = "; ".join(f"{address}: {why}" for address, why in self._client.topology.silence.items())
        return f"MongoDB cannot be used: {error}" + (f" ({silence})" if silence and silence not in str(error) else "")

    # Running operations.

    def _each(
        self,
        operation: Callable[[Sequence[_Item], float], Coroutine[Any, Any, list[Outcome[_T]]]],
        items: Sequence[_Item],
        deadline: float,
    ) -> Deferred[list[Outcome[_T]]]:
        if 0 < len(items) <= documents.MOST_ITEMS:
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
        return Deferred.fromCoroutine(self._told(_together(len(items), parts, running)))

    async def _told(self, operation: Awaitable[_T]) -> _T:
        """Let a failed operation fail with what its caller is told, and the log have the cause."""
        try:
            return await operation
        except MongoError as error:
            if not self._closed:
                self._causes.note(error)
            raise task_error(error) from None


async def _together(
    size: int, parts: Sequence[Sequence[int]], running: Sequence[Coroutine[Any, Any, list[Outcome[_T]]]]
) -> list[Outcome[_T]]:
    """Wait for all parts of a batch and return their outcomes in the batch's order.

    Raises what one of them raised: a bug rather than the database's troubles, which are alike.
    """
    results: list[tuple[bool, Any]] = await DeferredList(
        [Deferred.fromCoroutine(part) for part in running], consumeErrors=True
    )
    failures = [result for worked, result in results if not worked]
    for failure in sorted(failures, key=lambda failure: failure.check(MongoError) is not None):
        failure.raiseException()
    outcomes: list[Any] = [None] * size
    for part, (_, result) in zip(parts, results, strict=True):
        for place, outcome in zip(part, result, strict=True):
            outcomes[place] = outcome
    return outcomes


def _chunks(size: int) -> list[Sequence[int]]:
    return [range(start, min(size, start + documents.MOST_ITEMS)) for start in range(0, size, documents.MOST_ITEMS)]
