"""The process as its operator meets it: signals, exit status, and that it does end."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

_log = Logger()

_YOUNG = 10_000
"""Objects made since the last collection that make the next one due. Calls in flight hold some thousands, and looking
at those again and again would find nothing."""


class Ending:
    """The exit status of a process that twistd runs, and the certainty that it ends. See decision 0040.

    @param pidfile: what twistd keeps its process id in; removed when the process has to be cut. None or empty for none.
    @param end: ends the process with a status, at once.
    """

    def __init__(self, pidfile: str | None = None, end: Callable[[int], Any] = os._exit) -> None:
        self._pidfile = pidfile
        self._end = end
        self.failed = False

    def fail(self) -> None:
        """Make the status 1, whenever the process ends."""
        if not self.failed:
            self.failed = True
            # twistd has no other way: what it does after the reactor has stopped ends with status 0 or by a signal.
            atexit.register(self._finish)

    def within(self, seconds: float) -> None:
        """End the process with status 1 unless it has ended by itself in so many seconds.

        It is a thread that does it, since what hinders the end may well be the reactor's.
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


class Signals(Service):
    """Calls functions, in the reactor's thread, when signals come. Instead of the reactor's own handlers.

    @param actions: by number of the signal; each is told the number.
    """

    def __init__(self, reactor: Any, actions: Mapping[int, Callable[[int], None]]) -> None:
        self._reactor = reactor
        self._actions = actions

    def privilegedStartService(self) -> None:
        """Let the signals wait, before anybody can know that there is somebody to send them to."""
        super().privilegedStartService()
        signal.pthread_sigmask(signal.SIG_BLOCK, self._actions)

    def startService(self) -> None:
        """See to it that they are taken over once the reactor, on running, has taken some for itself."""
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def _install(self) -> None:
        for number in self._actions:
            signal.signal(number, self._came)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._actions)

    def _came(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._act, number)

    def _act(self, number: int) -> None:
        _log.info("received {signal}", signal=signal.Signals(number).name)
        self._actions[number](number)


class Stop:
    """Ends the process, once: in order, or at once.

    @param reactor: what stops in order when it stops.
    @param cut: lets go of whatever the stop waits for.
    @param ending: told to make sure that the process ends.
    @param limit: seconds a stop may take by itself.
    """

    grace = 2.0
    """Seconds between when a stop should have ended and when the process is ended from outside the reactor."""

    def __init__(self, reactor: Any, cut: Callable[[], None], ending: Ending, limit: float) -> None:
        self._reactor = reactor
        self._cut = cut
        self._ending = ending
        self._limit = limit
        self._begun = False

    def begin(self) -> None:
        """Stop in order. Once it has begun, do nothing."""
        if not self._begun:
            self._begun = True
            self._ending.within(self._limit + self.grace)
            self._reactor.stop()

    def cut(self) -> None:
        """Wait for nothing any more."""
        self.begin()
        self._ending.within(self.grace)
        self._cut()

    def signalled(self, number: int) -> None:
        """Take a signal: the first one begins, a second one cuts."""
        if self._begun:
            self.cut()
        else:
            self.begin()


def raise_open_files_limit() -> None:
    """Raise the soft limit of open files to the hard one: the soft one is 1024 on most systems, for select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            _log.warn("up to {soft} open files; no more: {error}", soft=soft, error=str(error))
            return
    _log.info("up to {hard} open files (the limit was {soft})", hard=hard, soft=soft)


def spare_garbage_collector() -> None:
    """Have garbage collections leave out what is there now: modules, classes, settings, which will never be garbage.

    Some hundred thousand objects they are. To look through all of them takes 40 ms, in which nobody is answered; under
    load that came about twice a second, and was the 99th percentile of latency.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
