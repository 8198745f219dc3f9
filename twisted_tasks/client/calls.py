"""How a call goes: a turn (so many in flight), a connection (or a wait for one), its reply; and again where that helps.

A failure that may pass makes a call go again, after a pause, as long as its deadline allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from twisted_tasks.client.backoff import backoff
from twisted_tasks.client.codec import Method
from twisted_tasks.client.connection import TasksConnection
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

_T = TypeVar("_T")

RETRY = backoff(0.05, 2.0)
"""Pauses of one call between its attempts, after the service answered that it cannot now."""


class Calls:
    """Makes calls over a client's connections, and repeats them inside their deadlines.

    @param gate: how many calls may be under way.
    @param clock: tells deadlines, and runs pauses.
    @param patient: whether a call waits for a connection until its deadline; False lets it fail as Unreachable once
        every address was tried in vain.
    @param running: whether calls are taken.

    @ivar links: the connections; to be set before the first call.
    """

    def __init__(self, gate: Gate, clock: IReactorTime, patient: bool, running: Callable[[], bool]) -> None:
        self.links: Sequence[Link] = ()
        self._gate = gate
        self._clock = clock
        self._patient = patient
        self._running = running
        self._waiting: dict[Deferred[None], None] = {}  # in the order in which they came

    async def call(
        self, method: Method, arguments: tuple[Any, ...], convert: Callable[[Any, bool], _T], timeout: float
    ) -> _T:
        """Make a call, and return what `convert` makes of its reply.

        @param convert: given the reply, and whether an attempt before it may have been done without an answer.
        """
        deadline = await self.enter(timeout)
        try:
            return await self.answer(method, arguments, convert, deadline, timeout)
        finally:
            self.leave()

    async def enter(self, timeout: float) -> float:
        """Wait for a turn, and return the deadline. `leave` has to follow."""
        self.must_run()
        deadline = self._clock.seconds() + timeout
        await self._gate.enter(timeout)
        return deadline

    def leave(self) -> None:
        """End a turn."""
        self._gate.leave()

    async def close(self) -> None:
        """Wait until every call has ended, and end the connections."""
        await self._gate.empty()
        await gatherResults([link.stop() for link in self.links])

    def must_run(self) -> None:
        """Raise Unreachable when no calls are taken."""
        if not self._running():
            raise Unreachable("the client is not running: start it first, and call nothing after close()")

    def sleep(self, seconds: float) -> Deferred[None]:
        """Fire after so many seconds."""
        return deferLater(self._clock, seconds)

    async def answer(
        self,
        method: Method,
        arguments: tuple[Any, ...],
        convert: Callable[[Any, bool], _T],
        deadline: float,
        timeout: float,
    ) -> _T:
        """Make a call within a turn. See `call`."""
        result, in_doubt = await self._repeat(method, arguments, deadline, timeout)
        try:
            return convert(result, in_doubt)
        except (ValueError, TypeError, AttributeError) as error:
            raise BadReply(f"the reply to {method.name} makes no sense: {error}") from error

    async def _repeat(
        self, method: Method, arguments: tuple[Any, ...], deadline: float, timeout: float
    ) -> tuple[Any, bool]:
        """Try until there is an answer that repeating would not change, or the deadline has come.

        Return it, and whether an attempt before may have been done.
        """
        in_doubt = False  # whether an attempt may have been done although it brought no answer
        told: TaskError | None = None  # what the service said of an earlier attempt, if that holds for the whole
        failures = 0
        while True:
            try:
                return await self._attempt(method, arguments, deadline), in_doubt
            except TaskNotFound:
                if method.name == "remove" and in_doubt:
                    return None, in_doubt
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
                pause = RETRY(failures)
                if self._clock.seconds() + pause >= deadline:
                    if isinstance(error, Disconnected) or (in_doubt and isinstance(error, Overloaded)):
                        raise told or self._in_doubt(timeout) from error
                    raise
                await self.sleep(pause)

    async def _attempt(self, method: Method, arguments: tuple[Any, ...], deadline: float) -> Any:
        connection = self._connection()
        while connection is None:
            await self._wait(deadline - self._clock.seconds())
            connection = self._connection()
        reply = connection.call(method, arguments)
        reply.addTimeout(max(0.0, deadline - self._clock.seconds()), self._clock, _no_reply)
        return await reply

    def _connection(self) -> TasksConnection | None:
        """Return the connection with fewest replies due, if there is any."""
        if len(self.links) == 1:
            return self.links[0].connection
        there = [link.connection for link in self.links if link.connection is not None]
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

    # Neither of these ends the waiting at once. A call that goes on may fail, and its caller may then close the client,
    # before ClientService knows how its attempt ended.

    def connected(self) -> None:
        """Called when there is a connection."""
        if self._waiting:
            self._clock.callLater(0, self._end_waiting, True)

    def not_connected(self) -> None:
        """Called when every address of a link was tried in vain."""
        if self._waiting and not self._patient and all(link.connection is None for link in self.links):
            self._clock.callLater(0, self._end_waiting, False)

    def _end_waiting(self, connected: bool) -> None:
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            if not waiter.called:  # somebody may cancel one when another one ends
                waiter.callback(None if connected else Failure(_NoConnection()))

    def _trouble(self) -> str:
        """Return why there is no connection, as the end of a sentence; empty when nothing is known."""
        return next((f": {link.trouble}" for link in self.links if link.trouble and not link.works), "")

    def _in_doubt(self, timeout: float) -> TaskError:
        return DeadlineExceeded(
            f"no answer within {timeout:g} s; a write may have been done all the same{self._trouble()}"
        )


class _NoConnection(Exception):
    """There is none, and no time or will to wait for one."""


class _NoReply(Exception):
    """The deadline came before the reply."""


def _no_connection(result: object, timeout: float) -> Failure:
    return Failure(_NoConnection())


def _no_reply(result: object, timeout: float) -> Failure:
    return Failure(_NoReply())
