"""One timer for all a client can keep us waiting for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Awaited(NamedTuple):
    """Something a client has to do."""

    seconds: float
    """How long it may take."""
    what: str
    """What is said when it has taken too long."""
    which: int
    """Tells one time of it from the next, for which it has as long again."""


class Patience:
    """Waits for one thing at a time.

    @param give_up: called with `Awaited.what` when it has not come in time.
    """

    __slots__ = ("_awaited", "_clock", "_give_up", "_timer")

    def __init__(self, clock: IReactorTime, give_up: Callable[[str], None]) -> None:
        self._clock = clock
        self._give_up = give_up
        self._awaited: Awaited | None = None
        self._timer: IDelayedCall | None = None

    @property
    def what(self) -> str | None:
        """What is waited for, as its `Awaited` says."""
        return None if self._awaited is None else self._awaited.what

    def wait_for(self, awaited: Awaited | None) -> None:
        """Wait for this, or for nothing. Time goes on for what was awaited before."""
        if awaited == self._awaited:
            return
        self._awaited = awaited
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if awaited is not None:
            self._timer = self._clock.callLater(awaited.seconds, self._expire, awaited.what)

    def _expire(self, what: str) -> None:
        self._timer = None
        self._give_up(what)
