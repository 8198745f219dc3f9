"""Waiting, in tests that run in the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


def pause(clock: IReactorTime, seconds: float) -> Deferred[None]:
    """Return a Deferred that fires after so many seconds."""
    waiting: Deferred[None] = Deferred()
    clock.callLater(seconds, waiting.callback, None)
    return waiting


async def until(clock: IReactorTime, condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait until something is so; fail when it is not within so many seconds."""
    end = clock.seconds() + seconds
    while not condition():
        assert clock.seconds() < end, f"not within {seconds} s"
        await pause(clock, 0.02)
