"""What waits to be sent on one connection, counted whatever the transport is.

A transport keeps what it could not send at once, says "pause" when that is more than 64 KiB, and "resume" when all of
it is gone. In between, this keeps the rest, and hands it over in pieces of about that size: every "resume" then means
that the client has taken another such piece, and the absence of one that it has not.

A reply mostly fits into the socket's own buffer. Twisted's transports find that out a turn of the reactor later, and
change twice what epoll watches; so bytes go to the socket at once, as long as the transport has surely nothing to send:
from the beginning until the socket takes less than all, and again after a "resume".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor

PIECE = 64 * 1024


class Outbox:
    """Bytes on their way to one client.

    @ivar encode: what bytes go through when they are handed over, in order and a piece at a time; None for nothing.
    @ivar waiting: how many bytes are kept here, besides those the transport has.
    @ivar stalled: whether the transport has said "pause".
    @ivar pieces: how often it has said "resume".
    """

    __slots__ = ("_at_once", "_kept", "_transport", "encode", "pieces", "stalled", "waiting")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        # Whether the transport is a bare socket (TLS is not) that surely has nothing to send.
        self._at_once = isinstance(transport, FileDescriptor)
        self._kept: deque[memoryview] = deque()
        self.encode: Callable[[bytes], bytes] | None = None
        self.waiting = 0
        self.stalled = False
        self.pieces = 0

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until those before them are sent."""
        if len(data) <= PIECE and not self.stalled and not self._kept:
            self._hand_over(data)
            return
        self._kept.append(memoryview(data))
        self.waiting += len(data)
        self._pass_on()

    def _pass_on(self) -> None:
        kept = self._kept
        while kept and not self.stalled:
            piece = kept.popleft()
            if len(piece) > PIECE:
                kept.appendleft(piece[PIECE:])
                piece = piece[:PIECE]
            self.waiting -= len(piece)
            self._hand_over(bytes(piece))

    def _hand_over(self, data: bytes) -> None:
        """Send what the socket takes now, and let the transport send the rest."""
        if self.encode is not None:
            data = self.encode(data)
        if self._at_once:
            sent = self._transport.writeSomeData(data)
            if sent == len(data):
                return
            self._at_once = False
            if isinstance(sent, int):  # or it is an error, which the transport will meet again and see to
                data = data[sent:]
        self._transport.write(data)

    def pause(self) -> None:
        """Called when the transport has enough for now."""
        self.stalled = True

    def resume(self) -> None:
        """Called when the transport has sent all it had: hand over what was kept."""
        self.stalled = False
        self.pieces += 1
        self._at_once = isinstance(self._transport, FileDescriptor)
        self._pass_on()

    def drop(self) -> None:
        """Forget what is kept: nobody will take it."""
        self._kept.clear()
        self.encode = None  # it has the splitter, and that may have a long message
        self.waiting = 0
        self._at_once = False
