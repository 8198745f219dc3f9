"""One connection: takes messages, hands them on as calls, sends the replies in the order of the calls.

It joins the parts that know how: `intake` takes messages, `replies` keeps the order, `outbox` sends, `patience` waits,
and `stages` says what may still happen. What is decided here is when each of them has its turn.
"""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TMessageType
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.wire.dialect import UnknownDialect
from twisted_tasks.wire.dispatch import Dispatcher, ICaller
from twisted_tasks.wire.intake import Intake, Reading
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.outbox import Outbox
from twisted_tasks.wire.patience import Awaited, Patience
from twisted_tasks.wire.replies import Replies
from twisted_tasks.wire.roster import Roster
from twisted_tasks.wire.stages import Event, Life, Stage
from twisted_tasks.wire.transports.messages import Call, OutOfStep, TransportAnswer

_LINGER = 5.0
"""Seconds in which a client that is still sending can read why it is cut off. Closing at once would reset the
connection, and with it what is on its way to the client."""

_SILENT = "a client that does not send a whole message"
_UNFINISHED = "a message that does not come to its end"
_NOT_READ = "a client that does not read its replies"
_WAITING = "too many bytes of replies wait for a call before them"
_NOT_CLOSED = "a client that does not close"
_IDLE = "idle"

# Of an Enum's members only those of a module are found as quickly as a call needs them.
_OPEN, _CLOSING, _LINGERING, _LOST = Stage.OPEN, Stage.CLOSING, Stage.LINGERING, Stage.LOST
_TAKING, _YIELDING, _FULL = Reading.TAKING, Reading.YIELDING, Reading.FULL
_ONEWAY = TMessageType.ONEWAY


