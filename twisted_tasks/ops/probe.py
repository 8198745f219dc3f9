"""Checks in the background whether what the daemon works with is well, and tells the last result at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.ops.looping import unending


class Probe(Service):
    """Asks every few seconds whether something works, and keeps the last result.

    @param ping: takes a deadline on `clock`. Returns a Deferred that fires by then, and fails with an error that people
        can read if the thing does not work.
    @param what: what is asked, for people: "the task store".
    @param clock: for deadlines and pauses.
    @param interval: seconds between two checks.
    @param timeout: seconds that a check may take.
    @param changed: called with a sentence when the result differs from the one before.
    """

    _log = Logger()

    def __init__(
        self,
        ping: Callable[[float], Deferred[Any]],
        what: str,
        clock: IReactorTime,
        *,
        interval: float = 2.0,
        timeout: float = 2.0,
        changed: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._changed = changed
        self._ping = ping
        self._what = what
        self._clock = clock
        self._timeout = timeout
        self._loop = unending(self._look, self._bug, clock)
        self._interval = interval
        self._looking: Deferred[LoopingCall] | None = None
        self.ok = False
        self.message = f"{what} has not been checked yet"

    def health(self) -> tuple[bool, str]:
        """Return whether it worked at the last check, and a sentence. Never waits."""
        return self.ok, self.message

    def startService(self) -> None:
        """Check now, and then every `interval` seconds."""
        super().startService()
        self._looking = self._loop.start(self._interval)

    def stopService(self) -> Deferred[None]:
        """Stop checking; fires when a check that is under way has ended."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        looking, self._looking = self._looking, None
        return succeed(None) if looking is None else looking.addCallback(lambda _: None)

    def _look(self) -> Deferred[None]:
        return self._ping(self._clock.seconds() + self._timeout).addCallbacks(self._works, self._fails)

    def _bug(self, failure: Failure) -> None:
        self._log.failure("looking whether {what} works met a bug", failure, what=self._what)

    def _works(self, result: object) -> None:
        self._turn(True, f"{self._what} works")

    def _fails(self, failure: Failure) -> None:
        self._turn(False, failure.getErrorMessage())

    def _turn(self, ok: bool, message: str) -> None:
        if (ok, message) == (self.ok, self.message):
            return
        self.ok, self.message = ok, message
        if ok:
            self._log.info("ready: {message}", message=message)
        else:
            self._log.warn("not ready: {message}", message=message)
        self._changed(f"{'ready' if ok else 'not ready'}: {message}")
