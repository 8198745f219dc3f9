"""Thrift over HTTP/1: a message in the body of each POST, its reply in the response. Any path will do.

The bytes are h11's business; what is ours is which requests we take, and how much of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import h11
from zope.interface import implementer

from twisted_tasks.wire.codec import NO_HEAD, Codec, Walk
from twisted_tasks.wire.dialect import Protocol, UnknownDialect, protocol_of
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.messages import MORE, Answer, Call, ISplitter, Plain, whole

_THRIFT = b"application/x-thrift"
_TYPES = (_THRIFT, b"application/vnd.apache.thrift.", b"application/thrift")
"""What Thrift's clients say of a body, some of them with a protocol's name behind it. The body itself tells."""

_EVENTS = 64
"""Pieces of a body that one connection may have read before it is the turn of others: a segment can hold ten thousand
chunks of one byte."""

_EXTRA = {405: (b"Allow", b"POST"), 415: (b"Accept", _THRIFT)}


@implementer(ISplitter)
class Http(Plain):
    """One message in each request. Requests are served one after the other, as they come."""

    acknowledges = True

    def __init__(self, codecs: Mapping[Protocol, Codec], limits: Limits) -> None:
        self._codecs = codecs
        self._limits = limits
        self._walk = Walk(limits)
        self._connection = h11.Connection(h11.SERVER)
        self._ending = False
        self._partial = False
        self._begin()

    def _begin(self) -> None:
        self.waits = False
        self._method = b""
        self._type = b""
        self._status = 0
        """That of the refusal which the request has earned, once it is read to its end."""
        self._body = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return True: only h11 knows what they are."""
        self._partial = True
        self._connection.receive_data(data)
        return True

    def next(self) -> Call | Answer | None:
        """See `ISplitter.next`. It returns None when a reply is due, too."""
        for _ in range(_EVENTS):
            if self.last():
                return None
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as why:
                return self._refuse(why.error_status_hint, last=True)
            if isinstance(event, h11.EndOfMessage):
                return self._refuse(self._status) if self._status else self._message()
            if event is h11.NEED_DATA:
                return self._encouragement()
            if event is h11.PAUSED:
                self.waits = True
                return None
            if isinstance(event, h11.Request):
                self._status = self._judge(event)
            elif isinstance(event, h11.Data):
                self._take(event.data)
            if self._status == 413:
                # What is still to come of it is not read.
                return self._refuse(413, last=True)
        return MORE

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limits.max_message_size:
            self._status = 413
        elif not self._status:
            self._body += data

    def _judge(self, request: h11.Request) -> int:
        """Return the status with which a request has to be refused, or 0."""
        headers = dict(request.headers)
        self._method = request.method
        if int(headers.get(b"content-length", 0)) > self._limits.max_message_size:
            return 413
        if request.method != b"POST":
            return 405
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return 411
        self._type = headers.get(b"content-type", _THRIFT).partition(b";")[0].strip().lower()
        return 0 if self._type.startswith(_TYPES) else 415

    def _encouragement(self) -> Answer | None:
        """Return what a client waits for that asks before it sends a body."""
        if not self._connection.they_are_waiting_for_100_continue:
            return None
        if self._status:
            return self._refuse(self._status, last=True)
        return Answer(self._connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")

    def _message(self) -> Call | Answer:
        data = bytes(self._body)
        try:
            protocol = protocol_of(data) if data else None
        except UnknownDialect:
            protocol = None
        if protocol is None:
            return self._refuse(400)
        call = whole(data, self._codecs[protocol], self._walk, self._limits)
        return self._refuse(400) if call.head is NO_HEAD else call

    def _refuse(self, status: int, last: bool = False) -> Answer:
        phrase = HTTPStatus(status).phrase
        extra = [_EXTRA[status]] if status in _EXTRA else []
        self._ending = self._ending or last
        reply = self._respond(status, b"text/plain", f"{status} {phrase}\n".encode(), extra)
        return Answer(reply, self.last())

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return self._partial

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        return self._respond(200, self._type, b"".join(pieces), [])

    def _respond(self, status: int, kind: bytes, body: bytes, extra: list[tuple[bytes, bytes]]) -> bytes:
        connection = self._connection
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
            self._partial = bool(connection.trailing_data[0])
            self._begin()
        return b"".join(filter(None, parts))

    def last(self) -> bool:
        """Return whether the connection ends after what was wrapped last."""
        return self._connection.our_state in (h11.MUST_CLOSE, h11.CLOSED)

    def end(self) -> None:
        """Know that the reply wrapped next is the last one of this connection."""
        self._ending = True
