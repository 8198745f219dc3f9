"""Connections to the primary, and who gets which.

The pool is kept full while the primary answers. A caller gets a ready connection with the least in flight, at once if
there is one (`choose`) and else when there is one, or not at all by its deadline (`wait`): waiting ends nothing but
the waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.storage.mongo_backoff import Backoff, Jitter, sleep
from twisted_tasks.storage.mongo_connection import Connection, Dialer
from twisted_tasks.storage.mongo_reply import Misconfigured, MongoError, NotConnected
from twisted_tasks.storage.mongo_topology import BACKOFF_FIRST, BACKOFF_LONGEST, Listener
from twisted_tasks.storage.mongo_uri import Address

MAX_IN_FLIGHT = 4
"""Commands in flight on one connection. Enough to keep a server busy while a reply travels; more would only wait
behind each other there, where they cannot be given to another connection."""
MAX_OPENING = 2
"""Connections being made at once: each costs the server a login, and a primary just elected has other things to do."""
_SHORT_LIFE = 1.0
"""Seconds. A connection that ended sooner counts as one that could not be made."""

Heard = Callable[[Address, Any], None]


class Pool(Listener):
    """Connections to whatever server is primary.

    @param size: how many.
    @param heard: told what a server answers to `hello` (`Topology.heard`).

    @ivar ready: connections that can be given out.
    @ivar opened: connections made so far.
    @ivar trouble: why there is no connection, or None while there is one.
    @ivar settled: fires when the first attempt to reach the primary has ended, whichever way.
    """

    _log = Logger()

    def __init__(self, size: int, dialer: Dialer, clock: IReactorTime, jitter: Jitter, heard: Heard) -> None:
        self.ready: list[Connection] = []
        self.opened = 0
        self.trouble: MongoError | None = NotConnected("no MongoDB server has answered yet")
        self.settled: Deferred[None] = Deferred()
        self._size = size
        self._dialer = dialer
        self._clock = clock
        self._heard = heard
        self._backoff = Backoff(BACKOFF_FIRST, BACKOFF_LONGEST, jitter)
        self._target: Address | None = None
        self._generation = 0  # counts targets: what was begun for an earlier one is of no more use
        self._silent = False
        self._complained = False
        self._opening = 0
        self._suspects = 0
        self._resting: Deferred[None] | None = None
        self._tasks: set[Deferred[None]] = set()
        self._waiters: dict[Deferred[Connection], None] = {}  # a dict for its order and its cheap removal

    @property
    def in_flight(self) -> int:
        """Commands sent whose replies have not come."""
        return sum(connection.inflight() for connection in self.ready)

    @property
    def waiting(self) -> int:
        """Callers that wait for a connection."""
        return len(self._waiters)

    def choose(self) -> Connection | None:
        """Return the ready connection with the least in flight, or None when all are busy or there is none."""
        if self._waiters:
            return None  # they were here first
        return self._best()

    def wait(self, deadline: float) -> Deferred[Connection]:
        """Return a connection as soon as there is one.

        Fails with NotConnected at the deadline, and with Misconfigured as soon as it is known that waiting is vain.
        """
        if not self.ready and isinstance(self.trouble, Misconfigured):
            return fail(self.trouble)
        waiter: Deferred[Connection] = Deferred(self._forget_waiter)
        self._waiters[waiter] = None
        timer = self._clock.callLater(max(0.0, deadline - self._clock.seconds()), self._give_up, waiter)
        self.serve()

        def stop(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        return waiter.addBoth(stop)

    def serve(self) -> None:
        """Give connections to those who wait. To be called whenever a reply has come."""
        while self._waiters and (connection := self._best()) is not None:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            waiter.callback(connection)

    def suspect(self, connection: Connection) -> None:
        """Take a connection out of use until its server has been asked again whether it is primary."""
        if connection in self.ready:
            self.ready.remove(connection)
            self._suspects += 1
            self._run(self._verify(connection, self._target, self._generation))

    def close(self, reason: str) -> None:
        """End every connection, and every attempt to make one; whoever waits fails with NotConnected."""
        self._retarget(None)
        self._refuse_waiters(NotConnected(reason))
        self._settle()
        for task in list(self._tasks):
            self._clock.callLater(0, task.cancel)

    # What the topology says.

    def primary_is(self, address: Address | None) -> None:
        """See Listener."""
        self._retarget(address)
        self._fill()

    def primary_silent(self) -> None:
        """See Listener. Connections stay: they may yet work. New ones wait until the primary answers."""
        self._silent = True

    def primary_answers(self) -> None:
        """See Listener."""
        if self._silent:
            self._silent = False
            self._backoff.worked()
            self._rested(None)

    def hopeless(self, error: Misconfigured) -> None:
        """See Listener."""
        if not self.ready:
            self.trouble = error
            self._refuse_waiters(error)
            self._settle()

    def no_servers(self, error: MongoError) -> None:
        """Take in that it cannot be found out which servers there are."""
        if isinstance(error, Misconfigured):
            self.hopeless(error)
        elif not self.ready:
            self.trouble = error
            self._settle()

    def first_round_over(self) -> None:
        """See Listener."""
        if self._target is None:
            self._settle()

    def _settle(self) -> None:
        if not self.settled.called:
            self.settled.callback(None)

    # Giving out.

    def _best(self) -> Connection | None:
        best, least = None, MAX_IN_FLIGHT
        now = self._clock.seconds()
        for connection in self.ready:
            in_flight = connection.inflight()
            if in_flight == 0:
                return connection
            if in_flight < least and not connection.stalled(now):
                best, least = connection, in_flight
        return best

    def _give_up(self, waiter: Deferred[Connection]) -> None:
        self._waiters.pop(waiter, None)
        waiter.errback(NotConnected(str(self.trouble or "every connection is busy")))

    def _forget_waiter(self, waiter: Deferred[Connection]) -> None:
        self._waiters.pop(waiter, None)

    def _refuse_waiters(self, error: MongoError) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.errback(error)

    # Keeping full.

    def _retarget(self, address: Address | None) -> None:
        self._target = address
        self._generation += 1
        self._silent = False
        self._opening = self._suspects = 0
        self._backoff.worked()
        self._stop_resting()
        self.trouble = NotConnected("MongoDB has no primary" if address is None else f"connecting to {address}")
        connections, self.ready = self.ready, []
        for connection in connections:
            # Its commands fail and are repeated elsewhere; whoever sent them would otherwise wait for a server that is
            # frozen or on its own.
            connection.abort("another MongoDB server is primary")

    def _fill(self) -> None:
        while (
            self._target is not None
            and not self._silent
            and self._resting is None
            and self._opening < MAX_OPENING
            and len(self.ready) + self._suspects + self._opening < self._size
        ):
            self._opening += 1
            self._run(self._open(self._target, self._generation))

    async def _open(self, target: Address, generation: int) -> None:
        began = self._clock.seconds()
        try:
            connection = await self._dialer.dial(target, login=True)
        except MongoError as error:
            if generation == self._generation:
                self._opening -= 1
                self._failed(error)
            return
        if generation != self._generation:
            connection.close()
            return
        self._opening -= 1
        self._heard(target, connection.hello)
        if generation != self._generation:  # it is not primary any more
            connection.close()
            return
        if connection.ended is not None:
            self._failed(NotConnected(connection.ended))
            return
        self.opened += 1
        connection.on_end(lambda ended: self._ended(ended, began))
        self._adopt(connection)

    def _adopt(self, connection: Connection) -> None:
        self.ready.append(connection)
        self.trouble = None
        self._settle()
        if self._complained:
            self._complained = False
            self._log.info("connected to the MongoDB primary {address}", address=str(self._target))
        self._fill()
        self.serve()

    def _failed(self, error: MongoError) -> None:
        if not self.ready:
            if not self._complained or str(self.trouble) != str(error):
                self._complained = True
                where = str(self._target)
                self._log.warn("cannot use the MongoDB primary {address}: {error}", address=where, error=str(error))
            self.trouble = error
            if isinstance(error, Misconfigured):
                self._refuse_waiters(error)
        self._settle()
        self._rest()

    def _ended(self, connection: Connection, began: float) -> None:
        if connection not in self.ready:
            return
        self.ready.remove(connection)
        if not self.ready:
            self.trouble = NotConnected(str(connection.ended))
        if self._clock.seconds() - began < _SHORT_LIFE:
            self._rest()
        else:
            self._backoff.worked()
            self._fill()

    def _rest(self) -> None:
        if self._resting is None:
            self._resting = sleep(self._clock, self._backoff.failed())
            self._resting.addCallbacks(self._rested, lambda failure: failure.trap(CancelledError))

    def _rested(self, _: None) -> None:
        self._stop_resting()
        self._fill()

    def _stop_resting(self) -> None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.cancel()

    async def _verify(self, connection: Connection, target: Address | None, generation: int) -> None:
        try:
            hello = await connection.run("admin", {"hello": 1}, self._clock.seconds() + self._dialer.timeout)
        except MongoError as error:
            connection.abort(f"it could not be verified: {error}")
            hello = None
        if generation != self._generation or target is None:
            connection.abort("another MongoDB server is primary")
            return
        self._suspects -= 1
        if hello is not None:
            self._heard(target, hello)
        if generation != self._generation or connection.ended is not None:
            connection.abort("another MongoDB server is primary")
            self._fill()
        else:
            self._adopt(connection)

    def _run(self, flow: Any) -> None:
        task: Deferred[None] = Deferred.fromCoroutine(flow)
        self._tasks.add(task)

        def over(result: Any) -> Any:
            self._tasks.discard(task)
            return result

        task.addBoth(over)
        task.addErrback(lambda failure: failure.trap(CancelledError))
        task.addErrback(lambda failure: self._log.failure("keeping MongoDB connections failed", failure))
