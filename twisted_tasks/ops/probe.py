"""Whether the thing behind the service works: looked at in the background, told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure


class Probe(Service):
    """Asks every few seconds whether something works, and keeps the last answer.

    @param ping: takes a deadline (on `clock`); gives a Deferred that fails, with an error fit to be read, when the
        thing does not work. Has to fire by the deadline.
    @param clock: what deadlines and pauses are told on.
    @param interval: seconds between two looks.
    @param timeout: seconds a look may take.
    @param changed: called when what it found is another thing than before, with the sentence.
    """

    _log = Logger()

    def __init__(
        self,
        ping: Callable[[float], Deferred[Any]],
        clock: IReactorTime,
        *,
        interval: float = 2.0,
        timeout: float = 2.0,
        changed: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._changed = changed
        self._ping = ping
        self._clock = clock
        self._timeout = timeout
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._interval = interval
        self._looking: Deferred[LoopingCall] | None = None
        self.ok = False
        self.message = "the task store has not been looked at yet"

    def health(self) -> tuple[bool, str]:
        """Return whether the last look found it working, and a sentence. Never waits."""
        return self.ok, self.message

    def startService(self) -> None:
        """Look now, and then every `interval` seconds."""
        super().startService()
        self._looking = self._loop.start(self._interval)

    def stopService(self) -> Deferred[None]:
        """Stop looking; fires when a look that is under way has ended."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        looking, self._looking = self._looking, None
        return succeed(None) if looking is None else looking.addCallback(lambda _: None)

    def _look(self) -> Deferred[None]:
        return self._ping(self._clock.seconds() + self._timeout).addCallbacks(self._works, self._fails)

    def _works(self, result: object) -> None:
        self._turn(True, "the task store works")

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
