"""The life of a connection, as a table. Knows no transport.

stage      messages    what it waits for
OPEN       are taken   the client
ENDING     are not     the replies to the calls in flight
FLUSHING   are not     the transport, to take what waits to be sent
LINGERING  are not     the client, to read why it is cut off and close its side; our side is closed
CLOSING    are not     the transport, to say that the connection is closed
LOST       -           -
"""

from __future__ import annotations

import enum


class Stage(enum.Enum):
    """Where a connection is in its life."""

    OPEN = enum.auto()
    ENDING = enum.auto()
    FLUSHING = enum.auto()
    LINGERING = enum.auto()
    CLOSING = enum.auto()
    LOST = enum.auto()


class Event(enum.Enum):
    """What moves it on."""

    END = enum.auto()
    """No further message is to be taken: the client has closed its side, a drain begins, the stream is out of step."""
    ANSWERED = enum.auto()
    """Every call in flight has its reply."""
    CLOSE = enum.auto()
    """All is sent, and both sides are closed at once."""
    HALF_CLOSE = enum.auto()
    """All is sent, and only our side is closed."""
    CUT = enum.auto()
    """The connection is cut, whatever is under way."""
    LOST = enum.auto()
    """The transport says that the connection is gone."""


TABLE: dict[Stage, dict[Event, Stage]] = {
    Stage.OPEN: {Event.END: Stage.ENDING, Event.CUT: Stage.CLOSING, Event.LOST: Stage.LOST},
    Stage.ENDING: {Event.ANSWERED: Stage.FLUSHING, Event.CUT: Stage.CLOSING, Event.LOST: Stage.LOST},
    Stage.FLUSHING: {
        Event.CLOSE: Stage.CLOSING,
        Event.HALF_CLOSE: Stage.LINGERING,
        Event.CUT: Stage.CLOSING,
        Event.LOST: Stage.LOST,
    },
    Stage.LINGERING: {Event.CLOSE: Stage.CLOSING, Event.CUT: Stage.CLOSING, Event.LOST: Stage.LOST},
    Stage.CLOSING: {Event.CUT: Stage.CLOSING, Event.LOST: Stage.LOST},
    Stage.LOST: {},
}
"""What is not in it changes nothing."""


class Life:
    """The stage of one connection.

    @ivar stage: the stage it is in.
    """

    __slots__ = ("stage",)

    def __init__(self) -> None:
        self.stage = Stage.OPEN

    def on(self, event: Event) -> bool:
        """Move on as the table says, and return whether it says anything about this."""
        after = TABLE[self.stage].get(event)
        if after is None:
            return False
        self.stage = after
        return True
