"""Thrift over HTTP/1: a message in the body of each POST, its reply in the response. Any path will do.

h11 understands the bytes. We decide which requests to take, and how much of them. A body holds one message: as it is,
in a frame, or in a THeader frame; its reply comes in kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import h11
from zope.interface import implementer

from twisted_tasks.wire.dialect import Dialect, Protocol, Transport, UnknownDialect, detect
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.head import NO_HEAD
from twisted_tasks.wire.trace import NAME, read
from twisted_tasks.wire.transports.buffer import Buffer, framed
from twisted_tasks.wire.transports.header import HeaderReader, read_payload, unreadable
from twisted_tasks.wire.transports.messages import MORE, Call, ISplitter, PlainTransport, TransportAnswer
from twisted_tasks.wire.transports.reader import MessageReader

_THRIFT = b"application/x-thrift"
_TYPES = (_THRIFT, b"application/vnd.apache.thrift.", b"application/thrift")
"""What Thrift's clients say of a body, some of them with a protocol's name behind it. The body itself tells."""
_BYTES = b"application/octet-stream"
"""What others say, which is true of any body."""

_EVENTS = 64
"""Pieces of a body that one connection may have read before it is the turn of others: a segment can hold ten thousand
chunks of one byte."""

_HEAD_PIECE = 4096
"""Bytes that h11 is given at once where a head is to come. It refuses one of more than 16 KiB that is not complete; a
segment of 64 KiB could hold one that is, with 16,000 lines."""
_BODY_PIECE = 64 * 1024

_REQUEST = 4
"""Messages that a request counts as when turns are shared out: HTTP takes more time than all the rest of a call."""
_FIELDS = 4
"""Lines of a head that count as one more."""

_EXTRA = {405: (b"Allow", b"POST"), 415: (b"Accept", _THRIFT)}
_FATAL = (400, 413)
"""With these, what is still to come of a request is not read."""


@implementer(ISplitter)
class Http(PlainTransport):
    """One message in each request. Requests are served one after the other, as they come."""

    acknowledges = True

    def __init__(self, codecs: Mapping[Protocol, Codec], limits: Limits) -> None:
        self._codecs = codecs
        self._max_size = limits.max_message_size
        self._reader = MessageReader(limits)
        self._headers = HeaderReader(limits)
        self._h11 = h11.Connection(h11.SERVER)
        self._received = Buffer()
        self._ending = False
        self._partial = False
        self._used_up = True
        """Whether h11 has no bytes, so that it need not be asked before it is given some."""
        self._begin()

    def _begin(self) -> None:
        self.waits = False
        self._method = b""
        self._type = b""
        self._traceparent: str | None = None
        self._status = 0
        """That of the refusal which the request has earned, once it is read to its end."""
        self._weight = _REQUEST
        self._head_size = 0
        """Bytes of a head that h11 has and has not understood yet."""
        self._body = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return True: only h11 knows what they are."""
        self._partial = True
        self._received.feed(data)
        return True

    def next(self) -> Call | TransportAnswer | None:
        """See `ISplitter.next`. It returns None when a reply is due, too."""
        if self._reader.busy is not None:
            return self._ready(self._reader.go_on())
        if self._used_up:
            self._used_up = False
            self._give()
        for _ in range(_EVENTS):
            if self.last():
                return None
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as why:
                return self._refuse(why.error_status_hint, last=True)
            if isinstance(event, h11.EndOfMessage):
                return self._refuse(self._status) if self._status else self._message()
            if event is h11.NEED_DATA:
                if not self._give():
                    return self._encouragement()
            elif event is h11.PAUSED:
                self.waits = True
                return None
            elif isinstance(event, h11.Request):
                self._begin_request(event)
            elif isinstance(event, h11.Data):
                self._take(event.data)
            if self._status in _FATAL:
                return self._refuse(self._status, last=True)
        return MORE

    def _give(self) -> bool:
        """Give h11 more of what was received, and return whether there was any."""
        in_body = self._h11.their_state is h11.SEND_BODY
        data = self._received.take_up_to(_BODY_PIECE if in_body else _HEAD_PIECE)
        if not data:
            return False
        if not in_body:
            self._head_size += len(data)
        self._h11.receive_data(data)
        return True

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_size:
            self._status = 413
        elif not self._status:
            self._body += data

    def _begin_request(self, request: h11.Request) -> None:
        self._head_size = 0
        self._weight = _REQUEST + len(request.headers) // _FIELDS
        self._method = request.method
        headers = dict(request.headers)
        if NAME in headers:
            self._traceparent = read(headers[NAME])
        self._status = self._judge(request, headers)

    def _judge(self, request: h11.Request, headers: Mapping[bytes, bytes]) -> int:
        """Return the status with which a request has to be refused, or 0."""
        measured, chunked = b"content-length" in headers, b"transfer-encoding" in headers
        # Whoever stands between the client and us may take such a request for another: RFC 9112, section 6.1.
        if chunked and (measured or request.http_version == b"1.0"):
            return 400
        if int(headers.get(b"content-length", 0)) > self._max_size:
            return 413
        if request.method != b"POST":
            return 405
        if not measured and not chunked:
            return 411
        self._type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower() or _THRIFT
        return 0 if self._type == _BYTES or self._type.startswith(_TYPES) else 415

    def _encouragement(self) -> TransportAnswer | None:
        """Return what a client waits for that asks before it sends a body."""
        if not self._h11.they_are_waiting_for_100_continue:
            return None
        if self._status:
            return self._refuse(self._status, last=True)
        return TransportAnswer(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")

    def _message(self) -> Call | TransportAnswer:
        """Return the message in a body that is whole, or MORE, or a refusal."""
        data = bytes(self._body)
        try:
            dialect = detect(data) if data else None
        except UnknownDialect:
            dialect = None
        found = None if dialect is None else self._read(dialect, data)
        return self._refuse(400) if found is None else self._ready(found)

    def _read(self, dialect: Dialect, data: bytes) -> Call | TransportAnswer | None:
        transport, protocol = dialect
        if transport is Transport.UNFRAMED and protocol is not None:
            return self._reader.read(data, self._codecs[protocol])
        if int.from_bytes(data[:4]) != len(data) - 4:
            return None
        if transport is Transport.FRAMED and protocol is not None:
            call = Call(data[4:], self._codecs[protocol], NO_HEAD)
            call.context = framed
            return self._reader.walk(call)
        if transport is Transport.HEADER:
            try:
                header = self._headers.open(data[4:])
            except Exception as why:  # whatever Thrift's code and zlib raise
                return unreadable(data[4:], why)
            return read_payload(self._reader, header)
        return None

    def _ready(self, found: Call | TransportAnswer) -> Call | TransportAnswer:
        """Return what was read of a body, unless it is no message at all."""
        if not isinstance(found, Call):
            return found
        if found.head is NO_HEAD:
            return self._refuse(400)
        found.weight += self._weight
        if found.traceparent is None:
            found.traceparent = self._traceparent
        return found

    def _refuse(self, status: int, last: bool = False) -> TransportAnswer:
        phrase = HTTPStatus(status).phrase
        extra = [_EXTRA[status]] if status in _EXTRA else []
        self._ending = self._ending or last
        weight = self._weight
        reply = self._respond(status, b"text/plain", f"{status} {phrase}\n".encode(), extra)
        return TransportAnswer(reply, self.last(), weight)

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return self._partial

    def kept(self) -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""
        return len(self._received) + self._head_size + len(self._body) + self._reader.kept()

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        # A oneway call is acknowledged with nothing, which is no frame either.
        join = (call.context if pieces else None) or b"".join
        return self._respond(200, self._type, join(pieces), [])

    def _respond(self, status: int, kind: bytes, body: bytes, extra: list[tuple[bytes, bytes]]) -> bytes:
        connection = self._h11
        headers = [
            (b"Date", formatdate(usegmt=True).encode()),
            (b"Content-Type", kind),
            (b"Content-Length", b"%d" % len(body)),
            *extra,
        ]
        if self._ending:
            headers.append((b"Connection", b"close"))
        parts = [
            connection.send(h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)),
            # The answer to HEAD says how long a body would be, and has none.
            connection.send(h11.Data(data=b"" if self._method == b"HEAD" else body)),
            connection.send(h11.EndOfMessage()),
        ]
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
            self._used_up = not connection.trailing_data[0]
            self._partial = not self._used_up or len(self._received) > 0
            self._begin()
        return b"".join(filter(None, parts))

    def last(self) -> bool:
        """Return whether the connection ends after what was wrapped last."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED)

    def end(self) -> None:
        """Called when the reply that is wrapped next is the last one of this connection."""
        self._ending = True
