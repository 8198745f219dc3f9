"""Connections to the primary. The pool is kept full while the primary answers; `mongo_checkout` gives them out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.storage.mongo_backoff import BACKOFF_FIRST, BACKOFF_LONGEST, Backoff, Jitter, sleep
from twisted_tasks.storage.mongo_checkout import Checkout, anew
from twisted_tasks.storage.mongo_connection import Connection
from twisted_tasks.storage.mongo_dialer import Dialer
from twisted_tasks.storage.mongo_options import Address
from twisted_tasks.storage.mongo_reply import Misconfigured, MongoError, NotConnected
from twisted_tasks.storage.mongo_topology import Listener

MAX_OPENING = 2
"""Connections being made at once: each costs the server a login, and a primary just elected has other things to do."""
IDLE_SECONDS = 60.0
"""A connection that has not been used for so long is tried out. Networks forget connections that are idle for a few
minutes, and say nothing; whoever used it next would find out at his deadline."""
_IDLE_ROUND = 5.0
"""Seconds between two such trials: one at a time, since they take a connection out of use."""
_SHORT_LIFE = 1.0
"""Seconds. A connection that ended sooner counts as one that could not be made."""

Heard = Callable[[Address, Any], None]


class Pool(Listener):
    """Connections to whatever server is primary.

    @param size: how many.
    @param heard: told what a server answers to `hello` (`Topology.heard`).

    @ivar checkout: gives them out.
    @ivar opened: connections made so far.
    @ivar trouble: why there is no connection, or None while there is one.
    @ivar settled: fires when the first attempt to reach the primary has ended, whichever way.
    """

    _log = Logger()

    def __init__(self, size: int, dialer: Dialer, clock: IReactorTime, jitter: Jitter, heard: Heard) -> None:
        self.checkout = Checkout(clock)
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
        self._opening = 0  # being made for this target
        self._suspects = 0  # being asked whether their server is primary
        self._resting: Deferred[None] | None = None
        self._tasks: set[Deferred[None]] = set()
        self._start(self._try_idle())

    def wait(self, deadline: float) -> Deferred[Connection]:
        """Return a connection as soon as there is one.

        Fails with NotConnected at the deadline, and with Misconfigured as soon as it is known that waiting is vain.
        """
        if isinstance(self.trouble, Misconfigured):
            return fail(anew(self.trouble))
        return self.checkout.wait(deadline)

    def suspect(self, connection: Connection) -> None:
        """Take a connection out of use until its server has been asked again whether it is primary."""
        if connection in self.checkout.ready and self._target is not None:
            self.checkout.ready.remove(connection)
            self._suspects += 1
            self._start(self._verify(connection, self._target, self._generation))

    def close(self, reason: str) -> None:
        """End every connection, and every attempt to make one; whoever waits fails with NotConnected."""
        self._retarget(None)
        self.checkout.refuse(NotConnected(reason))
        self._settle()
        for task in list(self._tasks):
            # Not at once: it may be one of them that led here.
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
            self._rested(None)  # now is the time; but the pauses go on growing if that does not work either

    def hopeless(self, error: MongoError) -> None:
        """See Listener. Also for not being able to find out which servers there are."""
        if not self.checkout.ready:
            self._in_trouble(error)
            self._settle()

    def first_round_over(self) -> None:
        """See Listener."""
        if self._target is None:
            self._settle()

    # Keeping full.

    def _retarget(self, address: Address | None) -> None:
        self._target = address
        self._generation += 1
        self._silent = self._complained = False
        self._opening = self._suspects = 0
        self._backoff.worked()
        self._stop_resting()
        self.trouble = NotConnected("MongoDB has no primary" if address is None else f"connecting to {address}")
        connections, self.checkout.ready = self.checkout.ready, []
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
            and len(self.checkout.ready) + self._suspects + self._opening < self._size
        ):
            self._opening += 1
            self._start(self._open(self._target, self._generation))

    async def _open(self, target: Address, generation: int) -> None:
        began = self._clock.seconds()
        try:
            connection = await self._dialer.dial(target, login=True)
        except CancelledError:
            raise
        except Exception as error:
            if generation == self._generation:
                self._opening -= 1
                self._failed(_known(error, self._log))
            return
        if generation == self._generation:
            self._opening -= 1
            self._heard(target, connection.hello)
        if generation != self._generation:  # it is not primary, or not any more
            connection.close()
        elif connection.ended is not None:
            self._failed(NotConnected(connection.ended))
        else:
            self.opened += 1
            connection.on_end(lambda ended: self._ended(ended, began))
            self._adopt(connection)

    async def _verify(self, connection: Connection, target: Address, generation: int) -> None:
        hello = None
        try:
            hello = await connection.run("admin", {"hello": 1}, self._clock.seconds() + self._dialer.timeout)
        except CancelledError:
            raise
        except Exception as error:
            connection.abort(f"it could not be asked: {_known(error, self._log)}")
        if generation == self._generation:
            self._suspects -= 1
            if hello is not None:
                self._heard(target, hello)
        if generation == self._generation and connection.ended is None:
            self._adopt(connection)
        else:
            connection.abort("another MongoDB server is primary")
            self._fill()

    async def _try_idle(self) -> None:
        while True:
            await sleep(self._clock, _IDLE_ROUND)
            longest = max(self.checkout.ready, key=lambda connection: connection.idle_for(), default=None)
            if longest is not None and longest.idle_for() >= IDLE_SECONDS:
                self.suspect(longest)

    def _adopt(self, connection: Connection) -> None:
        self.checkout.ready.append(connection)
        self.trouble = None
        self._settle()
        if self._complained:
            self._complained = False
            self._log.info("connected to the MongoDB primary {address}", address=str(self._target))
        self._fill()
        self.checkout.serve()

    def _failed(self, error: MongoError) -> None:
        if not self.checkout.ready:
            if not self._complained or str(self.trouble) != str(error):
                self._complained = True
                where = str(self._target)
                self._log.warn("cannot use the MongoDB primary {address}: {error}", address=where, error=str(error))
            self._in_trouble(error)
        self._settle()
        self._rest()

    def _ended(self, connection: Connection, began: float) -> None:
        if connection not in self.checkout.ready:
            return
        self.checkout.ready.remove(connection)
        if not self.checkout.ready:
            self.trouble = NotConnected(str(connection.ended))
        if self._clock.seconds() - began < _SHORT_LIFE:
            self._rest()
        else:
            self._backoff.worked()
            self._fill()

    def _in_trouble(self, error: MongoError) -> None:
        self.trouble = error
        if isinstance(error, Misconfigured):
            self.checkout.refuse(error)

    def _settle(self) -> None:
        if not self.settled.called:
            self.settled.callback(None)

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

    def _start(self, flow: Coroutine[Any, Any, None]) -> None:
        task = Deferred.fromCoroutine(flow)
        self._tasks.add(task)

        def over(result: Any) -> Any:
            self._tasks.discard(task)
            return result

        task.addBoth(over).addErrback(lambda failure: failure.trap(CancelledError))


def _known(error: Exception, log: Logger) -> MongoError:
    """Return an error as one of MongoDB's; what is none is a bug of ours, and must not wear the pool down."""
    if isinstance(error, MongoError):
        return error
    log.failure("connecting to MongoDB failed")
    return MongoError(f"{type(error).__name__}: {error}")
