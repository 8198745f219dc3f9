"""Coroutines that run beside the operations until they are done, or until their owner stops."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

_T = TypeVar("_T")


class Background:
    """The coroutines somebody has started and not awaited. One that raises is a bug, and is logged."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running: set[Deferred[None]] = set()

    def start(self, flow: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine."""
        running = Deferred.fromCoroutine(flow)
        self._running.add(running)

        def over(result: _T) -> _T:
            self._running.discard(running)
            return result

        running.addBoth(over).addErrback(lambda failure: failure.trap(CancelledError))
        running.addErrback(lambda failure: self._log.failure("work on MongoDB in the background failed", failure))

    def stop(self) -> None:
        """Cancel whatever runs."""
        for running in list(self._running):
            # Not at once: it may be one of them that led here.
            self._clock.callLater(0, running.cancel)
