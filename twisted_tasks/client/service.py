"""The client of the Tasks service, for programs that run on Twisted. docs/client.md shows its use.

A call goes: gate (so many in flight) -> a connection (or wait for one) -> its reply; a failure that may pass makes it
go again, after a pause, as long as its deadline allows. Every call can be repeated without harm: `add` carries a key,
and a `remove` that is asked again and finds nothing has succeeded before.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from twisted_tasks.client.backoff import Backoff
from twisted_tasks.client.codec import METHODS
from twisted_tasks.client.connection import TasksConnection
from twisted_tasks.client.endpoints import Failover, Server, parse
from twisted_tasks.client.errors import (
    REPEATABLE,
    BadReply,
    DeadlineExceeded,
    Disconnected,
    Overloaded,
    StoreUnavailable,
    TaskError,
    TaskNotFound,
    Unreachable,
)
from twisted_tasks.client.gate import Gate
from twisted_tasks.client.link import Link
from twisted_tasks.convert import from_thrift
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import PAGE_MAX, Task

_T = TypeVar("_T")

_RETRY = Backoff(0.05, 2.0)
"""Pauses of one call between its attempts, after the service answered that it cannot now."""
_RECONNECT = Backoff(0.1, 5.0)
"""Pauses between attempts to connect. A service that comes back is found within this and a connect."""


class Page(NamedTuple):
    """One page of a user's tasks; `next` is the cursor of the following one, None on the last."""

    tasks: list[Task]
    next: str | None


class Health(NamedTuple):
    """Whether the service's last look at its store found it working, and one sentence for people."""

    ok: bool
    message: str


