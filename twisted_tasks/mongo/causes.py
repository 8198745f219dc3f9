"""Logs why calls fail: once a minute for each cause, and not for each call."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.mongo.reply import CommandFailed, MongoError

_QUIET_SECONDS = 60.0
"""A cause that lasts is logged again after so long."""
_MOST_CAUSES = 100


class Causes:
    """The causes that have been logged lately."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._logged: dict[str, float] = {}

    def note(self, error: MongoError) -> None:
        """Log why a call failed, unless the same was logged within a minute."""
        refused = isinstance(error, CommandFailed) and error.refused
        cause = error.reason if isinstance(error, CommandFailed) else f"{type(error).__name__}: {error}"
        now = self._clock.seconds()
        if now - self._logged.get(cause, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._logged) >= _MOST_CAUSES:  # texts of networks and servers: however many, memory stays flat
            self._logged.clear()
        self._logged[cause] = now
        if refused:
            self._log.warn("MongoDB refuses a write, and will refuse it again: {cause}", cause=cause)
        else:
            self._log.warn("calls fail, MongoDB is unavailable: {cause}", cause=cause)
