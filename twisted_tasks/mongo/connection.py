"""One connection to one MongoDB server, from the first byte to the last.

`MongoConnection` is txmongo's protocol with a deadline for every command, and an end that says why. What it is built on
is public in txmongo: `MongoProtocol` with `send_query`, `inflight` and `handle`, `MongoDecoder.decode`, `Msg`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bson
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.error import ConnectionLost as ConnectionLostError
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.python.failure import Failure
from txmongo.protocol import MongoDecoder, MongoProtocol, Msg

from twisted_tasks.mongo.decoding import decode
from twisted_tasks.mongo.reply import ConnectionLost, MongoError, TimedOut, check

_HEADER = 16
_LONGEST = 48_000_000
"""Bytes of a message's header, and of the longest message there may be (`maxMessageSizeBytes`)."""
_WORDS: dict[type[Exception], str] = {
    DeferredTimeoutError: "no answer in time",
    TimeoutError: "no answer in time",
    ConnectionRefusedError: "the connection was refused",
    DNSLookupError: "its name cannot be looked up",
    ConnectionDone: "the server closed the connection",
    ConnectionLostError: "the connection was lost",
}
STALLED_SECONDS = 0.1
"""A connection that owes a reply for so long gets no new command while there is another one: a server works on the
commands of a connection one after the other, so whatever is behind a slow one waits as well."""


class MongoConnection(MongoProtocol):
    """A connection.

    @ivar hello: the server's reply to the handshake's `hello`; empty until then.
    @ivar ended: why the connection is of no more use, or None while it is.
    """

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.hello: Mapping[str, Any] = {}
        self.ended: str | None = None
        self._clock = clock
        self._owing_since = clock.seconds()
        self._pieces: list[bytes] = []  # of a reply that has not come whole
        self._come = 0
        self._wanted = _HEADER
        self._on_end: Callable[[MongoConnection], None] | None = None

    @property
    def sessions(self) -> bool:
        """Whether the server recognises a repeated write by its session and number."""
        numbered = "setName" in self.hello or self.hello.get("msg") == "isdbgrid"
        return numbered and self.hello.get("logicalSessionTimeoutMinutes") is not None

    @property
    def wire_version(self) -> int:
        """The newest protocol the server speaks: 17 is MongoDB 6.0."""
        return int(self.hello.get("maxWireVersion", 0))

    def stalled(self, now: float) -> bool:
        """Return whether the server has owed a reply for a while."""
        return self.inflight() > 0 and now - self._owing_since > STALLED_SECONDS

    def idle_for(self) -> float:
        """Return for how many seconds nothing has been sent; 0 while something is in flight."""
        return 0.0 if self.inflight() else self._clock.seconds() - self._owing_since

    def on_end(self, listener: Callable[[MongoConnection], None]) -> None:
        """Have `listener` called, once, when the connection is of no more use and before its commands fail."""
        self._on_end = listener

    def send(self, command: bytes, deadline: float) -> Deferred[dict[str, Any]]:
        """Send a command, in BSON, and return its reply, decoded and not checked: see `reply.check`.

        When there is no reply by the deadline the connection is aborted: the server is still at it, and everything
        sent after it would wait behind. Cancelling the Deferred merely drops the reply.

        Fails with TimedOut or ConnectionLost.
        """
        now = self._clock.seconds()
        if self.ended is not None:
            return fail(ConnectionLost(self.ended))
        if deadline <= now:
            return fail(TimedOut("there was no time left to send it"))
        if self.inflight() == 0:
            self._owing_since = now
        reply: Deferred[Any] = self.send_query(Msg(body=command))
        if isinstance(self.transport, FileDescriptor):  # a bare socket, and not TLS
            # The reactor would send it once all that is to be done now is done. A batch leaves before the answers to
            # the last one are written: it is now that the server can work on it meanwhile.
            self.transport.doWrite()
        return reply.addBoth(self._replied, self._clock.callLater(deadline - now, self._expire, reply))

    async def run(self, database: str, command: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a command to a database and return its reply, checked; raise MongoError."""
        reply = await self.send(bson.encode({**command, "$db": database}), deadline)
        check(reply)
        return reply

    def abort(self, reason: str) -> None:
        """End the connection at once. Commands in flight fail with ConnectionLost."""
        self._end(reason)
        if self.transport is not None:
            self.transport.abortConnection()

    def close(self) -> None:
        """End the connection in good order when nothing is in flight, else at once."""
        if self.inflight():
            self.abort("it was closed")
            return
        self._end("it was closed")
        self.transport.loseConnection()

    def fail(self, reason: object) -> None:
        """What txmongo calls when bytes came that it cannot read."""
        self.abort(f"the server's bytes make no sense: {reason!r}")

    def connectionMade(self) -> None:
        """See Protocol."""
        if ITCPTransport.providedBy(self.transport):  # which a Unix socket is not
            self.transport.setTcpKeepAlive(True)
            self.transport.setTcpNoDelay(True)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """See Protocol. Replies are cut out here: txmongo copies all that has come of one for each piece of it."""
        if self._pieces:
            self._pieces.append(data)
            self._come += len(data)
            if self._come < self._wanted:
                return
            data = b"".join(self._pieces)
        try:
            rest = self._take_replies(data)
        except Exception as error:
            self.fail(error)
            return
        self._pieces = [rest] if rest else []
        self._come = len(rest)

    def connectionLost(self, reason: Failure) -> None:
        """See Protocol."""
        self._end(describe(reason))
        super().connectionLost(reason)

    def _take_replies(self, data: bytes) -> bytes:
        """Handle all replies that are whole, and return what is left; `_wanted` is then how long that has to get."""
        while len(data) >= _HEADER:
            length = int.from_bytes(data[:4], "little", signed=True)
            if not _HEADER <= length <= _LONGEST:
                raise ValueError(f"a reply of {length} bytes")
            self._wanted = length
            if len(data) < length:
                return data
            self.handle(MongoDecoder.decode(data if len(data) == length else data[:length]))
            data = data[length:]
        self._wanted = _HEADER
        return data

    def _end(self, reason: str) -> None:
        if self.ended is None:
            self.ended = reason
            if self._on_end is not None:
                self._on_end(self)

    def _expire(self, reply: Deferred[Any]) -> None:
        # First nobody gets this connection any more, then the caller is told, then what else is in flight here fails.
        self._end("an operation on it timed out")
        reply.cancel()
        self.transport.abortConnection()

    def _replied(self, result: Any, timer: Any) -> dict[str, Any] | Failure:
        expired = not timer.active()
        if not expired:
            timer.cancel()
        if self.inflight():
            self._owing_since = self._clock.seconds()
        if isinstance(result, Failure):
            if expired:
                return Failure(TimedOut("no reply came in time"))
            if result.check(CancelledError):
                return result
            return Failure(ConnectionLost(self.ended or "the connection was lost"))
        try:
            return decode(result.body)
        except Exception as error:  # not a reply: what comes next on this connection cannot be told either
            self.fail(error)
            return Failure(ConnectionLost("the server's reply makes no sense"))


def describe(failure: Failure) -> str:
    """Return why a connection failed or ended, as part of a sentence."""
    error = failure.value
    if isinstance(error, MongoError):
        return str(error)
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    module = type(error).__module__
    if module.startswith("OpenSSL"):
        # A list of (library, function, reason); an empty one is a connection that ended within TLS.
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        return f"TLS failed: {reasons[-1][-1]}" if reasons else "TLS failed: the connection ended"
    if module.startswith("service_identity"):
        return "TLS failed: the server's certificate is for another name"
    return f"{type(error).__name__}: {error}"
