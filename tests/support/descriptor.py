"""A transport as Twisted's are over a bare socket, with a test in the place of the socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST


class Descriptor(FileDescriptor):
    """Keeps what it was made to send in `sent`; its socket takes `room` bytes more. None: the connection is broken.

    @ivar watched: whether the reactor would tell when there is room.
    """

    def __init__(self, room: int | None = 10**9) -> None:
        super().__init__(self)  # type: ignore[arg-type]  # it is its own reactor
        self.connected = 1
        self.room = room
        self.sent = b""
        self.watched = False

    def writeSomeData(self, data: bytes) -> int | BaseException:
        if self.room is None:
            return CONNECTION_LOST
        taken = bytes(data[: self.room])
        self.sent += taken
        self.room -= len(taken)
        return len(taken)

    def addWriter(self, writer: Any) -> None:
        self.watched = True

    def removeWriter(self, writer: Any) -> None:
        self.watched = False

    def addReader(self, reader: Any) -> None: ...
    def removeReader(self, reader: Any) -> None: ...
