"""Bytes that were received and not used yet, and frames out of them."""

from __future__ import annotations

import re
from struct import Struct

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.head import Data
from twisted_tasks.wire.transports.messages import OutOfStep

_ZEROS = re.compile(rb"\0*+")
_u32 = Struct(">I").unpack_from
_length = Struct(">I").pack


class Buffer:
    """Bytes received and not used yet: those of the last piece itself, as long as nothing is left of an earlier one."""

    __slots__ = ("at", "data")

    def __init__(self) -> None:
        self.data: Data = b""
        self.at = 0

    def feed(self, data: bytes) -> None:
        """Add bytes at the end."""
        if self.at == len(self.data):
            self.data = data
            self.at = 0
            return
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        if self.at:
            del self.data[: self.at]
            self.at = 0
        self.data += data

    def __len__(self) -> int:
        """Return how many bytes there are."""
        return len(self.data) - self.at

    def take(self, start: int, end: int) -> bytes:
        """Return the bytes between two positions in `data`, and be done with all before the second."""
        taken = bytes(self.data[start:end])
        if end == len(self.data):
            # Nothing of a long message is kept while the connection is idle.
            self.data = b""
            end = 0
        self.at = end
        return taken

    def take_up_to(self, size: int) -> bytes:
        """Return the next bytes, that many at most, and be done with them."""
        return self.take(self.at, min(self.at + size, len(self.data)))


class FrameBuffer:
    """Frames: a length in four bytes, big-endian, and as many bytes."""

    def __init__(self, limits: Limits) -> None:
        self._max_size = limits.max_message_size
        self._needed = 4
        """Bytes of the next frame without which there is nothing to be done."""
        self.buffer = Buffer()

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now."""
        buffer = self.buffer
        buffer.feed(data)
        return len(buffer.data) - buffer.at >= self._needed

    def next(self) -> bytes | None:
        """Return what is in the next frame, or None when more bytes are needed. Raises OutOfStep."""
        buffer = self.buffer
        while len(buffer.data) >= buffer.at + 4:
            start = buffer.at + 4
            (length,) = _u32(buffer.data, buffer.at)
            if length > self._max_size:
                raise OutOfStep(f"a frame of {length} bytes, where {self._max_size} are taken")
            if len(buffer.data) < start + length:
                self._needed = 4 + length
                return None
            frame = buffer.take(start, start + length)
            if length:
                return frame
            # A client that flushes with nothing written sends an empty one. A bomb of zeros is a thousand million.
            zeros = _ZEROS.match(buffer.data, buffer.at)
            assert zeros is not None, "it matches nothing, too"
            buffer.at += (zeros.end() - buffer.at) // 4 * 4
        self._needed = 4
        return None

    def __len__(self) -> int:
        """Return how many bytes are kept."""
        return len(self.buffer)


def framed(pieces: list[bytes]) -> bytes:
    """Return a frame with these bytes."""
    return b"".join((_length(sum(map(len, pieces))), *pieces))