@implementer(IPushProducer, IHalfCloseableProtocol, ICaller)
class ThriftConnection(Protocol):
    """The server's side of one connection, in whatever dialect its client speaks.

    @param roster: told of what happens to it.
    @param dispatcher: begins its calls.
    @param clock: tells the time.
    @param number: which connection of its factory this is, counted from one.
    @param peer: the client's address, for people to read.

    @ivar arrived: when the last bytes came, by the clock.
    @ivar dialect: what the client speaks, such as "framed binary"; None until that is known.
    @ivar kept: how many bytes of messages and replies it keeps.
    """

    # ITransport and IPushProducer, with abortConnection: what every stream transport of Twisted's has.
    transport: Any

    def __init__(
        self,
        roster: Roster[ThriftConnection],
        dispatcher: Dispatcher,
        limits: Limits,
        clock: IReactorTime,
        number: int,
        peer: str,
    ) -> None:
        self._roster = roster
        self._dispatcher = dispatcher
        self._limits = limits
        self._seconds = clock.seconds
        self.number = number
        self.peer = peer
        self.arrived = 0.0
        self.dialect: str | None = None
        self.kept = 0
        self._life = Life()
        self._reason = "closed by the client"
        self._linger = False
        """Whether the client is to have time to read what is sent last."""
        self._intake = Intake(limits, clock, self._take)
        self._paused = False
        """Whether the transport was told not to read."""
        self._replies = Replies()
        self._pipelines = False
        """Whether it has had calls on their way while others were."""
        self._first_message: Patience | None = None
        """Waits for the first whole message; None once that has come, or does not matter."""
        self._clock = clock
        self._patience = Patience(clock, self._expire)

    @property
    def gone(self) -> bool:
        """Whether a reply would reach nobody."""
        return self._life.stage is _CLOSING or self._life.stage is _LOST

    def calls(self) -> list[tuple[str, float]]:
        """Return the method of each call in flight that is to have a reply, and when it arrived by the clock."""
        return [(call.method, call.arrived) for call in self._replies.unanswered()]

    # What the transport says.

    def connectionMade(self) -> None:
        """Called when the connection is accepted, before any TLS handshake."""
        if ITCPTransport.providedBy(self.transport):
            # Replies are small and somebody waits for each of them.
            self.transport.setTcpNoDelay(True)
            # A client whose machine vanished sends no farewell.
            self.transport.setTcpKeepAlive(True)
        self._outbox = Outbox(self.transport)
        self.transport.registerProducer(self, True)
        self._roster.opened(self)
        if self._limits.first_message_timeout is not None:
            self._first_message = Patience(self._clock, self._expire)
            self._first_message.wait_for(Awaited(self._limits.first_message_timeout, _SILENT, 0))
        self._settle()

    def dataReceived(self, data: bytes) -> None:
        """Called when the client has sent something."""
        if self._life.stage is not _OPEN:
            return
        self.arrived = self._seconds()
        try:
            ready = self._intake.receive(data)
        except UnknownDialect as what:
            self._not_ours(what)
            return
        if self.dialect is None and self._intake.dialect is not None:
            self.dialect = str(self._intake.dialect)
            assert self._intake.splitter is not None
            self._outbox.encode = self._intake.splitter.send
            self._roster.recognised(self)
        if ready:
            self._take()
        elif self._patience.what is _UNFINISHED:
            # Of a message that comes in many pieces most change nothing else.
            self._count_kept()
        else:
            self._settle()

    def pauseProducing(self) -> None:
        """Called when the client is slow to read."""
        self._outbox.pause()

    def resumeProducing(self) -> None:
        """Called when the client has read a good part of what waited for it."""
        self._outbox.resume()
        self._go_on()

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows."""

    def readConnectionLost(self) -> None:
        """Called when the client has closed its side. It may still read replies."""
        if self._life.stage is _LINGERING:
            self._life.on(Event.CLOSE)
            self.transport.loseConnection()
        elif self._life.stage is _CLOSING:
            self.transport.loseConnection()
        else:
            self._linger = False  # nothing more can come of it
            self._end("closed by the client")

    def writeConnectionLost(self) -> None:
        """Do nothing: it is we who closed this side."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Called when the connection is gone. Its calls in flight go on, and their replies go nowhere."""
        self._life.on(Event.LOST)
        self._drop()
        self._roster.closed(self, self._reason)

    # What the factory and the roster ask for.

    def drain(self) -> None:
        """Take no further message, and close once the calls in flight have their replies."""
        if self._intake.splitter is not None:
            self._intake.splitter.end()
        # Who pipelines may be sending right now, and reads all the time: so it sees the end, and closes its side.
        self._end("drained", linger=self._pipelines)

    def abort(self, reason: str) -> None:
        """Cut this connection now."""
        if self._life.on(Event.CUT):
            self._reason = reason
            self._drop()
            self.transport.abortConnection()

    # Messages in.

    def has_room(self) -> bool:
        """Return whether another message can be taken, or has to wait until a call ends or the client reads.

        A reply that waits for one before it counts like a call in flight, and long messages and replies count for
        many: what one connection makes us keep is bounded by all of them.
        """
        limits, replies = self._limits, self._replies
        return (
            replies.pending < limits.max_pending
            and len(replies.waiting) < limits.max_pending
            and replies.pending_size + replies.kept <= limits.max_message_size
            and not self._outbox.stalled
        )

    def begin(self, message: Call | TransportAnswer) -> None:
        """Give a message its place in the order of replies, and begin it if it is a call."""
        if not isinstance(message, Call):
            self._replies.line_up(message)
            if message.last:
                self._end("closed as HTTP asks", linger=True)
            return
        oneway = message.head.type == _ONEWAY
        self._replies.begin(message, in_line=not oneway)
        if oneway:
            self._acknowledge(message)
        self._dispatcher.begin(message, self)

    def _acknowledge(self, call: Call) -> None:
        """Give the empty reply to a oneway call its place, where the transport wants one."""
        splitter = self._intake.splitter
        assert splitter is not None, "the call came out of it"
        if splitter.acknowledges:
            call.reply = splitter.wrap(call, [])
            self._replies.line_up(call)

    def _take(self) -> None:
        """Take as many messages as a turn has, and send what they bring."""
        try:
            self._intake.take(self)
        except OutOfStep as why:
            self._lose_step(why)
        except UnknownDialect as what:
            self._not_ours(what)
        if len(self._replies.waiting) > 1:
            self._pipelines = True
        reading = self._intake.reading
        if (reading is _FULL or reading is _YIELDING) is not self._paused:
            self._hold_back(not self._paused)
        self._flush()
        if self._intake.reading is _FULL and self.has_room():
            # All has been sent meanwhile: no call will end and say that there is room.
            self._intake.go_on()
        self._settle()

    def _hold_back(self, blocked: bool) -> None:
        """Let what the client sends stay in its socket, or not."""
        if blocked is not self._paused and not self.gone:
            self._paused = blocked
            (self.transport.pauseProducing if blocked else self.transport.resumeProducing)()

    def _not_ours(self, what: UnknownDialect) -> None:
        self._roster.complain(self.peer, "it looks like {what}", what=str(what))
        self._end("not a dialect of ours")

    def _lose_step(self, why: OutOfStep) -> None:
        self._roster.complain(self.peer, "{dialect}: {why}", dialect=self.dialect, why=str(why))
        if why.call is not None:
            self.begin(why.call)
        self._end("out of step", linger=why.call is not None)

    # Replies out.

    def grew(self, call: Call, size: int) -> None:
        """See ICaller."""
        if not self.gone:
            self._replies.grow(call, size)
            self._bound_replies(call)
            self._count_kept()

    def ended(self, call: Call, pieces: list[bytes]) -> None:
        """See ICaller."""
        splitter = self._intake.splitter
        reply = None
        if call.reply is None and splitter is not None:
            reply = splitter.wrap(call, pieces) if pieces or splitter.acknowledges else b""
        self._replies.end(call, reply)
        if reply is not None and self._replies.kept > self._limits.max_unsent:
            self._bound_replies(call)
        if self._intake.reading is not _TAKING:
            self._go_on()

    def _bound_replies(self, call: Call) -> None:
        """Cut the connection when replies besides this one, which may be long, wait in too many bytes."""
        if self._replies.kept - call.written > self._limits.max_unsent:
            self._expire(_WAITING)

    def _go_on(self) -> None:
        """Do what a call that has ended, or a client that has read, makes possible."""
        self._flush()
        if self._intake.reading is _FULL:
            self._take()
        else:
            self._settle()

    def _flush(self) -> None:
        """Write the replies that are known, up to the first one that is not."""
        replies = self._replies.take()
        if not replies:
            return
        if self._outbox.waiting > self._limits.max_unsent:
            self._expire(_NOT_READ)
            return
        self._outbox.write(b"".join(replies) if len(replies) > 1 else replies[0])
        if self._intake.splitter is not None and self._intake.splitter.last():
            self._end("closed as HTTP asks")

    def _count_kept(self) -> None:
        """Tell the roster how many bytes this connection keeps."""
        replies = self._replies
        kept = replies.pending_size + replies.kept + self._outbox.waiting + self._intake.kept()
        if kept != self.kept and not self.gone:
            change, self.kept = kept - self.kept, kept
            self._roster.hold(change)

    # The end.

    def _end(self, reason: str, linger: bool = False) -> None:
        """Take no further message, and close once the calls in flight have ended."""
        if not self._life.on(Event.END):
            return
        self._reason = reason
        self._linger = linger
        self._intake.stop()
        # What still comes is thrown away: bytes nobody read would make closing reset the connection.
        self._hold_back(False)
        self._settle()

    def _settle(self) -> None:
        """See what is to be done, and what to wait for, when there is nothing more to take."""
        if self._life.stage is not _OPEN:
            self._settle_end()
            if self._life.stage is _LOST:
                self._roster.settle()
                return
        elif self._first_message is not None and self._intake.taken:
            self._stop_waiting_for_the_first()
        unfinished = self._intake.unfinished()
        if unfinished or self.kept or self._replies.pending or self._replies.waiting or self._outbox.waiting:
            self._count_kept()
        self._patience.wait_for(self._awaited(unfinished))

    def _settle_end(self) -> None:
        """Close the connection if nothing is in flight and all is sent."""
        self._stop_waiting_for_the_first()
        if not self._replies.pending and not self._replies.waiting:
            self._life.on(Event.ANSWERED)
        if self._life.stage is Stage.FLUSHING and not self._outbox.stalled and not self._outbox.waiting:
            self._close()

    def _stop_waiting_for_the_first(self) -> None:
        if self._first_message is not None:
            self._first_message.wait_for(None)
            self._first_message = None

    def _close(self) -> None:
        self.transport.unregisterProducer()
        if self._linger and hasattr(self.transport, "loseWriteConnection"):
            self._life.on(Event.HALF_CLOSE)
            self.transport.loseWriteConnection()
        else:
            self._life.on(Event.CLOSE)
            self.transport.loseConnection()

    def _drop(self) -> None:
        """Forget what was received and what was to be sent."""
        self._replies.drop()
        self._outbox.drop()
        self._intake.drop()
        self._stop_waiting_for_the_first()
        self._patience.wait_for(None)
        change, self.kept = -self.kept, 0
        self._roster.hold(change)

    def _awaited(self, unfinished: bool) -> Awaited | None:
        """Return what the client keeps us waiting for."""
        limits, stage = self._limits, self._life.stage
        if self._outbox.stalled:
            return Awaited(limits.message_timeout, _NOT_READ, self._outbox.pieces)
        if stage is _LINGERING:
            return Awaited(_LINGER, _NOT_CLOSED, 0)
        if stage is _CLOSING:
            return Awaited(limits.message_timeout, _NOT_CLOSED, 0)
        if stage is not _OPEN or self._intake.reading is _FULL:
            return None
        if unfinished:
            return Awaited(limits.message_timeout, _UNFINISHED, self._intake.taken)
        if limits.idle_timeout is not None and not self._replies.pending:
            return Awaited(limits.idle_timeout, _IDLE, self._intake.taken)
        return None

    def _expire(self, what: str) -> None:
        """Cut the connection because of something that has taken too long, or too much."""
        if what is _NOT_CLOSED:
            self.abort(self._reason)
            return
        if what is not _IDLE:
            self._roster.complain(self.peer, "{what}", what=what)
        self.abort(what)
