"""The calls of one connection, in the order in which their replies go out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from twisted_tasks.wire.transports.messages import Call, TransportAnswer


class Replies:
    """What has its place in the order of replies and is not passed on yet.

    @ivar waiting: these calls and answers.
    @ivar pending: how many calls are in flight, oneway ones included.
    @ivar pending_size: the bytes of their messages.
    @ivar kept: the bytes of replies that are known, or written in part, and wait for one before them.
    """

    __slots__ = ("kept", "pending", "pending_size", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Call | TransportAnswer] = deque()
        self.pending = 0
        self.pending_size = 0
        self.kept = 0

    def line_up(self, message: Call | TransportAnswer) -> None:
        """Give the reply to a message its place, after those that have one."""
        self.waiting.append(message)
        if message.reply:
            self.kept += len(message.reply)

    def begin(self, call: Call, in_line: bool) -> None:
        """Count a call as in flight, and give its reply a place if it is to have one."""
        self.pending += 1
        self.pending_size += call.size
        if in_line:
            self.waiting.append(call)

    def grow(self, call: Call, size: int) -> None:
        """Count more bytes that were written of a call's reply."""
        call.written += size
        self.kept += size

    def end(self, call: Call, reply: bytes | None) -> None:
        """Count a call as ended, its reply known; None for a reply that nobody is to have."""
        self.pending -= 1
        self.pending_size -= call.size
        if reply is not None:
            call.reply = reply
            self.kept += len(reply) - call.written
            call.written = len(reply)

    def take(self) -> list[bytes]:
        """Return the replies that are known, up to the first one that is not; they no longer wait."""
        waiting = self.waiting
        replies = []
        while waiting and (reply := waiting[0].reply) is not None:
            waiting.popleft()
            if reply:
                self.kept -= len(reply)
                replies.append(reply)
        return replies

    def unanswered(self) -> Iterator[Call]:
        """Yield the calls that are in flight and are to have a reply."""
        for call in self.waiting:
            if isinstance(call, Call) and call.reply is None:
                yield call

    def drop(self) -> None:
        """Forget all replies: nobody will take them."""
        self.waiting.clear()
        self.kept = 0
