"""Serves a processor that Thrift generated with py:twisted, to any client, on one port.

    factory = ThriftServerFactory(Tasks.Processor(handler), limits=Limits(), clock=reactor)
    serverFromString(reactor, "tcp:6001").listen(factory)

This module makes connections and ends them all; `connection` is what one of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from twisted_tasks.wire.addresses import as_text
from twisted_tasks.wire.connection import ThriftConnection
from twisted_tasks.wire.current import CurrentCall
from twisted_tasks.wire.descriptors import room_for_connections
from twisted_tasks.wire.dispatch import Dispatcher
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.observe import IWireObserver
from twisted_tasks.wire.roster import Roster

__all__ = ["Limits", "ThriftServerFactory"]

_log = Logger()


class ThriftServerFactory(ServerFactory):
    """Makes the server's side of each connection.

    @param processor: an instance of a class that Thrift generated with py:twisted.
    @param limits: what clients may ask for; the defaults when None.
    @param clock: the reactor, or a Clock in tests.
    @param services: under which names clients that multiplex (TMultiplexedProtocol) find the processor or others: name
        -> processor. By default it is the one name the IDL gives it, that of the module it was generated into.
    @param observer: told of every connection and call; None costs nothing.
    @param current: told which call is being begun, for the handler that was given the same object.
    @param not_text: makes, of a sentence, the exception that answers a call with a string that is not Unicode. Where
        the method does not declare that exception, or this is None, it is a TApplicationException, PROTOCOL_ERROR.
    """

    noisy = False

    def __init__(
        self,
        processor: Any,
        limits: Limits | None = None,
        clock: IReactorTime | None = None,
        services: Mapping[str, Any] | None = None,
        observer: IWireObserver | None = None,
        current: CurrentCall | None = None,
        not_text: Callable[[str], Exception] | None = None,
    ) -> None:
        if clock is None:
            from twisted.internet import reactor  # installs one: only when nobody chose

            clock = IReactorTime(reactor)
        if services is None:
            services = {type(processor).__module__.rpartition(".")[2]: processor}
        self._limits = limits = Limits() if limits is None else limits
        self._clock = clock
        current = CurrentCall() if current is None else current
        self._dispatcher = dispatcher = Dispatcher(processor, services, clock, observer, current, not_text)
        self._roster: Roster[ThriftConnection] = Roster(
            clock, limits.max_buffered, lambda: dispatcher.in_flight, observer
        )
        self._room = limits.max_connections
        self._numbered = 0
        self._draining = False

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._roster)

    @property
    def buffered(self) -> int:
        """How many bytes of messages and replies all connections keep together."""
        return self._roster.kept

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended, those of connections that were lost included."""
        return self._dispatcher.in_flight

    def __iter__(self) -> Iterator[ThriftConnection]:
        """Iterate over the open connections."""
        return iter(self._roster)

    def startFactory(self) -> None:
        """Take connections, also after a drain: a service may be started again."""
        self._draining = False
        room = room_for_connections()
        if room is not None and room < self._limits.max_connections:
            _log.warn(
                "the limit of file descriptors leaves room for {room} connections of the {wanted} there may be",
                room=room,
                wanted=self._limits.max_connections,
            )
            self._room = room

    def buildProtocol(self, addr: IAddress | None) -> ThriftConnection | None:
        """Return the server's side of a new connection, or None, which closes it, when there are too many."""
        if self._draining:
            return None
        if len(self._roster) >= self._room:
            self._roster.complain(as_text(addr), "there are {room} connections, the limit", room=self._room)
            return None
        self._numbered += 1
        connection = ThriftConnection(
            self._roster, self._dispatcher, self._limits, self._clock, self._numbered, as_text(addr)
        )
        connection.factory = self
        return connection

    def drain(self) -> Deferred[None]:
        """Let no connection take another message, and close each once its calls in flight have their replies.

        Idle connections close at once. Fires when every call has ended and every connection is closed, with what was
        written to it sent; never fails, and may never fire if a client does not read or a call does not end: the
        caller bounds it, and then calls `abort`. To be called after the ports have stopped listening.
        """
        self._draining = True
        for connection in self:
            connection.drain()
        return self._roster.drained()

    def abort(self) -> None:
        """Cut every connection. Calls in flight go on, and their replies go nowhere."""
        for connection in self:
            connection.abort("aborted")
