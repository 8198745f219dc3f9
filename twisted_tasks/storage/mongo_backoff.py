"""How long to wait before trying again, and how to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

BACKOFF_FIRST = 0.1
BACKOFF_LONGEST = 5.0
"""Seconds between two attempts to connect to the same server: at first, and at most."""

Jitter = Callable[[], float]
"""Gives a number from 0 up to 1, another one each time (`random.random`)."""


class Backoff:
    """Growing pauses: none at first, then from `first` seconds doubling up to `longest`.

    Each pause is drawn from the upper half of its length, so that many who lost one server do not come back as one.
    """

    def __init__(self, first: float, longest: float, jitter: Jitter) -> None:
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self._failures = 0

    def failed(self) -> float:
        """Count a failure and return how many seconds to wait before the next attempt."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        # Bounded before it grows: after an hour of failures 2**n is a number no machine needs to see.
        length = min(self._longest, self._first * 2.0 ** min(self._failures - 2, 32))
        return length * (0.5 + self._jitter() / 2)

    def worked(self) -> None:
        """Start over: the next failure is a first one."""
        self._failures = 0


def sleep(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Return a Deferred that fires after so many seconds; cancelling it ends the wait."""

    def stop(_: Deferred[None]) -> None:
        call.cancel()

    waiting: Deferred[None] = Deferred(stop)
    call: Any = clock.callLater(seconds, waiting.callback, None)
    return waiting
