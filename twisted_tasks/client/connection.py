"""One connection to the service: calls out, replies matched by their sequence ids, and an end to silence.

Replies come in the order of the calls, so a call that takes long holds up those after it: a connection counts as silent
when no reply has come for a while, though one was due. It is then cut, which fails its calls with `Disconnected`, and
whoever made them repeats them elsewhere. Of a long reply every piece of 64 KiB counts; single bytes do not, or a server
that sends one a second would be kept for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IReactorTime, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.client.codec import METHODS, ClientCodec, Frames, Method
from twisted_tasks.client.errors import BadReply, Disconnected, TaskError

_MAX_SEQID = 2**31 - 1

_PIECE = 64 * 1024
"""Bytes of an unfinished reply that show that it is under way."""


class _Pending:
    """A call that waits for its reply. `reply` is None once nobody listens any more."""

    __slots__ = ("method", "reply")

    def __init__(self, method: Method, reply: Deferred[Any] | None) -> None:
        self.method = method
        self.reply = reply


@implementer(IHandshakeListener)
class TasksConnection(Protocol):
    """The client's side of one connection.

    @param clock: tells how long it has been silent.
    @param silence: seconds without a reply, or another piece of one, while one is due, after which it is cut.
    @param ping_interval: seconds without a call after which `check` is called, so that a dead connection is found
        before somebody needs it.
    @param made: told of this connection when it can be used.
    @param lost: told of it, and of the reason as an error, when it has ended.

    @ivar heard: whether any reply has come.
    @ivar was_silent: whether it was cut for its silence.
    """

    transport: Any  # ITransport with abortConnection: every stream transport has it

    def __init__(
        self,
        clock: IReactorTime,
        silence: float,
        ping_interval: float,
        made: Callable[[TasksConnection], None],
        lost: Callable[[TasksConnection, TaskError], None],
    ) -> None:
        self._clock = clock
        self._silence = silence
        self._ping_interval = ping_interval
        self._made = made
        self._lost = lost
        self._codec = ClientCodec()
        self._frames = Frames()
        self._pending: dict[int, _Pending] = {}
        self._seqid = 0
        self._last = 0.0
        """When a reply or a piece of one came last; or, if later, when a call was made with none before it pending."""
        self._unfinished = 0
        """Bytes that came since then."""
        self._timer: IDelayedCall | None = None
        self._reason: TaskError | None = None
        self._open = False
        """Whether calls can be made: with TLS, not before the service has shown who it is."""
        self.heard = False
        self.was_silent = False

    @property
    def pending(self) -> int:
        """How many replies are due."""
        return len(self._pending)

    def connectionMade(self) -> None:
        """Be ready for calls, or with TLS begin to be."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self._last = self._clock.seconds()
        if ISSLTransport.providedBy(self.transport):
            self._watch(self._silence)
        else:
            self._begin()

    def handshakeCompleted(self) -> None:
        """Be ready for calls, over TLS."""
        self._begin()

    def _begin(self) -> None:
        self._open = True
        self._watch(self._ping_interval)
        self._made(self)

    def call(self, method: Method, arguments: tuple[Any, ...]) -> Deferred[Any]:
        """Send a call. Fires with the generated result, or fails with a TaskError. Cancelling it forgets the reply.

        @raise InvalidArgument: when the arguments cannot be written. Nothing was sent then.
        """
        seqid = self._seqid = self._seqid % _MAX_SEQID + 1
        frame = self._codec.write(method, seqid, arguments)
        if not self._pending:
            self._last = self._clock.seconds()
            self._watch(self._silence)
        reply: Deferred[Any] = Deferred(lambda _: self._forget(seqid))
        self._pending[seqid] = _Pending(method, reply)
        self.transport.write(frame)
        return reply

    def _forget(self, seqid: int) -> None:
        # The reply will come all the same, and has to be known for what it is.
        if seqid in self._pending:
            self._pending[seqid].reply = None

    def dataReceived(self, data: bytes) -> None:
        """Take what the service sent."""
        if self._reason is not None:
            return
        self._unfinished += len(data)
        if self._unfinished >= _PIECE:
            self._progress()
        try:
            for frame in self._frames.feed(data):
                self._progress()
                self._take(frame)
        except BadReply as error:
            self.abort(error)

    def _progress(self) -> None:
        self._last = self._clock.seconds()
        self._unfinished = 0

    def _take(self, frame: bytes) -> None:
        kind, seqid = self._codec.read_head(frame)
        pending = self._pending.pop(seqid, None)
        if pending is None:
            raise BadReply(f"the service answered a call that was not made, number {seqid}")
        outcome = self._codec.read_result(kind, pending.method)
        self.heard = True
        if pending.reply is None:
            return
        if isinstance(outcome, TaskError):
            pending.reply.errback(outcome)
        else:
            pending.reply.callback(outcome)

    def _watch(self, delay: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._clock.callLater(delay, self._look)

    def _look(self) -> None:
        """See whether it was silent for too long. The timer is not moved with every byte: it looks again instead."""
        quiet = self._clock.seconds() - self._last
        due = self._pending or not self._open
        allowed = self._silence if due else self._ping_interval
        if quiet < allowed:
            self._watch(allowed - quiet)
        elif due:
            self.was_silent = True
            self.abort(Disconnected(f"the service said nothing for {quiet:.1f} s"))
        else:
            # Any answer will do: it shows that the connection works.
            self.call(METHODS["check"], ()).addBoth(lambda _: None)

    def abort(self, reason: TaskError) -> None:
        """Cut the connection now; its calls fail with the reason."""
        if self._reason is None:
            self._reason = reason
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail every call that waits."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        error = self._reason or Disconnected(f"the connection was lost: {_why(reason)}")
        self._reason = error
        pending, self._pending = self._pending, {}
        self._lost(self, error)
        for call in pending.values():
            if call.reply is not None:
                call.reply.errback(error)


def _why(reason: Failure) -> str:
    """Return why a connection ended. OpenSSL's errors are lists of (library, function, reason)."""
    details = reason.value.args[0] if reason.value.args else None
    if isinstance(details, list) and details and isinstance(details[-1], tuple):
        return f"TLS: {details[-1][-1]}"
    if type(reason.value).__name__ == "VerificationError":  # service_identity's, which is there only with TLS
        return "TLS: the certificate it shows is not that of the host asked for"
    return reason.getErrorMessage()
