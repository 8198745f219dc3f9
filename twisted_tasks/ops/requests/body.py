"""The body of an HTTP/1 request (RFC 9112, sections 6 and 7), plain or in chunks, within a limit. Knows no connection.

chunked = *( size [ ";" extension ] CRLF data CRLF ) "0" [ ";" extension ] CRLF *( trailer CRLF ) CRLF
"""

from __future__ import annotations

import re
from typing import Protocol

from twisted_tasks.ops.requests.head import Refused

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t !-~\x80-\xff]*)?")
_TRAILER = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_MAX_SIZE_LINE = 256
"""Bytes of a chunk's size and extension. Nobody uses extensions."""
_OVERHEAD = 16 * 1024
"""Bytes that are not data, besides an eighth of the data: chunks of a single byte would cost a hundred times the work
of their bytes."""


class Body(Protocol):
    """Takes a body from a connection's bytes."""

    @property
    def size(self) -> int:
        """Return how many bytes of data have come."""

    def feed(self, data: bytearray) -> bool:
        """Take from the front of `data` what is the body's, and return whether that was the end of it.

        @raise Refused: when it is longer than its limit, or is no body.
        """

    def data(self) -> bytes:
        """Return the body. It has ended."""


def too_large(limit: int) -> Refused:
    """Return why a body is refused that is longer than this."""
    return Refused(413, f"the body is longer than {limit} bytes" if limit else "this request takes no body")


def make_body(length: int | None, limit: int) -> Body:
    """Return what takes a body of this length; None is chunks. Raises Refused when it is known to be too long."""
    if length is None:
        return Chunked(limit)
    if length > limit:
        raise too_large(limit)
    return PlainBody(length)


class PlainBody:
    """A body whose length is known."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._data = bytearray()

    @property
    def size(self) -> int:
        """See `Body`."""
        return len(self._data)

    def feed(self, data: bytearray) -> bool:
        """See `Body`."""
        part = data[: self._length - len(self._data)]
        del data[: len(part)]
        self._data += part
        return len(self._data) == self._length

    def data(self) -> bytes:
        """See `Body`."""
        return bytes(self._data)


class Chunked:
    """A body in chunks.

    @param limit: bytes of data it may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._overhead = 0
        self._rest = 0
        """Bytes still to come of the chunk that has begun."""
        self._step = self._size_line

    @property
    def size(self) -> int:
        """See `Body`."""
        return len(self._data)

    def data(self) -> bytes:
        """See `Body`."""
        return bytes(self._data)

    def feed(self, data: bytearray) -> bool:
        """See `Body`."""
        # Each step returns how far it came, or -1 when it needs more; the front is deleted once, at the end.
        at = 0
        while (end := self._step(data, at)) >= 0:
            at = end
            if self._step == self._over:
                del data[:at]
                return True
        del data[:at]
        return False

    def _size_line(self, data: bytearray, at: int) -> int:
        line, end = self._line(data, at)
        if end < 0:
            return -1
        match = _SIZE.fullmatch(line)
        if match is None:
            raise Refused(400, "a chunk does not begin with its size")
        self._rest = int(match[1], 16)
        if len(self._data) + self._rest > self._limit:
            raise too_large(self._limit)
        self._step = self._chunk if self._rest else self._trailer
        return end

    def _chunk(self, data: bytearray, at: int) -> int:
        part = data[at : at + self._rest]
        if self._rest and not part:
            return -1
        self._data += part
        self._rest -= len(part)
        if not self._rest:
            self._step = self._chunk_end
        return at + len(part)

    def _chunk_end(self, data: bytearray, at: int) -> int:
        if len(data) < at + 2 and b"\r\n".startswith(bytes(data[at:])):
            return -1
        if not data.startswith(b"\r\n", at):
            raise Refused(400, "a chunk is not as long as its size says")
        self._step = self._size_line
        return at + 2

    def _trailer(self, data: bytearray, at: int) -> int:
        line, end = self._line(data, at)
        if end < 0:
            return -1
        if not _TRAILER.fullmatch(line):
            raise Refused(400, "a trailer holds control characters")
        if not line:
            self._step = self._over
        return end

    def _over(self, data: bytearray, at: int) -> int:
        return -1

    def _line(self, data: bytearray, at: int) -> tuple[bytes, int]:
        """Return the line that begins here and where the next one does; -1 when it is not whole."""
        end = data.find(b"\r\n", at, at + _MAX_SIZE_LINE + 2)
        if end < 0:
            if len(data) - at > _MAX_SIZE_LINE or b"\n" in data[at:]:
                raise Refused(400, "a line of a chunked body is too long, or does not end with CR and LF")
            return b"", -1
        self._overhead += end + 2 - at
        if self._overhead > _OVERHEAD + len(self._data) // 8:
            raise Refused(400, "the chunks of the body are too small")
        return bytes(data[at:end]), end + 2
