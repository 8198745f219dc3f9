"""One timer for many moments: it runs out at the earliest of them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_SHORTEST = 0.001
"""Seconds a timer runs at least: one that comes a rounding too early must not come again and again."""


class Alarm:
    """Calls `ring` by the earliest moment that was asked for, and then forgets all of them.

    @param clock: what moments are told on.
    @param ring: asks again for what it still waits for.
    """

    def __init__(self, clock: IReactorTime, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._timer: IDelayedCall | None = None
        self._at = inf

    def ring_by(self, moment: float) -> None:
        """Ring at a moment or before; infinity is never."""
        if moment < self._at:
            self.cancel()
            self._at = moment
            self._timer = self._clock.callLater(max(_SHORTEST, moment - self._clock.seconds()), self._run_out)

    def cancel(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._at = None, inf

    def _run_out(self) -> None:
        self._timer, self._at = None, inf
        self._ring()
