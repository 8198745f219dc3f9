"""One connection of a client: reads requests one after the other, each within its time, and has each answered in turn.

    IDLE -> READING -> ANSWERING -> IDLE ...          any -> LINGERING -> closed

What is no request is answered and ends the connection: nobody can know where the next request would begin. Then the
client may still be sending, and a socket closed under it would take the answer away with it; so the connection lingers,
and what comes is thrown away.

Reading is ours; writing, and the back-pressure of what is written, are `HTTPChannel`'s.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from zope.interface import implementer

from twisted_tasks.ops.requests.body import Body, make_body
from twisted_tasks.ops.requests.head import Refused, RequestHead, find_end, read_head

READ_AHEAD = 16 * 1024
"""Bytes of further requests that are read while one is answered."""
_TURN = 16
"""Requests of one connection that are answered before it is the turn of others."""
_LINGER = 2.0
"""Seconds that a refused client has to stop sending and to read why."""
_LINGER_BYTES = 32 * 2**20
"""Bytes that are thrown away for it."""


class ChannelState(Enum):
    """What a connection waits for."""

    IDLE = "idle"
    """For the first byte of a request."""
    READING = "reading"
    """For the rest of it."""
    ANSWERING = "answering"
    """For us."""
    LINGERING = "lingering"
    """For the client to close."""


@implementer(IHalfCloseableProtocol)
class RequestChannel(HTTPChannel):
    """The server's side of one connection. See the module's text.

    @param site: the `Site` it belongs to.
    """

    transport: Any

    def __init__(self, site: Any) -> None:
        super().__init__()
        self.site = site
        self.factory = site
        self.state = ChannelState.IDLE
        self._received = bytearray()
        self._searched = 0
        self._head: RequestHead | None = None
        self._body: Body | None = None
        self._request: Any = None
        self._due = 0.0
        self._blocked: float | None = None
        """Since when the client has not taken what was written."""
        self._advancing = self._client_is_done = False
        self._later: IDelayedCall | None = None
        self._discarded = 0

    def connectionMade(self) -> None:
        """Wait for a request."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._networkProducer = IPushProducer(self.transport)
        self._networkProducer.registerProducer(self, True)
        # A connection that says nothing has as long as a request: it may be in the midst of TLS's handshake.
        self._due = self.site.now() + self.site.request_time
        self.site.opened(self)

    # What it reads.

    def dataReceived(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self.state is ChannelState.LINGERING:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.transport.abortConnection()
            return
        self._received += data
        if self.state is not ChannelState.ANSWERING and self._later is None:
            self._advance()
        self._balance()

    def _advance(self) -> None:
        """Read what is there, and have it answered. A request may be answered within, which comes back to here."""
        if self._advancing:
            return
        self._advancing, self._later = True, None
        try:
            for _ in range(_TURN):
                if not self._read():
                    return
            self._later = self.site.clock.callLater(0, self._advance)
        except Refused as refused:
            self._refuse(refused)
        finally:
            self._advancing = False
            self._balance()

    def _balance(self) -> None:
        """Read no further while there is enough to do."""
        if self.state is ChannelState.LINGERING or not self.connected:
            return
        busy = self.state is ChannelState.ANSWERING or self._later is not None
        if self._waitingForTransport or (busy and len(self._received) > READ_AHEAD):
            self._networkProducer.pauseProducing()
        else:
            self._networkProducer.resumeProducing()

    def _read(self) -> bool:
        """Take one request from the buffer. Return False when there is none, or one is being answered."""
        if self.state is ChannelState.ANSWERING or not self._received:
            return False
        if self.state is ChannelState.IDLE:
            self.state = ChannelState.READING
            self._due = self.site.now() + self.site.request_time
            # Some clients send an empty line after a body: RFC 9112, section 2.2.
            if self._received.startswith(b"\r\n"):
                del self._received[:2]
        if self._body is None and not self._begin():
            return False
        body = self._body
        assert body is not None
        before = body.size
        ended = body.feed(self._received)
        self.site.hold(body.size - before)
        if ended:
            self._answer(body)
        return ended

    def _begin(self) -> bool:
        """Read the head. Return False when it is not whole."""
        end = find_end(self._received, self._searched)
        if end < 0:
            self._searched = len(self._received)
            return False
        self._searched = 0
        self._head = head = read_head(bytes(self._received[:end]))
        del self._received[:end]
        self._body = make_body(head.length, self.site.limit(head))
        if head.expects and not self._received:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _answer(self, body: Body) -> None:
        head, self._head, self._body = self._head, None, None
        assert head is not None
        self.state = ChannelState.ANSWERING
        self.persistent = head.persistent and not self.site.draining
        self._request = request = self.site.make_request(self, head, body.data())
        self.requests.append(request)
        self.site.hold(-body.size)
        self.site.in_flight += 1
        request.process()

    # How it goes on.

    def requestDone(self, request: Any) -> None:
        """Called by a request when its answer is written."""
        self._forget()
        if not self.persistent or (self._client_is_done and not self._received):
            self.loseConnection()
            return
        self.state = ChannelState.IDLE
        self._due = self.site.now() + self.site.idle_time
        if self.site.draining and not self._received:
            self.loseConnection()
        elif self._received and self._later is None:
            self._advance()
        self._balance()

    def _forget(self) -> None:
        self.requests.clear()
        self._request = None
        self.site.in_flight -= 1

    def _refuse(self, refused: Refused) -> None:
        """Answer what is no request, or none that is taken, and end the connection."""
        head, self._head = self._head, None
        self._drop_body()
        answer = self.site.refuse(refused.status, refused.detail, head)
        self.state = ChannelState.LINGERING
        self._received.clear()
        self._due = self.site.now() + _LINGER
        self.transport.write(answer)
        self._networkProducer.unregisterProducer()
        self._networkProducer.resumeProducing()
        self.transport.loseWriteConnection()

    def _drop_body(self) -> None:
        if self._body is not None:
            self.site.hold(-self._body.size)
            self._body = None

    def look(self, now: float) -> bool:
        """Called every second: end the connection when its time is over. Return whether it does not take its answer."""
        if self._blocked is not None and now - self._blocked >= self.site.write_time:
            self.transport.abortConnection()
            return True
        if self.state is ChannelState.ANSWERING or now < self._due:
            return False
        if self.state is ChannelState.READING:
            self._refuse(Refused(408, f"the request was not whole within {self.site.request_time:g} s"))
        elif self.state is ChannelState.IDLE:
            self.loseConnection()
        else:
            self.transport.abortConnection()
        return False

    def drain(self) -> None:
        """Take no further request: close now, or after the answer that is under way."""
        self.persistent = False
        if self.state is ChannelState.IDLE and not self._received:
            self.loseConnection()

    @property
    def connected_idle(self) -> bool:
        """Whether nothing is lost when the connection is closed now."""
        return self.state is ChannelState.IDLE and not self._received

    # What it writes: the rest is HTTPChannel's.

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        """Write the head of an answer that a resource of twisted.web makes."""
        headers.setRawHeaders(b"Connection", [self.option(headers.hasHeader(b"Content-Length"))])
        super().writeHeaders(version, code, reason, headers)

    def option(self, length_known: bool) -> bytes:
        """Return the value of the answer's field connection, and see to it that it is true."""
        request = self._request
        if request.clientproto == b"HTTP/1.0" and not length_known and request.code not in (204, 304):
            self.persistent = False  # the end of the connection is the end of the answer
        return b"keep-alive" if self.persistent else b"close"

    def pauseProducing(self) -> None:
        """Called when the client does not take what is written: neither write nor read more."""
        self._waitingForTransport = True
        self._blocked = self.site.now()
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()
        self._balance()

    def resumeProducing(self) -> None:
        """Called when the client has taken what was written."""
        self._waitingForTransport = False
        self._blocked = None
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        self._balance()

    def loseConnection(self) -> None:
        """Close when everything is written; by force when the client does not take it."""
        if self.state is not ChannelState.LINGERING:
            self.state = ChannelState.LINGERING
            self._due = self.site.now() + self.site.write_time
        super().loseConnection()

    # How it ends.

    def readConnectionLost(self) -> None:
        """Called when the client has said everything: it may still wait for answers, but not to an endless stream."""
        self._client_is_done = True
        if self.state is ChannelState.ANSWERING:
            self._request.client_is_done()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """Called when our side is closed; the client closes its own."""

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Called when the connection has ended: a request that is being answered is told."""
        TimeoutMixin.setTimeout(self, None)
        if self._later is not None:
            self._later.cancel()
        self._drop_body()
        self.site.closed(self)
        if self._request is not None:
            request = self._request
            self._forget()
            request.connectionLost(reason)
