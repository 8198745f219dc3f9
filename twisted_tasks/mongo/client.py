"""Operations on MongoDB that end by their deadline, and survive what a repetition can survive.

This is the module to take elsewhere, with those it imports: it knows MongoDB and deadlines, and nothing about tasks.
An operation is a coroutine function of a connection, made so that running it again is harmless. `execute` finds it a
connection, runs it, and runs it again when what went wrong may pass and there is time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from bson import Binary, Int64
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.mongo.auth import Login
from twisted_tasks.mongo.backoff import Backoff, Jitter
from twisted_tasks.mongo.checkout import anew
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.dialer import Dialer, Endpoints
from twisted_tasks.mongo.options import Address, MongoConfig
from twisted_tasks.mongo.pool import Pool
from twisted_tasks.mongo.reply import CommandFailed, ConnectionLost, MongoError, NotConnected, TimedOut
from twisted_tasks.mongo.topology import Topology

_T = TypeVar("_T")

_RETRY_FIRST = 0.02
_RETRY_LONGEST = 0.5
_SERVER_SHARE = 0.95
"""How much of the remaining time a server is given: it should be the one to say that it was not enough, because then
the connection is in order, and nothing is left running."""
_SPARE_SESSIONS = 64


class Write:
    """The session and number by which a server recognises one write, however often it is sent.

    @ivar doubtful: whether a server may still be working on it, for want of a reply.
    """

    __slots__ = ("doubtful", "number", "session")

    def __init__(self, session: Binary, number: int) -> None:
        self.session = session
        self.number = number
        self.doubtful = False

    def watch(self, reply: Deferred[_T]) -> Deferred[_T]:
        """Return the Deferred given. Until it fires with a reply, it is doubtful whether the write was done."""
        self.doubtful = True
        return reply.addCallback(self._answered)

    def _answered(self, reply: _T) -> _T:
        self.doubtful = False
        return reply

    def sign(self, command: dict[str, Any]) -> dict[str, Any]:
        """Put session and number into a command, and return it."""
        command["lsid"] = {"id": self.session}
        command["txnNumber"] = Int64(self.number)
        return command


class ClientState(NamedTuple):
    """How a client is, for whoever watches it. The first four are of the moment, the others count since the start."""

    primary: str | None
    """The primary's address."""
    ready: int
    """Connections that can be given out."""
    in_flight: int
    """Commands sent whose replies have not come."""
    waiting: int
    """Operations that wait for a connection."""
    opened: int
    """Connections made."""
    retries: int
    """Attempts at operations beyond the first."""
    timeouts: int
    """Operations that ran out of time on a connection, which was then aborted."""


class Client:
    """Runs operations against the primary of a MongoDB.

    @param config: which MongoDB.
    @param endpoints: how to reach an address.
    @param clock: what deadlines are told on.
    @param jitter: `random.random`, or its like.

    """

    def __init__(self, config: MongoConfig, endpoints: Endpoints, clock: IReactorTime, jitter: Jitter) -> None:
        self.config = config
        self.retries = 0
        self.timeouts = 0
        self._clock = clock
        self._jitter = jitter
        self._login = Login(config.credentials) if config.credentials is not None else None
        self.dialer = Dialer(endpoints, clock, self._login, config.app_name, config.connect_timeout)
        self.pool = Pool(config.pool_size, self.dialer, clock, jitter, self._heard)
        self.topology = Topology(self.dialer, clock, jitter, self.pool)
        self._closed = False
        self._spare: list[Write] = []

    def start(self, found: MongoConfig | None = None) -> None:
        """Start to look for the primary and to connect to it.

        @param found: the config once more, with what had to be looked up first; None when nothing had.
        """
        config = self.config if found is None else found
        if self._login is not None and config.credentials is not None:
            self._login.credentials = config.credentials
        self.topology.start(config.seeds, config.direct, config.replica_set)

    def close(self) -> None:
        """End everything; operations under way fail with NotConnected or ConnectionLost, and later ones too."""
        self._closed = True
        self.topology.stop()
        self.pool.close("the MongoDB client is closed")

    def state(self) -> ClientState:
        """Return how the client is."""
        pool, primary = self.pool, self.topology.primary
        return ClientState(
            None if primary is None else str(primary),
            len(pool.checkout.ready),
            pool.checkout.in_flight,
            pool.checkout.waiting,
            pool.opened,
            self.retries,
            self.timeouts,
        )

    @property
    def settled(self) -> Deferred[None]:
        """Fires when the first attempt to reach the primary has ended, whichever way."""
        return self.pool.settled

    async def dial_primary(self) -> MongoConnection:
        """Make a connection to the primary that is not the pool's."""
        if self.topology.primary is None:
            raise NotConnected("MongoDB has no primary")
        return await self.dialer.dial(self.topology.primary, login=True)

    async def execute(self, operation: Callable[[MongoConnection], Awaitable[_T]], deadline: float) -> _T:
        """Run an operation, again if need be, and return what it returns.

        @param operation: is given a connection; must be safe to run more than once.
        @raise MongoError: what went wrong the last time. NotConnected says that nothing was ever sent.
        """
        backoff: Backoff | None = None
        last: MongoError | None = None
        while True:
            connection = self.pool.checkout.choose()
            if connection is None:
                connection = await self._wait(deadline, last)
            try:
                return await operation(connection)
            except (CommandFailed, ConnectionLost) as error:
                last = error
                if isinstance(error, CommandFailed):
                    if not error.passing:
                        raise
                    if error.not_primary:
                        self.pool.suspect(connection)
                if self._closed:
                    raise
            except TimedOut:
                self.timeouts += 1
                raise
            finally:
                self.pool.checkout.serve()
            backoff = backoff or Backoff(_RETRY_FIRST, _RETRY_LONGEST, self._jitter)
            await self._rest(backoff.failed(), deadline, last)
            self.retries += 1

    async def _wait(self, deadline: float, last: MongoError | None) -> MongoConnection:
        if self._closed:
            raise NotConnected("the MongoDB client is closed")
        try:
            return await self.pool.wait(deadline)
        except NotConnected:
            if last is not None:
                raise last from None  # something was sent, so nobody must be told that nothing was
            if self.pool.trouble is not None:
                raise anew(self.pool.trouble) from None  # why there was none says more
            raise

    async def _rest(self, seconds: float, deadline: float, last: MongoError) -> None:
        """Wait before the next attempt, if there will be time for one."""
        if self._clock.seconds() + seconds >= deadline:
            raise last
        if seconds > 0:
            await deferLater(self._clock, seconds)

    def milliseconds(self, deadline: float) -> int:
        """Return how long a server may take over a command, for maxTimeMS and wtimeout; at least 1."""
        return max(1, int((deadline - self._clock.seconds()) * _SERVER_SHARE * 1000))

    def write_concern(self, milliseconds: int) -> dict[str, Any]:
        """Return the write concern of a command that may take so long."""
        if self.config.write_timeout_ms is not None:
            milliseconds = min(milliseconds, self.config.write_timeout_ms)
        return {**self.config.write_concern, "wtimeout": milliseconds}

    def begin_write(self) -> Write:
        """Return a session and a number for one write. No other write has the session until `end_write`."""
        write = self._spare.pop() if self._spare else Write(Binary.from_uuid(uuid4()), 0)
        write.number += 1
        return write

    def end_write(self, write: Write) -> None:
        """Say that a write is over. A session that a server may still be busy with is not used again."""
        if not write.doubtful and len(self._spare) < _SPARE_SESSIONS:
            self._spare.append(write)

    def _heard(self, address: Address, hello: Any) -> None:
        self.topology.heard(address, hello)
