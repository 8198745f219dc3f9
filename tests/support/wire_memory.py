"""A server in memory, and connections to it."""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TMessageType
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tests.interop.gen.twisted.everything import Everything
from tests.interop.handler import EverythingHandler
from tests.support.wire_clients import DIALECTS, Client
from twisted_tasks.wire.server import Limits, ThriftServerFactory

FRAMED, UNFRAMED = (next(d for d in DIALECTS if d.name == name) for name in ("framed binary", "unframed binary"))


class Server:
    """A factory for everything.thrift, with a clock of its own."""

    def __init__(self, limits: Limits | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.handler = EverythingHandler(self.clock)
        self.factory = ThriftServerFactory(Everything.Processor(self.handler), limits, self.clock, **options)

    def connect(self) -> Connection:
        """Return a new connection."""
        return Connection(self)


class Transport(StringTransport):
    """A transport in memory whose sides can be closed one by one, as a socket's can."""

    aborting = False
    half_closed = False

    def loseWriteConnection(self) -> None:
        """See StringTransport."""
        self.half_closed = True

    def abortConnection(self) -> None:
        """See StringTransport."""
        self.aborting = True


class Connection:
    """One connection to a Server, over a StringTransport."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport = Transport()
        self.protocol = server.factory.buildProtocol(None)
        assert self.protocol is not None
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Let the server receive bytes, and take what there is in them, in as many turns as it takes."""
        self.protocol.dataReceived(data)
        self.server.clock.advance(0)

    def received(self) -> bytes:
        """Return what the server wrote since this was last asked."""
        data = self.transport.value()
        self.transport.clear()
        return data

    def lose(self) -> None:
        """Let the connection be lost."""
        self.protocol.connectionLost()

    @property
    def closed(self) -> bool:
        """Whether the server has closed it, and what it had written will still be sent."""
        return self.transport.disconnecting

    @property
    def half_closed(self) -> bool:
        """Whether the server has closed its own side only."""
        return self.transport.half_closed

    @property
    def cut(self) -> bool:
        """Whether the server has cut it."""
        return self.transport.aborting


def call(name: str, seqid: int = 1, kind: int = TMessageType.CALL, framed: bool = True, **args: Any) -> bytes:
    """Return the bytes of a call in the binary protocol."""
    return Client(FRAMED if framed else UNFRAMED).call(name, seqid, kind, **args)


def replies(data: bytes, count: int = 1, framed: bool = True) -> list[tuple[str, int, Any]]:
    """Return name, sequence id and result of so many replies in the binary protocol. There must be no more."""
    return Client(FRAMED if framed else UNFRAMED).replies(data, count)
