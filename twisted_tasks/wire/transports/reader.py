"""Messages whose bytes are all there: out of a frame, or the body of a request."""

from __future__ import annotations

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.head import NO_HEAD, Malformed
from twisted_tasks.wire.protocols.walking import WalkState
from twisted_tasks.wire.transports.messages import FEW_VALUES, MORE, Call, TransportAnswer


class MessageReader:
    """Walks through one whole message after another, each in as many turns as it takes.

    @ivar busy: whether a message has begun whose walk has not come to its end.
    """

    def __init__(self, limits: Limits) -> None:
        self._walk = WalkState(limits)
        self._reached = 0
        self.busy: Call | None = None

    def read(self, data: bytes, codec: Codec) -> Call | TransportAnswer:
        """Return the message these bytes are, or MORE: then `go_on` is to be called. What is wrong is in `error`."""
        return self.walk(Call(data, codec, NO_HEAD))

    def walk(self, call: Call) -> Call | TransportAnswer:
        """Do the same for a call that was made of its bytes and has no head yet."""
        codec, data = call.codec, call.data
        try:
            head = codec.head(data, 0)
            if head is None:
                raise Malformed("the message ends within its head")
        except Malformed as why:
            return call.refuse(why)
        call.head = head
        walk = self._walk
        walk.begin(codec.steps)
        try:
            end = codec.walk(data, head.body, walk)
        except Malformed as why:
            return call.refuse(why).weigh(walk.values)
        if not walk.stack and end == len(data):
            # A value takes a byte at least.
            return call if call.size < FEW_VALUES else call.weigh(walk.values)
        self._reached = end
        self.busy = call
        return self._judge(call)

    def go_on(self) -> Call | TransportAnswer:
        """Return the message that was begun, or MORE."""
        call = self.busy
        assert call is not None
        self._walk.go_on()
        try:
            self._reached = call.codec.walk(call.data, self._reached, self._walk)
        except Malformed as why:
            self.busy = None
            return call.refuse(why).weigh(self._walk.values)
        return self._judge(call)

    def _judge(self, call: Call) -> Call | TransportAnswer:
        """Return a call whose walk has come as far as a turn has, or MORE."""
        end, data = self._reached, call.data
        if self._walk.paused:
            return MORE
        if self._walk.stack or end > len(data):
            call.refuse(Malformed("the message ends too early"))
        elif end < len(data) and data[end:].strip():
            call.refuse(Malformed(f"{len(data) - end} bytes behind the end of the message"))
        self.busy = None
        return call.weigh(self._walk.values)

    def kept(self) -> int:
        """Return how many bytes are kept of a message that was begun."""
        return 0 if self.busy is None else self.busy.size
