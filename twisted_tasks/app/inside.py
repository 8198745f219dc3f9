"""A connection between two parts of one process, which needs no port."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IReactorSocket, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from zope.interface import implementer


@implementer(IStreamClientEndpoint)
class InsideEndpoint:
    """Connects to a server of this process, over a pair of sockets.

    @param reactor: takes up both ends.
    @param server: gives the factory that serves.
    """

    def __init__(self, reactor: IReactorSocket, server: Callable[[], IProtocolFactory]) -> None:
        self._reactor = reactor
        self._server = server

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See IStreamClientEndpoint."""
        ours, theirs = socket.socketpair()
        with ours, theirs:  # the reactor has copies
            self._take_up(theirs, self._server())
            client = _Made(protocolFactory)
            self._take_up(ours, client)
        if client.made is None:
            return fail(ConnectionRefusedError("the service takes no more connections"))
        return succeed(client.made)

    def _take_up(self, end: socket.socket, factory: IProtocolFactory) -> None:
        end.setblocking(False)
        self._reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)  # type: ignore[arg-type]  # any factory will do


class _Made(Factory):
    """Keeps the protocol that another factory makes."""

    def __init__(self, original: IProtocolFactory) -> None:
        self._original = original
        self.made: IProtocol | None = None

    def buildProtocol(self, addr: IAddress) -> Any:  # type: ignore[override]
        self.made = self._original.buildProtocol(addr)
        return self.made

    def doStart(self) -> None:
        """Do nothing: the other factory's owner starts it."""

    def doStop(self) -> None:
        """Do nothing."""
