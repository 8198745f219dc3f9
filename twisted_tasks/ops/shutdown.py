"""Ends a process: in order or at once, with the right status, and for certain."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

_log = Logger()


class Exit:
    """Sets the exit status of a process that twistd runs, and makes sure that it ends. See decision 0040.

    @param pidfile: twistd's pid file, which is removed if the process has to be cut. None or empty for none.
    @param end: ends the process at once, with a status.
    """

    def __init__(self, pidfile: str | None = None, end: Callable[[int], Any] = os._exit) -> None:
        self._pidfile = pidfile
        self._end = end
        self.failed = False

    def fail(self) -> None:
        """Make the status 1 when the process ends."""
        if not self.failed:
            self.failed = True
            # There is no other way: once the reactor has stopped twistd ends with status 0, or by a signal.
            atexit.register(self._finish)

    def within(self, seconds: float) -> None:
        """End the process with status 1 unless it ends by itself within so many seconds.

        A thread does it, since the reactor may be what is stuck.
        """
        timer = threading.Timer(seconds, self._give_up, (seconds,))
        timer.daemon = True
        timer.start()

    def _give_up(self, seconds: float) -> None:
        _log.critical("still there {seconds} s after it had to stop: cut", seconds=seconds)
        if self._pidfile:
            with contextlib.suppress(OSError):
                os.unlink(self._pidfile)
        self._finish()

    def _finish(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        self._end(1)


class Shutdown:
    """Ends the process, once: in order, or at once.

    @param reactor: stops the services in order when it is stopped.
    @param cut: called to stop waiting for what is left.
    @param exit: makes sure that the process ends.
    @param limit: seconds that a stop may take.
    """

    grace = 2.0
    """Seconds after a stop should have ended until a thread ends the process."""

    def __init__(self, reactor: IReactorCore, cut: Callable[[], None], exit: Exit, limit: float) -> None:
        self._reactor = reactor
        self._cut = cut
        self._exit = exit
        self._limit = limit
        self._begun = False

    def begin(self) -> None:
        """Stop in order. Do nothing if a stop has begun already."""
        if not self._begun:
            self._begun = True
            self._exit.within(self._limit + self.grace)
            self._reactor.stop()

    def cut(self) -> None:
        """Stop waiting for what is left."""
        self.begin()
        self._exit.within(self.grace)
        self._cut()

    def signalled(self, number: int) -> None:
        """Called when a signal comes: the first one begins the stop, the second one cuts it short."""
        if self._begun:
            self.cut()
        else:
            self.begin()
