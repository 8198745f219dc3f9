"""Listening sockets that several processes share: the daemon's opened them, its workers take connections from them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

CONTROL = 3
"""The descriptor of a worker's end of the channel; the listening sockets come after it."""


@dataclass(frozen=True)
class Inherited:
    """What a worker has from the daemon.

    @ivar number: which worker it is, from 1.
    @ivar listen: for each listening socket, the endpoint it was opened for, and its address family.
    """

    number: int
    listen: tuple[tuple[str, int], ...]

    def to_environment(self, variable: str) -> dict[str, str]:
        """Return how a worker is told."""
        return {variable: json.dumps([self.number, self.listen])}

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str], variable: str) -> Inherited | None:
        """Return what a worker was told, and take it out of the environment; None in a process that is no worker."""
        text = environment.pop(variable, None)
        if text is None:
            return None
        number, listen = json.loads(text)
        return cls(number, tuple((description, family) for description, family in listen))

    def endpoints(self, reactor: Any) -> list[tuple[str, IStreamServerEndpoint]]:
        """Return the listening sockets as endpoints, each with the text that named it."""
        return [
            (description, SharedEndpoint(reactor, CONTROL + 1 + index, family))
            for index, (description, family) in enumerate(self.listen)
        ]


class _SharedUnixPort(unix.Port):
    """Leaves the socket's file alone when it closes: it is the daemon's, and other workers listen on it."""

    def connectionLost(self, reason: Failure) -> None:
        """Close the descriptor, and no more."""
        tcp.Port.connectionLost(self, reason)


@implementer(IStreamServerEndpoint)
class SharedEndpoint:
    """A listening socket this process was started with.

    @param descriptor: of the socket, which is closed when it is listened on: the port has a copy.
    @param family: AF_INET, AF_INET6 or AF_UNIX.
    """

    def __init__(self, reactor: Any, descriptor: int, family: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Take connections from it."""
        os.set_blocking(self._descriptor, False)
        port: Any
        if self._family == socket.AF_UNIX:
            # Twisted's own way to adopt a listening Unix socket has a port that removes the file when it closes.
            port = _SharedUnixPort._fromListeningDescriptor(self._reactor, self._descriptor, protocolFactory)
            port._shouldShutdown = False
            port.startListening()
        else:
            port = self._reactor.adoptStreamPort(self._descriptor, self._family, protocolFactory)
        os.close(self._descriptor)
        return succeed(port)
