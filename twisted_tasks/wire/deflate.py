"""zlib: one compressed stream each way for the whole connection, which every reply flushes.

Two arrangements are met: frames or bare messages inside the stream (TFramedTransport or TBufferedTransport around
TZlibTransport), and the stream cut into frames (TZlibTransport around TFramedTransport).

A compression bomb meets the same limits as any other bytes: the stream is opened a little at a time, and no further
once a message is too large or there are calls enough in flight.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from zope.interface import implementer

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.messages import MORE, Answer, Buffer, Call, Frames, ISplitter, OutOfStep, Plain, frame

_STEP = 64 * 1024
"""Bytes that are decompressed at once."""

_PIECE = 4096
"""Bytes that are given to zlib at once: what it has not used it returns as a copy, which for a long frame would add up
to the square of its length."""

_FLUSHED = b"\0\0\xff\xff"
"""How what is compressed ends once it was flushed."""

_WINDOW, _MEMORY = 12, 5
"""Of our own stream: 4 KiB to look back and 32 KiB of memory a connection, where zlib would take 256 KiB by itself."""


@implementer(ISplitter)
class Zlib(Plain):
    """Messages within a compressed stream.

    @param recognise: makes the splitter for what is inside, of its first bytes; or returns None for too few of them.
    @param framed: whether the stream is cut into frames.
    """

    def __init__(self, recognise: Callable[[bytes], Any], framed: bool, limits: Limits) -> None:
        self._recognise = recognise
        self._frames = Frames(limits) if framed else None
        self._decompressor = zlib.decompressobj()
        self._compressor = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY)
        self._compressed = Buffer()
        self._unused = b""
        """What zlib has returned because its step was full."""
        self._tail = b""
        self._inside: Any = None
        self._start = b""

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` may have something to do now."""
        if self._frames is not None:
            return self._frames.feed(data)
        self._compressed.feed(data)
        return True

    def next(self) -> Call | Answer | None:
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
        buffer = self._compressed
        if self._frames is not None and not len(buffer):
            buffer.feed(self._frames.next() or b"")
        piece = buffer.take(buffer.at, min(buffer.at + _PIECE, len(buffer.data)))
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
        if self._frames is not None and len(self._frames.buffer):
            return True
        if self._inside is None or self._inside.unfinished():
            return True
        # Compressed bytes need not yield anything before the flush that ends them.
        return self._tail != _FLUSHED and not self._decompressor.eof

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as `send` takes it."""
        reply: bytes = self._inside.wrap(call, pieces)
        return reply

    def send(self, data: bytes) -> bytes:
        """Return what `wrap` returned as it goes onto the connection. Called in the order in which it goes."""
        data = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return data if self._frames is None else frame(data)
