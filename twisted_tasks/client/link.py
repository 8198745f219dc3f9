"""One connection that is kept alive: `ClientService` makes the next one when it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.client.connection import TasksConnection
from twisted_tasks.client.endpoints import Failover
from twisted_tasks.client.errors import Disconnected, TaskError

_MAX_PATIENCE = 8
"""How many times the silence allowed may grow. A service that is alive answers within its own --timeout of 5 s, so
2 s, 4 s and 8 s tell a dead connection from a slow service before long."""
_FAREWELL = 1.0
"""Seconds that the service has to end its side: with TLS a connection is not over before, and a dead one never would
be."""


class Link:
    """Keeps one connection to the service.

    A connection that ends is replaced at once if it ever brought a reply; else after a pause, which grows, and with the
    next address. One that was cut for silence makes the next one allow twice as much, until a reply comes: otherwise a
    service that is merely slow would have every call asked again and again.

    @param endpoint: the addresses.
    @param clock: runs the pauses.
    @param silence: see TasksConnection.
    @param ping_interval: see TasksConnection.
    @param pause: gives the seconds to wait after so many attempts in a row that brought nothing.
    @param made: called when there is a connection.
    @param failed: called when every address was tried, or one connected to, in vain.

    @ivar connection: the one there is, or None.
    @ivar trouble: why there is none, as far as known; empty before the first attempt has ended.
    """

    def __init__(
        self,
        endpoint: Failover,
        clock: IReactorTime,
        silence: float,
        ping_interval: float,
        pause: Callable[[int], float],
        made: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._silence = silence
        self._ping_interval = ping_interval
        self._pause_after = pause
        self._tell_made = made
        self._tell_failed = failed
        self._barren = 0
        """Attempts and connections in a row that brought no reply."""
        self._patience = 1
        self.connection: TasksConnection | None = None
        self.trouble = ""
        self._service = ClientService(_Watched(endpoint, self._failed), self._factory(), self._pause, clock)

    @property
    def works(self) -> bool:
        """Whether there is a connection, and it has brought a reply."""
        return self.connection is not None and self.connection.heard

    def start(self) -> None:
        """Connect, and stay connected."""
        self._service.startService()

    def stop(self) -> Deferred[None]:
        """End the connection. Fires when it is closed."""
        stopping = self._service.stopService()
        if self.connection is not None:
            ending = self._clock.callLater(_FAREWELL, self.connection.abort, Disconnected("no end came about"))
            stopping.addCallback(lambda _: ending.cancel() if ending.active() else None)
        return stopping

    def _factory(self) -> Factory[Any]:
        def build() -> TasksConnection:
            silence = self._silence * self._patience
            return TasksConnection(self._clock, silence, self._ping_interval, self._made, self._lost)

        factory = Factory.forProtocol(build)
        factory.noisy = False
        return factory

    def _pause(self, attempts: int) -> float:
        return self._pause_after(self._barren)

    def _failed(self, error: BaseException) -> None:
        self._barren += 1
        self.trouble = (str(error) or type(error).__name__).rstrip(".")
        self._tell_failed()

    def _made(self, connection: TasksConnection) -> None:
        self.connection = connection
        self._tell_made()

    def _lost(self, connection: TasksConnection, reason: TaskError) -> None:
        self.connection = None
        self.trouble = str(reason).rstrip(".")
        if connection.heard:
            self._barren = 0
            self._patience = 1
        else:
            self._barren += 1
            self._endpoint.leave()
        if connection.was_silent:
            self._patience = min(self._patience * 2, _MAX_PATIENCE)
        if not connection.heard:
            self._tell_failed()


@implementer(IStreamClientEndpoint)
class _Watched:
    """An endpoint that tells of attempts that failed."""

    def __init__(self, endpoint: Failover, failed: Callable[[BaseException], None]) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        def failed(failure: Failure) -> Failure:
            self._failed(failure.value)
            return failure

        return self._endpoint.connect(protocolFactory).addErrback(failed)
