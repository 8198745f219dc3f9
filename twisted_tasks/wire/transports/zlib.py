"""zlib: one compressed stream each way for the whole connection, which every reply flushes.

A compression bomb meets the same limits as any other bytes, and one of its own: the stream is opened a little at a
time, no further once there are calls enough in flight, and never to much more than came in (`inflate`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from zope.interface import implementer

from twisted_tasks.wire.transports.buffer import Buffer
from twisted_tasks.wire.transports.inflate import most_of
from twisted_tasks.wire.transports.messages import MORE, Call, ISplitter, OutOfStep, PlainTransport, TransportAnswer

_STEP = 64 * 1024
"""Bytes that are decompressed in one turn."""

_PIECE = 4096
"""Bytes that are given to zlib at once: what it has not used it returns as a copy, which for a long frame would add up
to the square of its length."""

_FLUSHED = b"\0\0\xff\xff"
"""How what is compressed ends once it was flushed."""

_WINDOW, _MEMORY = 12, 5
"""Of our own stream: 4 KiB to look back and 32 KiB of memory a connection, where zlib would take 256 KiB by itself."""

Recognise = Callable[[bytes], ISplitter | None]


@implementer(ISplitter)
class Zlib(PlainTransport):
    """Messages within a compressed stream.

    @param recognise: makes the splitter for what is inside, of its first bytes; or returns None for too few of them.
    """

    def __init__(self, recognise: Recognise) -> None:
        self._recognise = recognise
        self._decompressor = zlib.decompressobj()
        self._compressor = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY)
        self._compressed = Buffer()
        self._unused = b""
        """What zlib has returned because its step was full."""
        self._taken = 0
        """Bytes that were given to zlib."""
        self._made = 0
        """Bytes that have come of them."""
        self._tail = b""
        self._inside: ISplitter | None = None
        self._start = b""

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return True: only zlib knows what is in them."""
        self._compressed.feed(data)
        return True

    def next(self) -> Call | TransportAnswer | None:
        """See `ISplitter.next`: it is a step of the stream that others have their turn after."""
        size = 0
        while True:
            if self._inside is not None and (message := self._inside.next()) is not None:
                return message
            if size >= _STEP:
                return MORE
            piece = self._unused or self._next_piece()
            if not piece:
                return None
            data = self._decompress(piece)
            size += len(data)
            self._pass_on(data)

    def _next_piece(self) -> bytes:
        """Return compressed bytes that zlib has not had yet; none, when there are none."""
        piece = self._compressed.take_up_to(_PIECE)
        self._taken += len(piece)
        self._tail = (self._tail + piece)[-len(_FLUSHED) :]
        return piece

    def _decompress(self, piece: bytes) -> bytes:
        try:
            data = self._decompressor.decompress(piece, _STEP)
        except zlib.error as why:
            raise OutOfStep(f"a damaged zlib stream: {why}") from None
        self._unused = self._decompressor.unconsumed_tail
        if self._decompressor.eof and self._decompressor.unused_data:
            raise OutOfStep("bytes behind the end of the zlib stream")
        self._made += len(data)
        if self._made > most_of(self._taken):
            raise OutOfStep(f"{self._taken} compressed bytes that become more than {self._made}")
        return data

    def _pass_on(self, data: bytes) -> None:
        if not data:
            return
        if self._inside is None:
            data = self._start + data
            self._inside = self._recognise(data)
            if self._inside is None:
                self._start = data
                return
            self._start = b""
        self._inside.feed(data)

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        if self._inside is None or self._inside.unfinished():
            return True
        # Compressed bytes need not yield anything before the flush that ends them.
        return self._tail != _FLUSHED and not self._decompressor.eof

    def kept(self) -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""
        inside = 0 if self._inside is None else self._inside.kept()
        return len(self._compressed) + len(self._unused) + inside

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as `send` takes it."""
        assert self._inside is not None, "the call came out of it"
        reply: bytes = self._inside.wrap(call, pieces)
        return reply

    def send(self, data: bytes) -> bytes:
        """Return bytes of what `wrap` returned as they go onto the connection. Called in the order in which they go."""
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
