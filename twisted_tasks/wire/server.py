"""Serves a processor that Thrift generated with py:twisted, to any client, on one port.

    factory = ThriftServerFactory(Tasks.Processor(handler), limits=Limits(), clock=reactor)
    serverFromString(reactor, "tcp:6001").listen(factory)

This module holds what is common to all connections; `connection.py` what one of them does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from twisted_tasks.wire.connection import ThriftConnection
from twisted_tasks.wire.descriptors import room_for_connections
from twisted_tasks.wire.dispatch import Dispatcher
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.observe import IWireObserver

__all__ = ["Limits", "ThriftServerFactory"]

_log = Logger()

_LOG_INTERVAL = 10.0
"""Seconds between two log lines on refused connections: a port scan must not fill the disk."""


class ThriftServerFactory(ServerFactory):
    """Makes the server's side of each connection, and knows them all.

    `processor` is an instance of a class that Thrift generated with py:twisted. `services` says under which names
    clients that multiplex (TMultiplexedProtocol) find it or others: name -> processor; by default it is the one name
    the IDL gives it, which is the name of the module the processor was generated into. `clock` is the reactor, or a
    Clock in tests. `observer` is told of every connection and call; None costs nothing.
    """

    noisy = False

    def __init__(
        self,
        processor: Any,
        limits: Limits | None = None,
        clock: IReactorTime | None = None,
        services: Mapping[str, Any] | None = None,
        observer: IWireObserver | None = None,
    ) -> None:
        if clock is None:
            from twisted.internet import reactor  # installs one: only when nobody chose

            clock = IReactorTime(reactor)
        if services is None:
            services = {type(processor).__module__.rpartition(".")[2]: processor}
        self.limits = limits if limits is not None else Limits()
        self.clock = clock
        self.dispatcher = Dispatcher(processor, services, clock, observer)
        self._observer = observer
        self._room = self.limits.max_connections
        self._numbered = 0
        self._connections: set[ThriftConnection] = set()
        self._drained: list[Deferred[None]] = []
        self._draining = False
        self._log_after = 0.0
        self._unlogged = 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def __iter__(self) -> Iterator[ThriftConnection]:
        """Iterate over the open connections."""
        return iter(tuple(self._connections))

    def startFactory(self) -> None:
        """Take connections, also after a drain: a service may be started again."""
        self._draining = False
        room = room_for_connections()
        if room is not None and room < self.limits.max_connections:
            _log.warn(
                "the limit of file descriptors leaves room for {room} connections of the {wanted} there may be",
                room=room,
                wanted=self.limits.max_connections,
            )
            self._room = room

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended, those of connections that were lost included."""
        return self.dispatcher.in_flight

    def arrived(self) -> float:
        """Return when the call that is being begun arrived, by the factory's clock.

        For a handler whose calls have deadlines, to ask while one of its methods is called: a call may have waited
        since it came, for others of its connection.
        """
        return self.dispatcher.arrived

    def buildProtocol(self, addr: IAddress | None) -> ThriftConnection | None:
        """Return the server's side of a new connection, or None, which closes it, when there are too many."""
        if self._draining:
            return None
        if len(self._connections) >= self._room:
            self.complain("there are {room} connections, the limit", room=self._room)
            return None
        self._numbered += 1
        connection = ThriftConnection(self, self._numbered)
        connection.factory = self
        return connection

    def drain(self) -> Deferred[None]:
        """Let no connection take another message, and close each once its calls in flight have their replies.

        Idle connections close at once. Fires when every call has ended and every connection is closed, with what was
        written to it sent; never fails, and may never fire if a client does not read or a call does not end: the
        caller bounds it, and then calls `abort`. To be called after the ports have stopped listening.
        """
        self._draining = True
        for connection in list(self._connections):
            connection.drain()
        if self._is_drained():
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        return drained

    def abort(self) -> None:
        """Cut every connection. Calls in flight go on, and their replies go nowhere."""
        for connection in list(self._connections):
            connection.abort("aborted")

    def opened(self, connection: ThriftConnection) -> None:
        """Count a connection in: it calls this itself."""
        self._connections.add(connection)

    def recognised(self, connection: ThriftConnection) -> None:
        """Know that a connection's dialect is known: it calls this itself."""
        if self._observer is not None:
            self._observer.connection_opened(connection)

    def closed(self, connection: ThriftConnection, reason: str) -> None:
        """Count a connection out: it calls this itself."""
        self._connections.discard(connection)
        if self._observer is not None:
            self._observer.connection_closed(connection, reason)
        self.settle()

    def settle(self) -> None:
        """See whether that was the last thing a drain waits for: a connection calls this when a call has ended."""
        if self._drained and self._is_drained():
            drained, self._drained = self._drained, []
            for waiter in drained:
                waiter.callback(None)

    def _is_drained(self) -> bool:
        return not self._connections and not self.in_flight

    def complain(self, format: str, **fields: Any) -> None:
        """Log a line on a connection that was refused or cut, at most one in ten seconds and the number left out."""
        now = self.clock.seconds()
        if now < self._log_after:
            self._unlogged += 1
            return
        text = f"connection closed: {format}; {{unlogged}} more since the last such line"
        _log.warn(text, unlogged=self._unlogged, **fields)
        self._log_after = now + _LOG_INTERVAL
        self._unlogged = 0
