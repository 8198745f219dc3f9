"""Watching one MongoDB server: one connection, on which it is asked again and again what it is.

It is asked with `topologyVersion` and `maxAwaitTimeMS`: it answers at once when its state changes, and otherwise every
few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bson import Int64
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from twisted_tasks.mongo.backoff import BACKOFF_FIRST, BACKOFF_LONGEST, Backoff, Jitter
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.dialer import Dialer
from twisted_tasks.mongo.options import Address
from twisted_tasks.mongo.reply import MongoError

AWAIT_SECONDS = 2.5
"""How long a server may hold back an answer to `hello` in which nothing is new. Twice this, and the connection is taken
for dead: short enough that a cut line to the next primary does not cost an election's length more."""
POLL_SECONDS = 1.0
"""Pause between two `hello` to a server that answers them at once."""


class Watcher(Protocol):
    """Who wants to know."""

    def heard(self, address: Address, hello: Mapping[str, Any]) -> None:
        """A server said something to `hello`."""

    def unheard(self, address: Address, error: MongoError) -> None:
        """A server could not be asked."""


class Watch:
    """Asks one server, again and again, what it is, and tells `watcher`."""

    _log = Logger()

    def __init__(self, address: Address, dialer: Dialer, clock: IReactorTime, jitter: Jitter, watcher: Watcher) -> None:
        self._address = address
        self._dialer = dialer
        self._clock = clock
        self._watcher = watcher
        self._backoff = Backoff(BACKOFF_FIRST, BACKOFF_LONGEST, jitter)
        self._task: Deferred[None] | None = None

    def start(self) -> None:
        """Start asking."""
        self._task = Deferred.fromCoroutine(self._run())
        self._task.addErrback(lambda failure: failure.trap(CancelledError))

    def stop(self) -> None:
        """Stop asking, and close the connection."""
        if self._task is not None:
            # Not at once: it may be this very task that found out that nobody needs it any more.
            self._clock.callLater(0, self._task.cancel)

    async def _run(self) -> None:
        while True:
            began = self._clock.seconds()
            try:
                await self._ask()
            except MongoError as error:
                self._watcher.unheard(self._address, error)
            except CancelledError:
                raise
            except Exception as error:
                # A bug of ours, or a reply nobody thought of. To watch no more would be worse than either.
                self._log.failure("watching a MongoDB server failed")
                self._watcher.unheard(self._address, MongoError(f"{type(error).__name__}: {error}"))
            # A server that takes connections and drops them is no better than one that takes none.
            if self._clock.seconds() - began > BACKOFF_LONGEST:
                self._backoff.worked()
            await deferLater(self._clock, self._backoff.failed())

    async def _ask(self) -> None:
        connection = await self._dialer.dial(self._address, login=False)
        try:
            hello = connection.hello
            while True:
                self._watcher.heard(self._address, hello)
                hello = await self._next(connection, hello)
        finally:
            connection.abort("nobody watches any more")

    async def _next(self, connection: MongoConnection, last: Mapping[str, Any]) -> Mapping[str, Any]:
        command: dict[str, Any] = {"hello": 1}
        patience = self._dialer.timeout
        if (version := last.get("topologyVersion")) is not None:
            command |= {"topologyVersion": version, "maxAwaitTimeMS": Int64(AWAIT_SECONDS * 1000)}
            patience = 2 * AWAIT_SECONDS
        else:
            await deferLater(self._clock, POLL_SECONDS)
        return await connection.run("admin", command, self._clock.seconds() + patience)
