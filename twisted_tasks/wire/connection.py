"""One connection: takes messages, hands them on as calls, sends the replies in the order of the calls.

stage      messages    ends when
OPEN       are taken   the client closes its side, a drain begins, the stream is out of step, HTTP says so
ENDING     are not     the last call in flight has its reply
FLUSHING   are not     the transport has taken what waits to be sent
CLOSING    are not     the transport says so, or the time for that is over
LOST       -           -
"""

from __future__ import annotations

import enum
from collections import deque
from typing import TYPE_CHECKING, Any

from thrift.Thrift import TMessageType
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.wire.dialect import UnknownDialect
from twisted_tasks.wire.dispatch import ICaller
from twisted_tasks.wire.messages import MORE, Answer, Call, OutOfStep
from twisted_tasks.wire.outbox import Outbox
from twisted_tasks.wire.patience import Awaited, Patience
from twisted_tasks.wire.splitters import recognise

if TYPE_CHECKING:
    from twisted_tasks.wire.server import ThriftServerFactory

_LINGER = 5.0
"""Seconds in which a client that is still sending can read why it is cut off. Closing at once would reset the
connection, and with it what is on its way to the client."""

_TURN = 32
"""Messages that one connection may have taken before it is the turn of others. A segment can hold thousands."""

_PORTION = 2048
"""Bytes of a message that count as one more of these: what is compressed can hold many long ones in a segment."""

_UNFINISHED = "a message that does not come to its end"
_NOT_READ = "a client that does not read its replies"
_IDLE = "idle"


class _Stage(enum.IntEnum):
    OPEN = 0
    ENDING = 1
    FLUSHING = 2
    CLOSING = 3
    LOST = 4


_OPEN, _ENDING, _FLUSHING, _CLOSING, _LOST = _Stage
_ONEWAY = TMessageType.ONEWAY


