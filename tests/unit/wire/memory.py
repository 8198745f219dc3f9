"""A connection in memory, and a client's side of it written with Thrift's own code."""

from __future__ import annotations

from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TFramedTransport, TMemoryBuffer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tests.interop.gen.twisted.everything import Base, Everything
from tests.interop.handler import EverythingHandler
from twisted_tasks.wire.server import Limits, ThriftServerFactory


class Server:
    """A factory for everything.thrift, with a clock of its own."""

    def __init__(self, limits: Limits | None = None, **options: Any) -> None:
        self.clock = Clock()
        self.handler = EverythingHandler(self.clock)
        self.factory = ThriftServerFactory(Everything.Processor(self.handler), limits, self.clock, **options)

    def connect(self) -> Connection:
        """Return a new connection."""
        return Connection(self)


class Connection:
    """One connection to a Server, over a StringTransport."""

    def __init__(self, server: Server) -> None:
        self.transport = StringTransport()
        self.protocol = server.factory.buildProtocol(None)
        assert self.protocol is not None
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Let the server receive bytes."""
        self.protocol.dataReceived(data)

    def received(self) -> bytes:
        """Return what the server wrote since this was last asked."""
        data = self.transport.value()
        self.transport.clear()
        return data


def call(name: str, seqid: int = 1, kind: int = TMessageType.CALL, framed: bool = True, **args: Any) -> bytes:
    """Return the bytes of a call in the binary protocol."""
    memory = TMemoryBuffer()
    transport = TFramedTransport(memory) if framed else memory
    protocol = TBinaryProtocol(transport)
    protocol.writeMessageBegin(name, kind, seqid)
    _struct(name.rpartition(":")[2] + "_args")(**args).write(protocol)
    protocol.writeMessageEnd()
    transport.flush()
    return memory.getvalue()


def replies(data: bytes, framed: bool = True) -> list[tuple[str, int, Any]]:
    """Return name, sequence id and result of each reply: a value, or the exception."""
    memory = TMemoryBuffer(data)
    protocol = TBinaryProtocol(TFramedTransport(memory) if framed else memory)
    found = []
    while memory.cstringio_buf.tell() < len(data):
        name, kind, seqid = protocol.readMessageBegin()
        result = TApplicationException() if kind == TMessageType.EXCEPTION else _struct(name + "_result")()
        result.read(protocol)
        if kind == TMessageType.REPLY:
            values = [getattr(result, field[2]) for field in result.thrift_spec if field]
            result = next((value for value in values if value is not None), None)
        found.append((name, seqid, result))
    return found


def _struct(name: str) -> Any:
    for module in (Everything, Base):
        if hasattr(module, name):
            return getattr(module, name)
    return Everything.nothing_args