class TasksClient(Service):
    """Calls the Tasks service over connections that are kept alive.

    To be started and stopped as any service (`setServiceParent`), or by hand. Methods are those of tasks.thrift; each
    returns a Deferred, fails with a `TaskError` (`twisted_tasks.client.errors`), and takes `timeout`, the seconds it
    may take in all. Cancelling one forgets its reply: a write may be done all the same.

    @param server: where the service is; several addresses are tried in turn. See `endpoints.Server`.
    @param reactor: connects and keeps time; may be an IReactorTime alone when every server is an endpoint.
    @param timeout: seconds for each call that is given none of its own.
    @param connections: how many to keep. One is enough for thousands of calls a second; more spread them over several
        processes behind one address.
    @param max_in_flight: calls under way at once. Others wait for their turn, inside their deadline.
    @param max_waiting: calls that may wait so; one more fails at once with Overloaded.
    @param silence: seconds a connection may bring nothing while a reply is due, before it is replaced.
    @param ping_interval: seconds without a call after which an idle connection is tried.
    @param connect_timeout: seconds for each attempt to connect to one address.
    @param patient: whether a call waits for a connection until its deadline; False lets it fail as Unreachable once
        every address was tried in vain, which is what somebody who sits in front of it prefers.
    @param tls: see `endpoints.parse`.
    @raise ValueError: when an address makes no sense.
    """

    def __init__(
        self,
        server: Server | Sequence[Server],
        reactor: Any,
        *,
        timeout: float = 10.0,
        connections: int = 1,
        max_in_flight: int = 256,
        max_waiting: int = 10_000,
        silence: float = 2.0,
        ping_interval: float = 15.0,
        connect_timeout: float = 3.0,
        patient: bool = True,
        tls: Callable[[str], Any] | None = None,
    ) -> None:
        servers: list[Server] = [*server] if isinstance(server, list | tuple) else [cast(Server, server)]
        if not servers or connections < 1 or max_in_flight < 1:
            raise ValueError("a client needs at least one address, one connection and one call in flight")
        endpoints = [parse(reactor, one, tls) for one in servers]
        self._clock = IReactorTime(reactor)
        self._timeout = timeout
        self._patient = patient
        self._gate = Gate(max_in_flight, max_waiting, self._clock)
        self._waiting: dict[Deferred[None], None] = {}  # in the order in which they came
        self._links = [
            Link(
                Failover(endpoints, self._clock, connect_timeout, number),
                self._clock,
                silence,
                ping_interval,
                _RECONNECT,
                self._connected,
                self._not_connected,
            )
            for number in range(connections)
        ]

    # The service.

    def startService(self) -> None:
        """Connect, and stay connected. Calls may follow at once."""
        if not self.running:
            super().startService()
            for link in self._links:
                link.start()

    def stopService(self) -> Deferred[None]:
        """See `close`."""
        return self.close()

    def close(self) -> Deferred[None]:
        """Take no further call, wait for those in flight (each ends by its deadline), and end the connections.

        Fires when that is done. Never fails.
        """
        if self.running:
            super().stopService()
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        await self._gate.empty()
        await gatherResults([link.stop() for link in self._links])

    def when_ready(self) -> Deferred[None]:
        """Fire when the service answers that it is ready. Waits as long as that takes: bound it with `addTimeout`."""
        return Deferred.fromCoroutine(self._when_ready())

    async def _when_ready(self) -> None:
        failures = 0
        while True:
            try:
                if (await self.check()).ok:
                    return
            except (*REPEATABLE, Unreachable):
                self._must_run()
            failures += 1
            await self._sleep(_RETRY.pause(failures))

    # The calls of the IDL.

    def all(self, user_id: str, *, timeout: float | None = None) -> Deferred[list[Task]]:
        """Return every task of this user, newest first. In one reply: for long lists, see `walk`."""
        return self._start("all", (user_id,), _tasks, timeout)

    def add(
        self, user_id: str, name: str = "", key: str | None = None, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task that is not done.

        @param key: calls with the same user and key make one task only, whoever makes them and when. None is a new one:
            then this call is safe to repeat for the client alone.
        """
        return self._start("add", (user_id, name, secrets.token_hex(16) if key is None else key), _task, timeout)

    def update(
        self,
        task_id: str,
        user_id: str,
        name: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Set what is given, leave what is None, and return the task as it then is."""
        return self._start("update", (task_id, name, done, user_id), _task, timeout)

    def upsert(
        self,
        user_id: str,
        task_id: str | None = None,
        name: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Without an id add a task, with `done`; with an id update that one.

        The IDL's `upsert` takes no key, so that adding by it cannot be repeated: this adds by `add`, and a task that is
        done is marked so by `update`. Somebody who looks between the two sees it not done.
        """
        if task_id is not None:
            return self._start("upsert", (ttypes.Task(task_id, user_id, name, None, done),), _task, timeout)
        return Deferred.fromCoroutine(self._add_done(user_id, name or "", secrets.token_hex(16), bool(done), timeout))

    def get(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[Task]:
        """Return the task of this id."""
        return self._start("get", (task_id, user_id), _task, timeout)

    def remove(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[None]:
        """Remove the task of this id. Finding none after an attempt whose outcome is unknown counts as success."""
        return self._start("remove", (task_id, user_id), lambda _: None, timeout)

    def page(
        self,
        user_id: str,
        limit: int | None = None,
        cursor: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Page]:
        """Return up to `limit` tasks (1 to 1000; 100 when None), newest first, and the cursor of the next page."""
        return self._start("page", (user_id, limit, cursor, done), _page, timeout)

    def check(self, *, timeout: float | None = None) -> Deferred[Health]:
        """Return how the service says it is."""
        return self._start("check", (), lambda health: Health(bool(health.ok), health.message or ""), timeout)

    # What is made of them.

    def add_done(
        self, user_id: str, name: str, key: str, done: bool, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task under a key, done or not; both steps are repeated inside one deadline. See `upsert`."""
        return Deferred.fromCoroutine(self._add_done(user_id, name, key, done, timeout))

    async def _add_done(self, user_id: str, name: str, key: str, done: bool, timeout: float | None) -> Task:
        timeout = self._timeout if timeout is None else timeout
        deadline = await self._enter(timeout)  # one turn for both steps, so that close() waits for the second one too
        try:
            task = await self._answer("add", (user_id, name, key), _task, deadline, timeout)
            if done and not task.done:
                task = await self._answer("update", (task.id, None, True, user_id), _task, deadline, timeout)
            return task
        finally:
            self._gate.leave()

    async def walk(
        self, user_id: str, done: bool | None = None, *, limit: int = PAGE_MAX, timeout: float | None = None
    ) -> AsyncIterator[Task]:
        """Yield every task of this user, newest first, page by page; the timeout is of each page."""
        cursor: str | None = None
        while True:
            tasks, cursor = await self.page(user_id, limit, cursor, done, timeout=timeout)
            for task in tasks:
                yield task
            if cursor is None:
                return

    # How a call goes.

    def _start(
        self, name: str, arguments: tuple[Any, ...], convert: Callable[[Any], _T], timeout: float | None
    ) -> Deferred[_T]:
        return Deferred.fromCoroutine(
            self._call(name, arguments, convert, self._timeout if timeout is None else timeout)
        )

    async def _call(self, name: str, arguments: tuple[Any, ...], convert: Callable[[Any], _T], timeout: float) -> _T:
        deadline = await self._enter(timeout)
        try:
            return await self._answer(name, arguments, convert, deadline, timeout)
        finally:
            self._gate.leave()

    async def _enter(self, timeout: float) -> float:
        """Wait for a turn, and return the deadline. `self._gate.leave()` has to follow."""
        self._must_run()
        deadline = self._clock.seconds() + timeout
        await self._gate.enter(timeout)
        return deadline

    async def _answer(
        self, name: str, arguments: tuple[Any, ...], convert: Callable[[Any], _T], deadline: float, timeout: float
    ) -> _T:
        result = await self._repeat(name, arguments, deadline, timeout)
        try:
            return convert(result)
        except (ValueError, TypeError, AttributeError) as error:
            raise BadReply(f"the reply to {name} makes no sense: {error}") from error

    async def _repeat(self, name: str, arguments: tuple[Any, ...], deadline: float, timeout: float) -> Any:
        """Try until there is an answer that repeating would not change, or the deadline has come."""
        in_doubt = False  # whether an attempt may have been done although it brought no answer
        told: TaskError | None = None  # what the service said of an earlier attempt, if that holds for the whole
        failures = 0
        while True:
            try:
                return await self._attempt(name, arguments, deadline, timeout)
            except TaskNotFound:
                if name == "remove" and in_doubt:
                    return None
                raise
            except _NoConnection as error:
                if in_doubt:
                    raise told or self._in_doubt(timeout) from error
                late = f" within {timeout:g} s" if self._clock.seconds() >= deadline else ""
                raise Unreachable(f"no connection{late}{self._trouble()}") from error
            except _NoReply as error:
                raise told or self._in_doubt(timeout) from error
            except REPEATABLE as error:
                in_doubt = in_doubt or not isinstance(error, Overloaded)
                if isinstance(error, StoreUnavailable | DeadlineExceeded):
                    told = error
                # A new connection is at hand, or will be waited for: no need to pause before the first one.
                failures += not (isinstance(error, Disconnected) and not failures)
                pause = _RETRY.pause(failures)
                if self._clock.seconds() + pause >= deadline:
                    if isinstance(error, Disconnected) or (in_doubt and isinstance(error, Overloaded)):
                        raise told or self._in_doubt(timeout) from error
                    raise
                await self._sleep(pause)

    async def _attempt(self, name: str, arguments: tuple[Any, ...], deadline: float, timeout: float) -> Any:
        connection = self._connection()
        while connection is None:
            await self._wait(deadline - self._clock.seconds())
            connection = self._connection()
        reply = connection.call(METHODS[name], arguments)
        reply.addTimeout(max(0.0, deadline - self._clock.seconds()), self._clock, _no_reply)
        return await reply

    def _connection(self) -> TasksConnection | None:
        """Return the connection with fewest replies due, if there is any."""
        if len(self._links) == 1:
            return self._links[0].connection
        there = [link.connection for link in self._links if link.connection is not None]
        return min(there, key=lambda connection: connection.pending, default=None)

    async def _wait(self, remaining: float) -> None:
        """Wait until there is a connection. Raises _NoConnection when none comes in time."""
        waiter: Deferred[None] = Deferred()
        self._waiting[waiter] = None
        waiter.addTimeout(max(0.0, remaining), self._clock, _no_connection)
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    # Neither ends the waiting at once: ClientService has to know first how its attempt ended, since a call can fail as
    # soon as it goes on, and its caller close us.

    def _connected(self) -> None:
        if self._waiting:
            self._clock.callLater(0, self._end_waiting, True)

    def _not_connected(self) -> None:
        if self._waiting and not self._patient and all(link.connection is None for link in self._links):
            self._clock.callLater(0, self._end_waiting, False)

    def _end_waiting(self, connected: bool) -> None:
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            if not waiter.called:  # somebody may cancel one when another one ends
                waiter.callback(None if connected else Failure(_NoConnection()))

    def _trouble(self) -> str:
        """Return why there is no connection, as the end of a sentence; empty when nothing is known."""
        return next((f": {link.trouble}" for link in self._links if link.trouble and not link.works), "")

    def _in_doubt(self, timeout: float) -> TaskError:
        return DeadlineExceeded(
            f"no answer within {timeout:g} s; a write may have been done all the same{self._trouble()}"
        )

    def _must_run(self) -> None:
        if not self.running:
            raise Unreachable("the client is not running: start it first, and call nothing after close()")

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds)


class _NoConnection(Exception):
    """There is none, and no time or will to wait for one."""


class _NoReply(Exception):
    """The deadline came before the reply."""


def _no_connection(result: object, timeout: float) -> Failure:
    return Failure(_NoConnection())


def _no_reply(result: object, timeout: float) -> Failure:
    return Failure(_NoReply())


def _task(task: ttypes.Task) -> Task:
    return from_thrift(task)


def _tasks(tasks: list[ttypes.Task]) -> list[Task]:
    return [from_thrift(task) for task in tasks]


def _page(page: ttypes.TaskPage) -> Page:
    return Page(_tasks(page.tasks), page.next)
