"""One connection: takes messages, hands them to the processor, answers in the order of the calls."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from thrift.Thrift import TApplicationException, TMessageType
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.wire.codec import BINARY
from twisted_tasks.wire.dialect import UnknownDialect, detect
from twisted_tasks.wire.messages import Message, OutOfStep, Splitter, splitter_for
from twisted_tasks.wire.observe import Outcome

if TYPE_CHECKING:
    from twisted_tasks.wire.server import ThriftServerFactory

_log = Logger()


class _Call:
    """A call in flight: its place in the order of replies."""

    __slots__ = ("message", "name", "protocol", "reply", "started")

    def __init__(self, message: Message, name: str, protocol: Any) -> None:
        self.message = message
        self.name = name
        self.protocol = protocol
        self.reply: bytes | None = None
        """None until it is known; empty when there is none to send."""
        self.started = 0.0


class ThriftConnection(Protocol):
    """The server's side of one connection, in whatever dialect its client speaks."""

    transport: Any  # ITransport, IPushProducer and, for abort, abortConnection: every stream transport has all of it

    def __init__(self, factory: ThriftServerFactory) -> None:
        self._factory = factory
        self._limits = factory.limits
        self._splitter: Splitter | None = None
        self._start = b""
        self.dialect: str | None = None
        """What the client speaks; None until that is known."""
        self._waiting: deque[_Call] = deque()
        """Calls whose reply is not written yet, in the order they came; not the oneway ones."""
        self._pending = 0
        """Calls in flight, oneway ones included."""
        self._full = False
        """Whether messages are left alone until a call ends."""
        self._taking = False
        self._ending: str | None = None
        """Why no further message is taken, once that is so: the connection closes when its calls have ended."""
        self._lost = False

    def connectionMade(self) -> None:
        """Count this connection in."""
        if ITCPTransport.providedBy(self.transport):
            # Replies are small and somebody waits for each of them.
            self.transport.setTcpNoDelay(True)
            # A client whose machine vanished sends no farewell.
            self.transport.setTcpKeepAlive(True)
        self._factory.opened(self)

    def calls(self) -> list[tuple[str, float]]:
        """Return the method of each call in flight that waits for a reply, and when it was taken.

        The time, on the factory's clock, is only kept for an observer; 0 without one.
        """
        return [(call.name, call.started) for call in self._waiting if call.reply is None]

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._ending is not None:
            return
        if self._splitter is None:
            data = self._start + data
            if not self._recognise(data):
                return
        assert self._splitter is not None
        self._splitter.feed(data)
        self._take()

    def _recognise(self, start: bytes) -> bool:
        try:
            dialect = detect(start)
        except UnknownDialect as what:
            self._factory.complain("it looks like {what}", what=str(what))
            self._end(f"looks like {what}")
            return False
        if dialect is None:
            self._start = start
            return False
        self._start = b""
        self.dialect = str(dialect)
        self._splitter = splitter_for(dialect, BINARY, self._limits)
        if self._factory.observer is not None:
            self._factory.observer.connection_opened(self.dialect)
        return True

    def _take(self) -> None:
        """Start calls until there are no more whole messages, or calls enough in flight."""
        splitter = self._splitter
        assert splitter is not None
        self._taking = True
        try:
            while self._ending is None:
                if self._pending >= self._limits.max_pending:
                    self._fill()
                    break
                message = splitter.next()
                if message is None:
                    self._drain_off()
                    break
                self._begin(message)
        except OutOfStep as why:
            self._lose_step(why)
        self._taking = False
        self._write()
        self._finish()

    def _fill(self) -> None:
        if not self._full:
            self._full = True
            self.transport.pauseProducing()

    def _drain_off(self) -> None:
        if self._full:
            self._full = False
            self.transport.resumeProducing()

    def _lose_step(self, why: OutOfStep) -> None:
        self._factory.complain("{dialect}: {why}", dialect=self.dialect, why=str(why))
        if why.head is not None:
            self._begin(Message(b"", BINARY, why.head, str(why)))
        self._end("out of step")

    def _begin(self, message: Message) -> None:
        factory = self._factory
        factory.in_flight += 1
        self._pending += 1
        head = message.head
        name, processor = head.name, factory.processor
        if ":" in name:
            service, _, name = name.partition(":")
            processor = factory.services.get(service)
            message = message._replace(head=head._replace(name=name))
        call = _Call(message, name, message.codec.call(message.data, message.head))
        if factory.observer is not None:
            call.started = factory.clock.seconds()
        if head.type != TMessageType.ONEWAY:
            self._waiting.append(call)
        if message.error is not None:
            self._refuse(call, TApplicationException.PROTOCOL_ERROR, message.error)
        elif head.type != TMessageType.CALL and head.type != TMessageType.ONEWAY:
            self._refuse(call, TApplicationException.INVALID_MESSAGE_TYPE, f"message type {head.type} is no call")
        elif processor is None:
            self._refuse(call, TApplicationException.UNKNOWN_METHOD, f"there is no service of the name {service}")
        else:
            self._process(call, processor)

    def _process(self, call: _Call, processor: Any) -> None:
        try:
            done = processor.process(call.protocol, call.protocol)
        except Exception as error:
            # The processor reads the arguments before it calls the handler, whose errors come in the Deferred.
            self._refuse(call, TApplicationException.PROTOCOL_ERROR, f"malformed arguments: {error}")
        else:
            done.addCallbacks(self._answer, self._fail, (call,), None, (call,))

    def _answer(self, _: object, call: _Call) -> None:
        assert self._splitter is not None
        pieces = call.protocol.trans.pieces
        outcome = Outcome.REFUSED if call.protocol.wrote == TMessageType.EXCEPTION else Outcome.REPLIED
        self._ended(call, self._splitter.wrap(pieces) if pieces else b"", outcome)

    def _fail(self, failure: Failure, call: _Call) -> None:
        _log.failure("a reply to {method} could not be written", failure, method=call.name)
        self._refuse(call, TApplicationException.INTERNAL_ERROR, "Internal error")

    def _refuse(self, call: _Call, kind: int, why: str) -> None:
        assert self._splitter is not None
        head = call.message.head
        protocol = call.message.codec.call(b"", head)
        protocol.writeMessageBegin(call.name, TMessageType.EXCEPTION, head.seqid)
        TApplicationException(kind, why).write(protocol)
        protocol.writeMessageEnd()
        self._ended(call, self._splitter.wrap(protocol.trans.pieces), Outcome.REFUSED)

    def _ended(self, call: _Call, reply: bytes, outcome: Outcome) -> None:
        factory = self._factory
        call.reply = reply
        call.protocol = None
        self._pending -= 1
        factory.in_flight -= 1
        if factory.observer is not None:
            if call.message.head.type == TMessageType.ONEWAY:
                outcome = Outcome.ONEWAY
            factory.observer.call_ended(call.name, str(self.dialect), call.started, factory.clock.seconds(), outcome)
        if not self._taking:
            if self._waiting and self._waiting[0] is call:
                self._write()
            if self._full:
                self._take()
            else:
                self._finish()

    def _write(self) -> None:
        """Write the replies that are known, up to the first one that is not."""
        waiting = self._waiting
        replies = []
        while waiting and (reply := waiting[0].reply) is not None:
            replies.append(reply)
            waiting.popleft()
        if replies and not self._lost:
            self.transport.write(b"".join(replies) if len(replies) > 1 else replies[0])

    def _end(self, reason: str) -> None:
        """Take no further message, and close once the calls in flight have ended."""
        if self._ending is None:
            self._ending = reason
        self.transport.pauseProducing()
        if not self._taking:
            self._finish()

    def _finish(self) -> None:
        if self._ending is not None and not self._pending:
            if not self._lost:
                self.transport.loseConnection()
            self._factory.settle()

    def drain(self) -> None:
        """Take no further message, and close once the calls in flight have their replies."""
        self._end("drained")

    def abort(self, reason: str) -> None:
        """Cut this connection now."""
        self._ending = reason
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count this connection out. Its calls in flight go on."""
        self._lost = True
        if self._ending is None:
            self._ending = "closed by the client"
        if self._factory.observer is not None:
            self._factory.observer.connection_closed(self.dialect, self._ending)
        self._factory.closed(self)
