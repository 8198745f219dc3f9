"""Messages out of what one connection receives, in turns.

A segment can hold thousands of messages, and a message thousands of values. So a connection takes so much at a time,
and then others have their turn; what the client sends meanwhile stays in its socket.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from twisted_tasks.wire.dialect import Dialect
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.splitters import recognise
from twisted_tasks.wire.transports.messages import MORE, Call, ISplitter, TransportAnswer

_TURN = 32
"""Messages that one connection may have taken before it is the turn of others; heavy ones count for several."""


class Reading(enum.Enum):
    """What an intake does."""

    RECEIVING = enum.auto()
    """It waits for bytes."""
    TAKING = enum.auto()
    """It takes messages, right now."""
    YIELDING = enum.auto()
    """There are more to take, when others have had their turn."""
    FULL = enum.auto()
    """There may be more to take, when a call has ended or the client has read."""
    STOPPED = enum.auto()
    """It takes nothing any more."""


# Of an Enum's members only those of a module are found as quickly as a call needs them.
_RECEIVING, _TAKING, _FULL = Reading.RECEIVING, Reading.TAKING, Reading.FULL


class Taker(Protocol):
    """Where messages go."""

    def has_room(self) -> bool: ...
    def begin(self, message: Call | TransportAnswer) -> None: ...


class Intake:
    """Takes messages from the bytes of one connection.

    @param turn: called when the next turn of this connection has come.

    @ivar reading: what it does.
    @ivar dialect: what the client speaks; None until that is known.
    @ivar splitter: tells messages apart; None until the dialect is known, and once it is stopped.
    @ivar taken: how many messages have been taken.
    """

    __slots__ = ("_clock", "_limits", "_next_turn", "_start", "_turn", "dialect", "reading", "splitter", "taken")

    def __init__(self, limits: Limits, clock: IReactorTime, turn: Callable[[], None]) -> None:
        self._limits = limits
        self._clock = clock
        self._turn = turn
        self._next_turn: IDelayedCall | None = None
        self._start = b""
        self.reading = Reading.RECEIVING
        self.dialect: Dialect | None = None
        self.splitter: ISplitter | None = None
        self.taken = 0

    @property
    def blocked(self) -> bool:
        """Whether further bytes should stay where they are."""
        return self.reading is Reading.YIELDING or self.reading is Reading.FULL

    def receive(self, data: bytes) -> bool:
        """Take bytes, and return whether there may be messages to take now. Raise UnknownDialect for a stranger's."""
        if self.splitter is None:
            data = self._start + data
            recognised = recognise(data, self._limits)
            if recognised is None:
                self._start = data
                return False
            self._start = b""
            self.dialect, self.splitter = recognised
        ready: bool = self.splitter.feed(data)
        return ready and self.reading is _RECEIVING

    def take(self, taker: Taker) -> None:
        """Give messages to the taker: as many as there are, as it has room for, and as a turn has.

        Raise OutOfStep or UnknownDialect when nothing more can be taken.
        """
        splitter = self.splitter
        assert splitter is not None, "there is nothing to take before the dialect is known"
        self.reading = _TAKING
        left = _TURN
        while self.reading is _TAKING:
            if not taker.has_room():
                self.reading = _FULL
            elif left <= 0:
                self.yield_turn()
            elif (message := splitter.next()) is None:
                self.reading = _FULL if splitter.waits else _RECEIVING
            elif message is MORE:
                self.yield_turn()
            else:
                left -= message.weight
                self.taken += 1
                taker.begin(message)

    def go_on(self) -> None:
        """Go on in the next turn, there being room again, unless the splitter waits for a reply."""
        if self.splitter is not None and not self.splitter.waits:
            self.yield_turn()

    def yield_turn(self) -> None:
        """Go on after others had their turn."""
        self.reading = Reading.YIELDING
        self._next_turn = self._clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        self._next_turn = None
        self._turn()

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole."""
        return bool(self._start) or (self.splitter is not None and self.splitter.unfinished())

    def kept(self) -> int:
        """Return how many bytes are kept of what was received."""
        return len(self._start) if self.splitter is None else self.splitter.kept()

    def stop(self) -> None:
        """Take nothing any more."""
        self.reading = Reading.STOPPED
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None

    def drop(self) -> None:
        """Stop, and forget what was received."""
        self.stop()
        self.splitter = None
        self._start = b""
