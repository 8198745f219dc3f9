"""One worker, as the supervisor sees it: a process, a channel to it, and what it last said."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, eventFromJSON, globalLogPublisher
from twisted.python.failure import Failure

from twisted_tasks.ops.workers.channel import WorkerChannel
from twisted_tasks.ops.workers.tally import Plain

_log = Logger()


class WorkerHandle(ProcessProtocol):
    """The supervisor's side of a worker.

    @param number: which of the workers it is, from 1.
    @param clock: for times and time-outs.
    @param changed: called when the worker's health has changed, or it has started.

    @ivar ended: fires with how the process ended: "status 1", or "SIGKILL".
    @ivar health: whether calls should come to the worker, and a sentence, as it last said.
    @ivar started: whether the worker has opened its store.
    @ivar heard_at: when the worker last sent anything.
    @ivar snapshot: the metrics the worker last sent.
    """

    answer_time = 2.0
    """Seconds that a worker has to send its metrics. After that those it sent before are used."""

    def __init__(self, number: int, clock: IReactorTime, changed: Callable[[], None]) -> None:
        self.number = number
        self.ended: Deferred[str] = Deferred()
        self.health: tuple[bool, str] = (False, "the worker has not started yet")
        self.started = False
        self.began = self.heard_at = clock.seconds()
        self.snapshot: Plain = []
        self.channel = WorkerChannel(self._heard, lambda: None)
        self._clock = clock
        self._changed = changed
        self._rest = {1: b"", 2: b""}
        self._waiting: list[Deferred[Plain]] = []

    @property
    def pid(self) -> int | None:
        """The process's id."""
        transport: Any = self.transport
        return None if transport is None else transport.pid

    def tell(self, what: str) -> None:
        """Send the worker an order: "stop", "cut", "reload" or "describe"."""
        self.channel.send(do=what)

    def kill(self) -> None:
        """Kill the process."""
        transport: Any = self.transport
        with contextlib.suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")

    def ask_metrics(self) -> Deferred[Plain]:
        """Return the worker's metrics, or those it sent last if it does not answer in time."""
        asked: Deferred[Plain] = Deferred()
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            self.channel.send(ask="metrics")
        return asked.addTimeout(self.answer_time, self._clock, lambda result, seconds: self.snapshot)

    def _heard(self, message: dict[str, Any]) -> None:
        self.heard_at = self._clock.seconds()
        if "metrics" in message:
            self.snapshot = message["metrics"]
            self._answer()
        elif "health" in message:
            ready, reason = message["health"]
            if (ready, reason) != self.health:
                self.health = (ready, reason)
                self._changed()
        elif message.get("told") == "ready":
            self.started = True
            self._changed()

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            if not asked.called:
                asked.callback(self.snapshot)

    # What it writes.

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Called with what the worker writes: log events on standard output, anything else on standard error."""
        *lines, self._rest[childFD] = (self._rest[childFD] + data).split(b"\n")
        for line in lines:
            self._line(childFD, line.decode(errors="replace"))

    def _line(self, descriptor: int, line: str) -> None:
        if descriptor == 1:
            with contextlib.suppress(ValueError, KeyError):
                event = eventFromJSON(line)
                event["worker"] = self.number
                level = event["log_level"].name if event.get("log_level") else "info"
                event["log_system"] = f"worker {self.number}: {event.get('log_namespace') or '-'}#{level}"
                globalLogPublisher(event)
                return
        _log.warn("worker {number} wrote: {line}", number=self.number, line=line)

    def processEnded(self, reason: Failure) -> None:
        """Log what the process wrote last, and fire `ended`."""
        for descriptor, rest in self._rest.items():
            if rest:
                self._line(descriptor, rest.decode(errors="replace"))
        self._answer()
        error: Any = reason.value
        number = getattr(error, "signal", None)
        self.ended.callback(f"status {error.exitCode or 0}" if number is None else signal.Signals(number).name)
