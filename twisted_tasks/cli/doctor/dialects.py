"""Which dialects of Thrift a server answers in: `check` is called in each, over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twisted_tasks.cli.status import Status, Trouble

DIALECTS: dict[str, tuple[Any, bool]] = {
    "framed binary": (TBinaryProtocol, True),
    "binary": (TBinaryProtocol, False),
    "framed compact": (TCompactProtocol, True),
    "compact": (TCompactProtocol, False),
}

_ENOUGH = 64 * 1024


class _Ask(Protocol):
    """Sends one message, and collects bytes until they are an answer to it.

    @ivar answer: fires with None when they are; fails when the connection ends before.
    @ivar got: every byte so far.
    """

    transport: Any  # a stream's, which can be aborted

    def __init__(self, message: bytes, complete: Callable[[bytes], bool]) -> None:
        self.got = b""
        self.answer: Deferred[None] = Deferred(lambda _: self.transport.abortConnection())
        self._message = message
        self._complete = complete

    def connectionMade(self) -> None:
        self.transport.write(self._message)

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if not self.answer.called and (self._complete(self.got) or len(self.got) > _ENOUGH):
            self.answer.callback(None)
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(reason)


def call(protocol: Any, framed: bool) -> bytes:
    """Return a call of `check`, which takes no arguments."""
    buffer = TMemoryBuffer()
    writer = protocol(buffer)
    writer.writeMessageBegin("check", TMessageType.CALL, 1)
    writer.writeStructBegin("check_args")
    writer.writeFieldStop()
    writer.writeStructEnd()
    writer.writeMessageEnd()
    message: bytes = buffer.getvalue()
    return (pack(">I", len(message)) if framed else b"") + message


def answers(protocol: Any, framed: bool, data: bytes) -> bool:
    """Return whether bytes begin with a reply to that call."""
    try:
        name, kind, seqid = protocol(TMemoryBuffer(data[4:] if framed else data)).readMessageBegin()
    except Exception:  # whatever a decoder makes of somebody else's bytes, or of too few
        return False
    return (name, kind, seqid) == ("check", TMessageType.REPLY, 1)


async def ask(endpoint: IStreamClientEndpoint, clock: IReactorTime, dialect: str, timeout: float) -> bool:
    """Return whether a server answers in a dialect. Raises Trouble, with what it is by its bytes, when none does."""
    protocol, framed = DIALECTS[dialect]
    asking = _Ask(call(protocol, framed), lambda data: answers(protocol, framed, data))
    connecting = connectProtocol(endpoint, asking)
    connecting.addTimeout(timeout, clock)
    await connecting
    try:
        await asking.answer.addTimeout(timeout, clock)
    except Exception as error:  # silence, or an end of whatever kind: what matters is what came before it
        raise Trouble(what_it_is(asking.got, error), Status.BROKEN) from error
    if not answers(protocol, framed, asking.got):
        raise Trouble(what_it_is(asking.got, ConnectionDone()), Status.BROKEN)
    return True


def what_it_is(data: bytes, end: Exception) -> str:
    """Return what sort of server sends these bytes, and ends so, when it is asked in Thrift."""
    if data.startswith(b"HTTP/"):
        return "it is a web server"
    if data.startswith((b"SSH-", b"220 ", b"+OK")):
        return f"it is another kind of server: {data[:40]!r}"
    if data:
        return f"its answer is no Thrift: {data[:40]!r}"
    if isinstance(end, ConnectionDone):
        return "it takes the connection and closes it without a word, as a service that shuts down does"
    return "it takes the connection and says nothing"
