"""Frames around what another splitter understands: they cut its stream, and mean nothing else.

Two arrangements are met: TZlibTransport around TFramedTransport, and THeaderTransport around TFramedTransport.
"""

from __future__ import annotations

from zope.interface import implementer

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.transports.buffer import FrameBuffer, framed
from twisted_tasks.wire.transports.messages import MORE, Call, ISplitter, PlainTransport, TransportAnswer

_FRAMES = 64
"""Frames that are opened before it is the turn of others: a segment can hold ten thousand of one byte."""


@implementer(ISplitter)
class AroundFrames(PlainTransport):
    """Messages within a stream that was cut into frames.

    @param inside: understands the stream.
    """

    def __init__(self, inside: ISplitter, limits: Limits) -> None:
        self._inside = inside
        self._frames = FrameBuffer(limits)
        self.feed = self._frames.feed
        self.wrap = inside.wrap

    def next(self) -> Call | TransportAnswer | None:
        """See `ISplitter.next`."""
        for _ in range(_FRAMES):
            message = self._inside.next()
            if message is not None:
                return message
            data = self._frames.next()
            if data is None:
                return None
            self._inside.feed(data)
        return MORE

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return len(self._frames) > 0 or self._inside.unfinished()

    def kept(self) -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""
        return len(self._frames) + self._inside.kept()

    def send(self, data: bytes) -> bytes:
        """Return bytes of what `wrap` returned as they go onto the connection. Called in the order in which they go."""
        return framed([self._inside.send(data)])
