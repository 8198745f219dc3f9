"""Connections to the primary. The pool is kept full while the primary answers; `checkout` gives them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from twisted_tasks.mongo.background import Background
from twisted_tasks.mongo.backoff import BACKOFF_FIRST, BACKOFF_LONGEST, Backoff, Jitter
from twisted_tasks.mongo.checkout import Checkout, anew
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.dialer import Dialer
from twisted_tasks.mongo.options import Address
from twisted_tasks.mongo.pool_stages import PoolEvent, PoolStage, following
from twisted_tasks.mongo.reply import Misconfigured, MongoError, NotConnected
from twisted_tasks.mongo.topology import Listener

MAX_OPENING = 2
"""Connections being made at once: each costs the server a login, and a primary just elected has other things to do."""
IDLE_SECONDS = 60.0
"""A connection that has not been used for so long is tested. Networks drop connections that are idle for a few minutes
without telling anybody; the next operation would find out at its deadline."""
_IDLE_ROUND = 5.0
"""Seconds between two such tests: one at a time, since they take a connection out of use."""
_SHORT_LIFE = 1.0
"""Seconds. A connection that ended sooner counts as one that could not be made."""

Heard = Callable[[Address, Mapping[str, Any]], None]


@dataclass(eq=False)
class _Primary:
    """One primary, and what was begun for it. The next one is another object, even at the same address.

    @ivar opening: connections being made.
    @ivar suspects: connections whose server is being asked whether it is primary.
    @ivar complained: whether it was logged that it cannot be used.
    """

    address: Address
    opening: int = 0
    suspects: int = 0
    complained: bool = False


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
        self._primary: _Primary | None = None
        self._stage = PoolStage.WAITING
        self._pause: IDelayedCall | None = None
        self._background = Background(clock)
        self._background.start(self._test_idle())

    def wait(self, deadline: float) -> Deferred[MongoConnection]:
        """Return a connection as soon as there is one.

        Fails with NotConnected at the deadline, and with Misconfigured as soon as it is known that waiting is vain.
        """
        if isinstance(self.trouble, Misconfigured):
            return fail(anew(self.trouble))
        return self.checkout.wait(deadline)

    def suspect(self, connection: MongoConnection) -> None:
        """Take a connection out of use until its server has been asked again whether it is primary."""
        if connection in self.checkout.ready and self._primary is not None:
            self.checkout.ready.remove(connection)
            self._primary.suspects += 1
            self._background.start(self._verify(connection, self._primary))

    def close(self, reason: str) -> None:
        """End every connection, and every attempt to make one; whoever waits fails with NotConnected."""
        self.primary_is(None)
        self.checkout.refuse(NotConnected(reason))
        self._settle()
        self._background.stop()

    # What the topology says.

    def primary_is(self, address: Address | None) -> None:
        """See Listener."""
        self._primary = None if address is None else _Primary(address)
        self._backoff.worked()
        self.trouble = NotConnected("MongoDB has no primary" if address is None else f"connecting to {address}")
        connections, self.checkout.ready = self.checkout.ready, []
        for connection in connections:
            # Its commands fail and are repeated elsewhere; whoever sent them would otherwise wait for a server that is
            # frozen or on its own.
            connection.abort("another MongoDB server is primary")
        self._turn(PoolEvent.LOST if address is None else PoolEvent.FOUND)

    def primary_silent(self) -> None:
        """See Listener. Connections stay: they may yet work. New ones wait until the primary answers."""
        self._turn(PoolEvent.FELL_SILENT)

    def primary_answers(self) -> None:
        """See Listener. An attempt is made at once; the pauses go on growing if that does not work either."""
        self._turn(PoolEvent.ANSWERED)

    def hopeless(self, error: MongoError) -> None:
        """See Listener. Also called when nobody can find out which servers there are."""
        if not self.checkout.ready:
            self._in_trouble(error)
            self._settle()

    def first_round_over(self) -> None:
        """See Listener."""
        if self._primary is None:
            self._settle()

    # Keeping full.

    def _turn(self, event: PoolEvent) -> None:
        before, self._stage = self._stage, following(self._stage, event)
        if event is PoolEvent.FAILED and before in (PoolStage.FILLING, PoolStage.SILENT):
            pause = self._backoff.failed()
            if self._stage is PoolStage.RESTING:
                self._pause = self._clock.callLater(pause, self._turn, PoolEvent.RESTED)
        elif self._pause is not None and self._stage is not PoolStage.RESTING:
            pause_over, self._pause = self._pause, None
            if pause_over.active():
                pause_over.cancel()
        if self._stage is not before or event is PoolEvent.FOUND:
            self._fill()

    def _fill(self) -> None:
        while (
            self._stage is PoolStage.FILLING
            and (primary := self._primary) is not None
            and primary.opening < MAX_OPENING
            and len(self.checkout.ready) + primary.suspects + primary.opening < self._size
        ):
            primary.opening += 1
            self._background.start(self._open(primary))

    async def _open(self, primary: _Primary) -> None:
        began = self._clock.seconds()
        try:
            connection = await self._dialer.dial(primary.address, login=True)
        except CancelledError:
            raise
        except Exception as error:
            primary.opening -= 1
            if primary is self._primary:
                self._failed(primary, _known(error, self._log))
            return
        if primary is self._primary:
            self._heard(primary.address, connection.hello)
        primary.opening -= 1
        if primary is not self._primary:  # it is not primary, or not any more
            connection.close()
        elif connection.ended is not None:
            self._failed(primary, NotConnected(connection.ended))
        else:
            self.opened += 1
            connection.on_end(lambda ended: self._ended(ended, began))
            self._adopt(connection, primary)

    async def _verify(self, connection: MongoConnection, primary: _Primary) -> None:
        hello = None
        try:
            hello = await connection.run("admin", {"hello": 1}, self._clock.seconds() + self._dialer.timeout)
        except CancelledError:
            raise
        except Exception as error:
            connection.abort(f"it could not be asked: {_known(error, self._log)}")
        if hello is not None and primary is self._primary:
            self._heard(primary.address, hello)
        primary.suspects -= 1
        if primary is self._primary and connection.ended is None:
            self._adopt(connection, primary)
        else:
            connection.abort("another MongoDB server is primary")
            self._fill()

    async def _test_idle(self) -> None:
        while True:
            await deferLater(self._clock, _IDLE_ROUND)
            longest = max(self.checkout.ready, key=lambda connection: connection.idle_for(), default=None)
            if longest is not None and longest.idle_for() >= IDLE_SECONDS:
                self.suspect(longest)

    def _adopt(self, connection: MongoConnection, primary: _Primary) -> None:
        self.checkout.ready.append(connection)
        self.trouble = None
        self._settle()
        if primary.complained:
            primary.complained = False
            self._log.info("connected to the MongoDB primary {address}", address=str(primary.address))
        self._fill()
        self.checkout.serve()

    def _failed(self, primary: _Primary, error: MongoError) -> None:
        if not self.checkout.ready:
            if not primary.complained or str(self.trouble) != str(error):
                primary.complained = True
                where = str(primary.address)
                self._log.warn("cannot use the MongoDB primary {address}: {error}", address=where, error=str(error))
            self._in_trouble(error)
        self._settle()
        self._turn(PoolEvent.FAILED)

    def _ended(self, connection: MongoConnection, began: float) -> None:
        if connection not in self.checkout.ready:
            return
        self.checkout.ready.remove(connection)
        if not self.checkout.ready:
            self.trouble = NotConnected(str(connection.ended))
        if self._clock.seconds() - began < _SHORT_LIFE:
            self._turn(PoolEvent.FAILED)
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


def _known(error: Exception, log: Logger) -> MongoError:
    """Return an error as one of MongoDB's; what is none is a bug of ours, and must not wear the pool down."""
    if isinstance(error, MongoError):
        return error
    log.failure("connecting to MongoDB failed")
    return MongoError(f"{type(error).__name__}: {error}")
