"""How many requests an account may make in a minute, and how its answers say so.

Fields are those of draft-ietf-httpapi-ratelimit-headers. Each process counts for itself: an account that reaches
several has several times as much, which is no matter for a limit that is there against loops and not against use.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gateway.api.answers import Fields

WINDOW = 60


class Turn(NamedTuple):
    """What became of a request that was counted.

    @ivar fields: of its answer.
    @ivar wait: seconds after which it may come again; None: it may be answered.
    """

    fields: Fields = ()
    wait: int | None = None


class Pace:
    """Counts the requests of accounts, in windows of a minute that begin with an account's first request.

    @param limit: requests in a minute; 0 is no limit.
    """

    def __init__(self, limit: int, clock: IReactorTime) -> None:
        self._limit = limit
        self._clock = clock
        self._policy = b'"account";q=%d;w=%d' % (limit, WINDOW)
        self._windows: dict[str, tuple[float, int]] = {}
        """By account: when its window began and how many requests there were in it, the oldest window first."""

    def count(self, account_id: str) -> Turn:
        """Count a request."""
        if not self._limit:
            return Turn()
        now = self._clock.seconds()
        self._forget(now)
        began, used = self._windows.get(account_id, (now, 0))
        used += 1
        self._windows[account_id] = (began, used)
        remaining, rest = max(0, self._limit - used), max(1, ceil(began + WINDOW - now))
        fields = ((b"RateLimit-Policy", self._policy), (b"RateLimit", b'"account";r=%d;t=%d' % (remaining, rest)))
        return Turn(fields, rest if used > self._limit else None)

    def _forget(self, now: float) -> None:
        while self._windows:
            account_id, (began, _) = next(iter(self._windows.items()))
            if now - began < WINDOW:
                return
            del self._windows[account_id]
