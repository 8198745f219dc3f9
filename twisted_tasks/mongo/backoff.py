"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.internet import backoffPolicy

BACKOFF_FIRST = 0.1
BACKOFF_LONGEST = 5.0
"""Seconds between two attempts to connect to the same server: at first, and at most."""

Jitter = Callable[[], float]
"""Returns a number from 0 up to 1, another one each time (`random.random`)."""


class Backoff:
    """Growing pauses: none at first, then from `first` seconds doubling up to `longest`.

    Each pause is drawn from the upper half of its length, so that many who lost one server do not come back as one.
    """

    def __init__(self, first: float, longest: float, jitter: Jitter) -> None:
        self._length = backoffPolicy(first, longest, factor=2.0, jitter=lambda: 0.0)
        self._jitter = jitter
        self._failures = 0

    def failed(self) -> float:
        """Count a failure and return how many seconds to wait before the next attempt."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        # In proportion to the pause; what Twisted's policy adds by itself is of one size whatever the pause.
        return self._length(self._failures - 2) * (0.5 + self._jitter() / 2)

    def worked(self) -> None:
        """Start over: the next failure is a first one."""
        self._failures = 0
