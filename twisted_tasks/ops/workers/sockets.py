"""Listening sockets that processes share: the supervisor opens them, and workers take connections from them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorSocket, IStreamServerEndpoint
from twisted.protocols.haproxy import proxyEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.ops.listening import proxied

CONTROL = 3
"""The descriptor of a worker's end of the channel. Those of the listening sockets follow it."""


@dataclass(frozen=True)
class Inherited:
    """What a worker gets from the supervisor.

    @ivar number: which worker it is, from 1.
    @ivar listen: for each listening socket, the endpoint it was opened for, and its address family.
    """

    number: int
    listen: tuple[tuple[str, int], ...]

    def to_environment(self, variable: str) -> dict[str, str]:
        """Return the environment variable that tells a worker."""
        return {variable: json.dumps([self.number, self.listen])}

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str], variable: str) -> Inherited | None:
        """Return what a worker was told and remove it from the environment; None if the process is no worker."""
        text = environment.pop(variable, None)
        if text is None:
            return None
        number, listen = json.loads(text)
        return cls(number, tuple((description, family) for description, family in listen))

    def endpoints(self, reactor: IReactorSocket) -> list[tuple[str, IStreamServerEndpoint]]:
        """Return endpoints of the listening sockets, each with the text that named it."""
        return [
            (description, _wrapped(description, SharedEndpoint(reactor, CONTROL + 1 + index, family)))
            for index, (description, family) in enumerate(self.listen)
        ]


def _wrapped(description: str, endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """Return an endpoint that wraps connections as one of this description does.

    A worker inherits only the socket, and not what the supervisor's endpoint puts around each connection.
    """
    return endpoint if proxied(description) is None else proxyEndpoint(endpoint)


class _SharedUnixPort(unix.Port):
    """Keeps the socket's file when it closes: other workers listen on it, and the supervisor removes it."""

    def connectionLost(self, reason: Failure) -> None:
        """Close the descriptor, and keep the file."""
        tcp.Port.connectionLost(self, reason)


@implementer(IStreamServerEndpoint)
class SharedEndpoint:
    """The endpoint of a listening socket that this process was started with.

    @param descriptor: of the socket. It is closed when the endpoint listens, since the port has a copy.
    @param family: AF_INET, AF_INET6 or AF_UNIX.
    """

    def __init__(self, reactor: IReactorSocket, descriptor: int, family: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take connections from the socket."""
        os.set_blocking(self._descriptor, False)
        port: Any
        if self._family == socket.AF_UNIX:
            # A port that Twisted makes of a listening Unix socket would remove the file when it closes.
            port = _SharedUnixPort._fromListeningDescriptor(self._reactor, self._descriptor, protocolFactory)
            port._shouldShutdown = False
            port.startListening()
        else:
            factory: Any = protocolFactory
            port = self._reactor.adoptStreamPort(self._descriptor, socket.AddressFamily(self._family), factory)
        os.close(self._descriptor)
        return succeed(port)
