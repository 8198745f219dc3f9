"""All connections of one HTTP server: their bound, their time-outs, the drain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES
from twisted.web.server import Site as WebSite

from twisted_tasks.ops.looping import unending
from twisted_tasks.ops.requests.channel import RequestChannel
from twisted_tasks.ops.requests.head import Refused, RequestHead
from twisted_tasks.ops.requests.request import Fields, Request

_log = Logger()

NOT_TAKEN = "the client does not take what it asked for"
IDLE = "idle, and others came"
TOO_MANY = "too many connections"
"""Why connections are ended by us."""

Refusal = Callable[[int, str, "RequestHead | None"], "tuple[Fields, bytes]"]
"""Makes fields and body of the answer to what is refused: of the status, a sentence, and the head if it was read."""


def plain_text(status: int, detail: str, head: RequestHead | None) -> tuple[Fields, bytes]:
    """Return an answer in plain text. See `Refusal`."""
    return [(b"Content-Type", b"text/plain; charset=utf-8")], f"{status}: {detail}\n".encode()


class Site(WebSite):
    """What a port is listened with.

    @param handle: answers a request; it does not raise.
    @param clock: monotonic; times every connection.
    @param limit: gives the bytes the body of a request may have, by its head.
    @param refusal: makes the answers to what is not handled.
    @param max_connections: how many there may be. One more replaces one that is idle, or is closed.
    @param request_time: seconds for a request to come whole, from its first byte.
    @param idle_time: seconds that a connection is kept between two requests.
    @param write_time: seconds that a client may leave what was written untaken.
    @param max_buffered: bytes of bodies that have not come whole, of all connections together.

    @ivar in_flight: how many requests are being answered.
    @ivar refused: how many requests were refused before they were handled, by status.
    @ivar ended: how many connections were cut or turned away, by why.
    """

    noisy = False

    def __init__(
        self,
        handle: Callable[[Request], None],
        clock: IReactorTime,
        *,
        limit: Callable[[RequestHead], int] = lambda head: 0,
        refusal: Refusal = plain_text,
        max_connections: int = 10_000,
        request_time: float = 30.0,
        idle_time: float = 60.0,
        write_time: float = 30.0,
        max_buffered: int = 64 * 2**20,
    ) -> None:
        super().__init__(None, reactor=clock)
        self.handle = handle
        self.clock = clock
        self.now = clock.seconds
        self.limit = limit
        self.max_connections = max_connections
        self.request_time = request_time
        self.idle_time = idle_time
        self.write_time = write_time
        self.draining = False
        self.in_flight = 0
        self.refused: Counter[int] = Counter()
        self.ended: Counter[str] = Counter(dict.fromkeys((NOT_TAKEN, IDLE, TOO_MANY), 0))
        self._refusal = refusal
        self._max_buffered = max_buffered
        self._buffered = 0
        self._channels: dict[RequestChannel, None] = {}
        self._drained: Deferred[None] | None = None
        self._date = (-1, b"")
        self._sweeps = unending(self._sweep, _bug, clock)

    def startFactory(self) -> None:
        """Begin to time connections."""
        self.draining = False
        self._sweeps.start(1.0, now=False)

    def stopFactory(self) -> None:
        """Called when the port is closed. Connections that are left are timed on."""

    # Connections.

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._channels)

    def buildProtocol(self, addr: IAddress | None) -> RequestChannel | None:  # type: ignore[override]
        """Return a connection, or None when there are too many."""
        if len(self._channels) >= self.max_connections:
            idle = next((channel for channel in self._channels if channel.connected_idle), None)
            if idle is None:
                self.cut(TOO_MANY)
                return None
            self.cut(IDLE)
            idle.transport.abortConnection()
        return RequestChannel(self)

    def make_request(self, channel: RequestChannel, head: RequestHead, body: bytes) -> Request:
        """Return the request of this head and body."""
        return Request(channel, head, body)

    def opened(self, channel: RequestChannel) -> None:
        """Called by a connection when it is there."""
        self._channels[channel] = None

    def closed(self, channel: RequestChannel) -> None:
        """Called by a connection when it has ended."""
        self._channels.pop(channel, None)
        if not self._channels and self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def cut(self, why: str) -> None:
        """Count a connection that is ended by us, by why."""
        self.ended[why] += 1

    def hold(self, size: int) -> None:
        """Count bytes of bodies in or out. Raises Refused when there are too many."""
        self._buffered += size
        if size > 0 and self._buffered > self._max_buffered:
            raise Refused(503, "too many large requests are under way")

    def _sweep(self) -> None:
        now = self.now()
        for channel in tuple(self._channels):
            if channel.look(now):
                self.cut(NOT_TAKEN)
        if self.draining and not self._channels and self._sweeps.running:
            self._sweeps.stop()

    # Answers.

    def refuse(self, status: int, detail: str, head: RequestHead | None) -> bytes:
        """Return the answer to what is not handled; the connection ends with it."""
        self.refused[status] += 1
        fields, body = self._refusal(status, detail, head)
        lines = [b"HTTP/1.1 %d %s\r\n" % (status, RESPONSES.get(status, b"-"))]
        lines += [b"%s: %s\r\n" % field for field in fields]
        lines.append(b"Content-Length: %d\r\nDate: %s\r\nConnection: close\r\n\r\n" % (len(body), self.date()))
        return b"".join(lines) + (b"" if head is not None and head.method == b"HEAD" else body)

    def date(self) -> bytes:
        """Return the time of day as the field date has it."""
        second = int(self.now())
        if second != self._date[0]:
            self._date = (second, formatdate(usegmt=True).encode())
        return self._date[1]

    def log(self, request: Any) -> None:
        """Do nothing: who handles requests logs them."""

    # The end.

    def drain(self) -> Deferred[None]:
        """Answer the requests that have begun, and close every connection; fires when there is none."""
        self.draining = True
        for channel in tuple(self._channels):
            channel.drain()
        if not self._channels:
            return succeed(None)
        self._drained = Deferred(lambda _: setattr(self, "_drained", None))
        return self._drained

    def abort(self) -> None:
        """End every connection now."""
        for channel in tuple(self._channels):
            channel.transport.abortConnection()


def _bug(failure: Failure) -> None:
    _log.failure("timing connections over HTTP met a bug", failure)
