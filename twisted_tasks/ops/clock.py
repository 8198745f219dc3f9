"""A clock that does not jump when somebody sets the machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer


@implementer(IReactorTime)
class MonotonicClock:
    """`IReactorTime` whose `seconds` are those of `time.monotonic`. A reactor's own are the time of day.

    Deadlines are times on this clock. The reactor runs its delayed calls. Any thread may call `seconds`.

    @param reactor: runs the delayed calls.
    """

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self.seconds = time.monotonic

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object) -> IDelayedCall:
        """Call later, as the reactor does."""
        return self._reactor.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Any:
        """Return the reactor's delayed calls."""
        return self._reactor.getDelayedCalls()
