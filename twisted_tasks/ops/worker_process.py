"""One worker, as the daemon that has it sees it: a process, a channel to it, and what it last said."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.logger import Logger, eventFromJSON, globalLogPublisher
from twisted.python.failure import Failure

from twisted_tasks.ops.channel import Channel
from twisted_tasks.ops.shared import CONTROL, Inherited
from twisted_tasks.ops.tally import Plain

_log = Logger()


class Worker(ProcessProtocol):
    """A process that serves.

    @param number: which of the workers it is, from 1.
    @param clock: what times are told on.
    @param changed: called when it has said something new of how it is.

    @ivar ended: fires with how the process ended: "status 1", or "SIGKILL".
    @ivar health: what it last said of whether calls should come to it.
    @ivar started: whether its store has been opened.
    @ivar heard_at: when it last said anything.
    @ivar snapshot: the metrics it last sent.
    """

    answer_time = 2.0
    """Seconds a worker has to send its metrics; after that those it sent before are taken."""

    def __init__(self, number: int, clock: IReactorTime, changed: Callable[[], None]) -> None:
        self.number = number
        self.ended: Deferred[str] = Deferred()
        self.health: tuple[bool, str] = (False, "the worker has not started yet")
        self.started = False
        self.began = self.heard_at = clock.seconds()
        self.snapshot: Plain = []
        self.channel = Channel(self._heard, lambda: None)
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
        """Tell it to do something."""
        self.channel.send(do=what)

    def kill(self) -> None:
        """End it at once."""
        transport: Any = self.transport
        with contextlib.suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")

    def ask_metrics(self) -> Deferred[Plain]:
        """Return its metrics as they are now, or, if it does not answer in time, as they last were."""
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
        """Take lines of its log from standard output, and of anything else from standard error."""
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
        """Say how it ended."""
        for descriptor, rest in self._rest.items():
            if rest:
                self._line(descriptor, rest.decode(errors="replace"))
        self._answer()
        error: Any = reason.value
        number = getattr(error, "signal", None)
        self.ended.callback(f"status {error.exitCode or 0}" if number is None else signal.Signals(number).name)


class Spawner:
    """Starts workers' processes.

    @param reactor: starts processes, and takes up their channels.
    @param arguments: of the Python that is to run, after its own name.
    @param environment: what they get besides what tells them that they are workers.
    @param variable: the environment variable that does.
    """

    def __init__(self, reactor: Any, arguments: Sequence[str], environment: Mapping[str, str], variable: str) -> None:
        self._reactor = reactor
        self._arguments = [sys.executable, *arguments]
        self._environment = environment
        self._variable = variable

    def __call__(self, worker: Worker, ports: Sequence[tuple[str, IListeningPort]]) -> None:
        """Start a worker that takes connections from these ports, each with the text that named it.

        Raises OSError when the machine has no process or descriptor for it; nothing of it is left then.
        """
        opened: list[Any] = [port for _, port in ports]
        listen = tuple((name, int(port.addressFamily)) for (name, _), port in zip(ports, opened, strict=True))
        told = Inherited(worker.number, listen).to_environment(self._variable)
        ours, theirs = socket.socketpair()
        with ours, theirs, open(os.devnull) as nothing:
            files = {0: nothing.fileno(), 1: "r", 2: "r", CONTROL: theirs.fileno()}
            files |= {CONTROL + 1 + index: port.fileno() for index, port in enumerate(opened)}
            # First, since a process without a channel would be nobody's. One that is not started closes it.
            take_up(self._reactor, ours, worker.channel)
            self._reactor.spawnProcess(
                worker, sys.executable, self._arguments, env={**self._environment, **told}, childFDs=files
            )


def take_up(reactor: Any, end: socket.socket, channel: Channel) -> None:
    """Connect a channel to its end of the pair of sockets."""
    end.setblocking(False)
    reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, Factory.forProtocol(lambda: channel))
    end.close()  # the reactor has a copy
