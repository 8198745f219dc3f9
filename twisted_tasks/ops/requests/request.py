"""One request and its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.http import NO_BODY_CODES, RESPONSES
from twisted.web.server import Request as WebRequest

from twisted_tasks.ops.requests.head import RequestHead

Fields = Iterable[tuple[bytes, bytes]]

_PIECE = 64 * 1024
"""Bytes that are written at once. A client has to take each such piece in its time."""

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def unquote(text: bytes) -> str:
    """Return percent-encoded text as it is meant. Raises ValueError when it is not percent-encoded UTF-8."""
    if b"%" not in text:
        return text.decode()
    if _BAD_ESCAPE.search(text):
        raise ValueError("a % is not followed by two hexadecimal digits")
    return unquote_to_bytes(text).decode()


def read_query(query: bytes) -> list[tuple[str, str]]:
    """Return the parameters of a query, in order. Only `&` parts them. Raises ValueError as `unquote`."""
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.replace(b"+", b" ").partition(b"=")
            pairs.append((unquote(name), unquote(value)))
    return pairs


def read_path(path: bytes) -> list[str] | None:
    """Return the segments of a path; None when one could be read as another path: `.`, `..`, an encoded slash, NUL.

    @raise ValueError: as `unquote`.
    """
    segments = [unquote(segment) for segment in path.split(b"/")[1:]]
    tricks = any(segment in (".", "..") or "/" in segment or "\\" in segment or "\0" in segment for segment in segments)
    return None if tricks else segments


class Request(WebRequest):
    """A request that has come whole. twisted.web's, so that its resources can answer it, too.

    @ivar head: what its head said.
    @ivar body: its body.
    @ivar arrived: seconds on the site's clock when it came.
    """

    defaultContentType = None
    channel: Any
    site: Any
    content: Any
    args: Any

    def __init__(self, channel: Any, head: RequestHead, body: bytes) -> None:
        super().__init__(channel, parsePOSTFormSubmission=False)
        self.head = head
        self.body = body
        self.method, self.uri, self.path, self.clientproto = head.method, head.target, head.path, head.version
        self.site = channel.site
        self.arrived = channel.site.now()

    def process(self) -> None:
        """Have the site answer it."""
        self.site.handle(self)

    def field(self, name: bytes) -> bytes | None:
        """Return the value of a field of the head, by its lower-case name."""
        return self.head.fields.get(name)

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return bool(self._disconnected)

    def answer(self, status: int, fields: Fields, body: bytes = b"") -> None:
        """Answer with a head and a body that is known as a whole. Does nothing when the client is gone.

        @param fields: without content-length, date and connection, which are added.
        """
        if self._disconnected or self.finished:
            return
        self.code = status
        has_body = status not in NO_BODY_CODES
        self.startedWriting = 1
        lines = [*fields]
        if has_body:
            lines.append((b"Content-Length", b"%d" % len(body)))
        head = self._head(status, lines, True)
        if self.method == b"HEAD" or not has_body:
            body = b""
        if len(body) <= _PIECE:
            self.channel.write(head + body)
            self._sent()
        else:
            self.channel.write(head)
            _Pieces(self, body).start()

    def begin(self, fields: Fields) -> None:
        """Answer with status 200 and a body that is written piece by piece, by `write`, and ended by `finish`."""
        self.startedWriting = 1
        lines = [*fields]
        if self.clientproto == b"HTTP/1.1":
            self.chunked = 1
            lines.append((b"Transfer-Encoding", b"chunked"))
        self.channel.write(self._head(200, lines, bool(self.chunked)))

    def _head(self, status: int, fields: Fields, length_known: bool) -> bytes:
        parts = [b"HTTP/1.1 %d %s\r\n" % (status, RESPONSES.get(status, b"-"))]
        parts += [b"%s: %s\r\n" % field for field in fields]
        parts.append(b"Date: %s\r\nConnection: %s\r\n\r\n" % (self.site.date(), self.channel.option(length_known)))
        return b"".join(parts)

    def _sent(self) -> None:
        self.finished = 1
        self._cleanup()

    def client_is_done(self) -> None:
        """Called when the client will send nothing more. A stream that has no end of its own is ended here."""
        if self.chunked:
            self.channel.transport.abortConnection()

    def for_resource(self) -> Request:
        """Make ready for a resource of twisted.web: it reads the head and the body in that library's ways."""
        for name, value in self.head.fields.items():
            self.requestHeaders.addRawHeader(name, value)
        self.content = BytesIO(self.body)
        self.args = {}
        self.prepath = []
        self.postpath = [segment.encode() for segment in read_path(self.path) or ()]
        self.setHeader(b"Date", self.site.date())
        return self


class _Pieces:
    """Writes a long body as fast as the client takes it."""

    def __init__(self, request: Request, body: bytes) -> None:
        self._request = request
        self._body = memoryview(body)
        self._at = 0
        self._paused = self._writing = False

    def start(self) -> None:
        """Begin."""
        self._request.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """See IPushProducer."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See IPushProducer."""
        self._paused = False
        if self._writing:
            return
        self._writing = True
        while not self._paused and self._at < len(self._body):
            piece = self._body[self._at : self._at + _PIECE]
            self._at += len(piece)
            self._request.channel.write(bytes(piece))
            if self._request.is_gone:
                return
        self._writing = False
        if self._at == len(self._body):
            self._request.unregisterProducer()
            self._request._sent()

    def stopProducing(self) -> None:
        """See IPushProducer."""
        self._paused = True