@implementer(IPushProducer, IHalfCloseableProtocol, ICaller)
class ThriftConnection(Protocol):
    """The server's side of one connection, in whatever dialect its client speaks.

    @ivar number: which connection of its factory this is, counted from one.
    @ivar arrived: when the last bytes came, by the factory's clock.
    @ivar dialect: what the client speaks, such as "framed binary"; None until that is known.
    """

    # ITransport and IPushProducer, with abortConnection: what every stream transport of Twisted's has.
    transport: Any

    def __init__(self, factory: ThriftServerFactory, number: int) -> None:
        self._factory = factory
        self._limits = factory.limits
        self._dispatcher = factory.dispatcher
        self._seconds = factory.clock.seconds
        self.number = number
        self.arrived = 0.0
        self.dialect: str | None = None
        self._stage = _OPEN
        self._reason = "closed by the client"
        self._linger = False
        self._pipelines = False
        """Whether it has had calls on their way while others were."""
        self._start = b""
        self._splitter: Any = None
        self._taken = 0
        """How many messages have been taken."""
        self._taking = False
        self._paused = False
        self._next_turn: IDelayedCall | None = None
        self._pending = 0
        """Calls in flight, oneway ones included."""
        self._pending_size = 0
        """Bytes of their messages."""
        self._waiting: deque[Call | Answer] = deque()
        """What has its place in the order of replies and is not written yet."""

    def calls(self) -> list[tuple[str, float]]:
        """Return the method of each call in flight that is to have a reply, and when it arrived by the clock."""
        return [
            (call.head.name, call.arrived) for call in self._waiting if isinstance(call, Call) and call.reply is None
        ]

    # What the transport says.

    def connectionMade(self) -> None:
        """Count this connection in."""
        if ITCPTransport.providedBy(self.transport):
            # Replies are small and somebody waits for each of them.
            self.transport.setTcpNoDelay(True)
            # A client whose machine vanished sends no farewell.
            self.transport.setTcpKeepAlive(True)
        self._outbox = Outbox(self.transport)
        self._patience = Patience(self._factory.clock, self._expire)
        self.transport.registerProducer(self, True)
        self._factory.opened(self)
        self._settle()

    def dataReceived(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._stage is not _OPEN:
            return
        self.arrived = self._seconds()
        if self._splitter is None:
            data = self._start + data
            if not self._recognise(data):
                self._settle()
                return
        # Of a message that comes in many pieces most change nothing.
        ready = self._splitter.feed(data) or self._patience.what is not _UNFINISHED
        if ready and self._next_turn is None:
            self._take()

    def pauseProducing(self) -> None:
        """Know that the client is slow to read."""
        self._outbox.pause()

    def resumeProducing(self) -> None:
        """Know that the client has read a good part of what waited for it."""
        self._outbox.resume()
        self._go_on()

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows."""

    def readConnectionLost(self) -> None:
        """Take no further message: the client has closed its side. It may still read replies."""
        if self._stage is _CLOSING:
            self.transport.loseConnection()
        else:
            self._linger = False  # nothing more can come of it
            self._end("closed by the client")

    def writeConnectionLost(self) -> None:
        """Do nothing: it is we who closed this side."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count this connection out. Its calls in flight go on, and their replies go nowhere."""
        self._stage = _LOST
        self._waiting.clear()
        self._outbox.drop()
        self._splitter = None
        self._start = b""
        self._patience.wait_for(None)
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._factory.closed(self, self._reason)

    # What the factory asks for.

    def drain(self) -> None:
        """Take no further message, and close once the calls in flight have their replies."""
        if self._splitter is not None:
            self._splitter.end()
        if self._stage is _OPEN:
            # Who pipelines may be sending right now, and reads all the time: so it sees the end, and closes its side.
            self._linger = self._pipelines
        self._end("drained")

    def abort(self, reason: str) -> None:
        """Cut this connection now."""
        self._reason = reason
        self.transport.abortConnection()

    # Messages in.

    def _recognise(self, start: bytes) -> bool:
        """Learn from its first bytes what the client speaks, and return whether that is known now."""
        try:
            recognised = recognise(start, self._limits)
        except UnknownDialect as what:
            self._not_ours(what)
            return False
        if recognised is None:
            self._start = start
            return False
        self._start = b""
        self.dialect = str(recognised.dialect)
        self._splitter = recognised.splitter
        self._factory.recognised(self)
        return True

    def _take(self) -> None:
        """Start calls until there are no more whole messages, or calls enough in flight."""
        splitter = self._splitter
        blocked, full = True, False
        self._taking = True
        left = _TURN
        try:
            while left > 0:
                if self._stage is not _OPEN or (full := self._is_full()):
                    break
                message = splitter.next()
                if message is None:
                    blocked = splitter.waits
                    break
                if message is MORE:
                    left = 0
                    continue
                left -= 1 + message.size // _PORTION
                self._taken += 1
                self._begin(message)
            else:
                self._wait_for_turn()
        except OutOfStep as why:
            self._lose_step(why)
        except UnknownDialect as what:
            self._not_ours(what)
        self._taking = False
        if len(self._waiting) > 1:
            self._pipelines = True
        if blocked is not self._paused and self._stage is _OPEN:
            self._paused = blocked
            (self.transport.pauseProducing if blocked else self.transport.resumeProducing)()
        self._flush()
        if full and not self._is_full():
            # What was known already has made room by being sent: no call will end and say so.
            self._wait_for_turn()
        self._settle()

    def _is_full(self) -> bool:
        """Return whether the connection has to wait until a call ends, or the client reads, before it takes more.

        A reply that waits for one before it counts like a call in flight, and large messages count for many: what one
        connection makes us keep is bounded by both.
        """
        limits = self._limits
        return (
            self._pending >= limits.max_pending
            or len(self._waiting) >= limits.max_pending
            or self._pending_size > limits.max_message_size
            or self._outbox.stalled
        )

    def _wait_for_turn(self) -> None:
        """Go on after others had their turn."""
        if self._next_turn is None:
            self._next_turn = self._factory.clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        self._next_turn = None
        if self._stage is _OPEN:
            self._take()

    def _begin(self, message: Call | Answer) -> None:
        """Give a message its place in the order of replies, and begin it if it is a call."""
        if not isinstance(message, Call):
            self._waiting.append(message)
            if message.last:
                self._linger = True
                self._end("closed as HTTP asks")
            return
        self._pending += 1
        self._pending_size += message.size
        if message.head.type != _ONEWAY:
            self._waiting.append(message)
        elif self._splitter.acknowledges:
            message.reply = self._splitter.wrap(message, [])
            self._waiting.append(message)
        self._dispatcher.begin(message, self)

    def _not_ours(self, what: UnknownDialect) -> None:
        self._factory.complain("it looks like {what}", what=str(what))
        self._end("not a dialect of ours")

    def _lose_step(self, why: OutOfStep) -> None:
        self._factory.complain("{dialect}: {why}", dialect=self.dialect, why=str(why))
        if why.call is not None:
            self._linger = True
            self._begin(why.call)
        self._end("out of step")

    # Replies out.

    def ended(self, call: Call, pieces: list[bytes]) -> None:
        """Know the reply to a call."""
        if call.reply is None and self._stage is not _LOST:
            call.reply = self._splitter.wrap(call, pieces) if pieces or self._splitter.acknowledges else b""
        self._pending -= 1
        self._pending_size -= call.size
        if not self._taking:
            self._go_on()

    def _go_on(self) -> None:
        """Do what a call that has ended, or a client that has read, makes possible."""
        self._flush()
        if self._paused and self._stage is _OPEN and self._next_turn is None:
            self._take()
        else:
            self._settle()

    def _flush(self) -> None:
        """Write the replies that are known, up to the first one that is not."""
        waiting = self._waiting
        if not waiting or waiting[0].reply is None:
            return
        replies = []
        while waiting and (reply := waiting[0].reply) is not None:
            waiting.popleft()
            if reply:
                replies.append(reply)
        if self._outbox.waiting > self._limits.max_unsent:
            self._expire(_NOT_READ)
            return
        if replies:
            data = b"".join(replies) if len(replies) > 1 else replies[0]
            self._outbox.write(self._splitter.send(data))
        if self._splitter.last():
            self._end("closed as HTTP asks")

    # The end.

    def _end(self, reason: str) -> None:
        """Take no further message, and close once the calls in flight have ended."""
        if self._stage is not _OPEN:
            return
        self._stage = _ENDING
        self._reason = reason
        if self._paused:
            # What still comes is thrown away: bytes nobody read would make closing reset the connection.
            self._paused = False
            self.transport.resumeProducing()
        if not self._taking:
            self._settle()

    def _settle(self) -> None:
        """See what is to be done, and what to wait for, when there is nothing more to take."""
        if self._stage is _ENDING and not self._pending:
            self._stage = _FLUSHING
        if self._stage is _FLUSHING and not self._outbox.stalled and not self._outbox.waiting:
            self._close()
        if self._stage is _LOST:
            self._factory.settle()
        else:
            self._patience.wait_for(self._awaited())

    def _close(self) -> None:
        self._stage = _CLOSING
        self.transport.unregisterProducer()
        if self._linger and hasattr(self.transport, "loseWriteConnection"):
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()

    def _awaited(self) -> Awaited | None:
        """Return what the client keeps us waiting for."""
        limits = self._limits
        if self._outbox.stalled:
            return Awaited(limits.message_timeout, _NOT_READ, self._outbox.pieces)
        if self._stage is _CLOSING:
            return Awaited(_LINGER if self._linger else limits.message_timeout, "a client that does not close", 0)
        if self._stage is not _OPEN or (self._paused and self._next_turn is None):
            return None
        if self._start or (self._splitter is not None and self._splitter.unfinished()):
            return Awaited(limits.message_timeout, _UNFINISHED, self._taken)
        if limits.idle_timeout is not None and not self._pending:
            return Awaited(limits.idle_timeout, _IDLE, self._taken)
        return None

    def _expire(self, what: str) -> None:
        """Cut the connection because the client has taken too long over something."""
        if self._stage is _CLOSING:
            self.abort(self._reason)
            return
        if what is not _IDLE:
            self._factory.complain("{what}", what=what)
        self.abort(what)
