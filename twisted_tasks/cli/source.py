"""Bytes of a file or a pipe, a piece at a time, while the reactor goes on."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import AsyncIterator

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure

_PIECE = 64 * 1024


class _Readable(FileDescriptor):
    """Fires once when there is something to be read: data, or the end."""

    def __init__(self, number: int, reactor: IReactorFDSet) -> None:
        super().__init__(reactor)
        self._number = number
        self.ready: Deferred[None] = Deferred(lambda _: self.stopReading())
        self.startReading()

    def fileno(self) -> int:
        return self._number

    def doRead(self) -> None:
        self._now()

    def connectionLost(self, reason: Failure) -> None:
        # Either nobody writes to the pipe any more, and reading it gives the end; or the reactor stops, and reading
        # would keep it from doing so.
        poll = select.poll()
        poll.register(self._number, select.POLLIN)
        if poll.poll(0):
            self._now()

    def _now(self) -> None:
        self.stopReading()
        if not self.ready.called:
            self.ready.callback(None)


async def pieces(number: int, reactor: IReactorFDSet) -> AsyncIterator[bytes]:
    """Yield what a file descriptor has to be read, up to its end."""
    # A file is always ready, and some reactors cannot wait for one; anything else may keep us waiting.
    waits = not stat.S_ISREG(os.fstat(number).st_mode)
    while True:
        if waits:
            await _Readable(number, reactor).ready
        piece = os.read(number, _PIECE)
        if not piece:
            return
        yield piece
