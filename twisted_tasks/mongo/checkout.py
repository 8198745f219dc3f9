"""Which of the ready connections an operation gets, and how it waits for one.

Waiting ends at the deadline, and ends nothing but the waiting.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import Misconfigured, MongoError, NotConnected

MAX_IN_FLIGHT = 4
"""Commands in flight on one connection. Enough to keep a server busy while a reply travels; more would only wait
behind each other there, where they cannot be given to another connection."""


class Checkout:
    """Ready connections, and those who wait for one.

    @ivar ready: connections that can be given out. Whoever adds one calls `serve`.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.ready: list[MongoConnection] = []
        self._clock = clock
        self._waiters: dict[Deferred[MongoConnection], None] = {}  # a dict for its order and its cheap removal

    @property
    def in_flight(self) -> int:
        """Commands sent whose replies have not come."""
        return sum(connection.inflight() for connection in self.ready)

    @property
    def waiting(self) -> int:
        """Operations that wait for a connection."""
        return len(self._waiters)

    def choose(self) -> MongoConnection | None:
        """Return the ready connection with the least in flight, or None when all are busy or there is none."""
        if self._waiters:
            return None  # they were here first
        return self._best()

    def wait(self, deadline: float) -> Deferred[MongoConnection]:
        """Return a connection as soon as there is one. Fails with NotConnected at the deadline."""
        waiter: Deferred[MongoConnection] = Deferred(self._forget)
        self._waiters[waiter] = None
        timer = self._clock.callLater(max(0.0, deadline - self._clock.seconds()), self._give_up, waiter)
        self.serve()

        def stop(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return waiter.addBoth(stop)

    def serve(self) -> None:
        """Give connections to those who wait. To be called whenever one is ready, or a reply has come."""
        while self._waiters and (connection := self._best()) is not None:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            waiter.callback(connection)

    def refuse(self, error: MongoError) -> None:
        """Let all who wait fail."""
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.errback(anew(error))

    def _best(self) -> MongoConnection | None:
        best, least = None, MAX_IN_FLIGHT
        now = self._clock.seconds()
        for connection in self.ready:
            in_flight = connection.inflight()
            if in_flight == 0:
                return connection
            if in_flight < least and not connection.stalled(now):
                best, least = connection, in_flight
        return best

    def _give_up(self, waiter: Deferred[MongoConnection]) -> None:
        self._forget(waiter)
        waiter.errback(NotConnected("no connection was free in time"))

    def _forget(self, waiter: Deferred[MongoConnection]) -> None:
        self._waiters.pop(waiter, None)


def anew(error: MongoError) -> MongoError:
    """Return an error that says the same: one that is raised again and again would collect tracebacks for ever."""
    return (Misconfigured if isinstance(error, Misconfigured) else NotConnected)(str(error))
