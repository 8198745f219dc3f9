"""A daemon with several workers: opens the ports, keeps the workers running, speaks for all of them.

Each worker is a process of its own that takes connections from the shared sockets and does everything else a daemon
of one process does, its own stop included. This one serves nobody, so little can go wrong in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, gatherResults, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from twisted_tasks.ops.daemon import bind
from twisted_tasks.ops.metrics import counter, gauge
from twisted_tasks.ops.notify import Notifier
from twisted_tasks.ops.tally import Plain, Tally, to_plain
from twisted_tasks.ops.worker_process import Worker

_log = Logger()

Spawn = Callable[[Worker, Sequence[tuple[str, IListeningPort]]], None]
"""Starts the process of a worker, with these listening sockets."""


class Supervisor(Service):
    """The service of the process that has the workers.

    @param endpoints: what to listen on, each with the text that named it.
    @param spawn: starts a worker's process.
    @param count: how many workers there are to be.
    @param clock: what times are told on.
    @param notifier: told of the daemon's life.
    @param preflight: raises what the start is to fail with, where that can be known before there are workers.
    @param drain_delay: seconds that the workers, told to stop, go on taking connections.
    @param drain_timeout: seconds in which they have to have stopped.
    @param maxima: the gauges of which the greatest counts, where others add up.
    @param families: gives this process's own metrics.
    """

    closing_time = 1.0
    """Seconds that workers have beyond the drain timeout: they need it to close what they had to cut."""
    settled_after = 10.0
    """Seconds a worker has to have run for its end not to count as another failure in a row."""
    first_pause, longest_pause = 0.5, 30.0
    """Seconds before a worker that failed is started again; doubled each time it fails again."""
    silence = 30.0
    """Seconds without a heartbeat after which a worker is killed: its reactor stands still."""
    poll_interval = 5.0
    """Seconds between two looks at the workers."""

    def __init__(
        self,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        spawn: Spawn,
        count: int,
        clock: IReactorTime,
        notifier: Notifier,
        *,
        preflight: Callable[[], None] = lambda: None,
        drain_delay: float = 0.0,
        drain_timeout: float = 10.0,
        maxima: Sequence[str] = (),
        families: Callable[[], Plain] = list,
    ) -> None:
        self._endpoints = endpoints
        self._spawn = spawn
        self._clock = clock
        self._notifier = notifier
        self._preflight = preflight
        self._drain_delay = drain_delay
        self._drain_timeout = drain_timeout
        self._maxima = maxima
        self._families = families
        self._ports: list[tuple[str, IListeningPort]] | None = None
        self._numbers = range(1, count + 1)
        self._workers: dict[int, Worker] = {}
        self._failures = dict.fromkeys(self._numbers, 0)
        self._pauses: dict[int, IDelayedCall] = {}
        self._retired = Tally(maxima)
        self._restarts = 0
        self._polls = LoopingCall(self._poll)
        self._polls.clock = clock
        self._was_ready = False
        self._waiting: Deferred[None] = Deferred()
        self.companions: list[Service] = []
        """Services that start before the workers and stop after them, in order."""
        self.stopping = self.was_cut = False

    # Start.

    def privilegedStartService(self) -> None:
        """Bind the ports; this process takes no connection from them. Raises StartError when one cannot be had."""
        super().privilegedStartService()
        for companion in self.companions:
            companion.privilegedStartService()
        self._ports = []
        for description, endpoint in self._endpoints:
            nobody = ServerFactory()
            nobody.noisy = False
            port: Any = bind(description, endpoint, nobody)
            port.stopReading()
            self._ports.append((description, port))

    def startService(self) -> None:
        """Start the workers."""
        if self._ports is None:
            self.privilegedStartService()
        super().startService()
        self._preflight()
        for companion in self.companions:
            companion.startService()
        for number in self._numbers:
            self._start(number)
        self._polls.start(self.poll_interval)

    def _start(self, number: int) -> None:
        self._pauses.pop(number, None)
        worker = Worker(number, self._clock, self._changed)
        try:
            self._spawn(worker, self._ports or ())
        except OSError as error:  # no process or descriptor is to be had just now
            pause = self._pause(worker, False)
            _log.error(
                "worker {number} cannot be started: {error}; again in {s} s", number=number, error=str(error), s=pause
            )
            self._pauses[number] = self._clock.callLater(pause, self._start, number)
            return
        self._workers[number] = worker
        worker.ended.addCallback(self._ended, worker)
        _log.info("worker {number} started, process {pid}", number=number, pid=worker.pid)

    # While it runs.

    def _changed(self) -> None:
        """Tell whoever started the daemon how the workers are."""
        ready = sum(worker.health[0] for worker in self._workers.values())
        _, reason = self.health()
        self._notifier.status(f"{ready} of {len(self._numbers)} workers ready: {reason}")
        if not self._was_ready and all(n in self._workers and self._workers[n].started for n in self._numbers):
            self._was_ready = True
            self._notifier.ready()

    def _poll(self) -> None:
        for worker in tuple(self._workers.values()):
            worker.ask_metrics()
            if self._clock.seconds() - worker.heard_at > self.silence:
                _log.critical("worker {number} has been silent for {s} s: killed", number=worker.number, s=self.silence)
                worker.kill()

    def _ended(self, how: str, worker: Worker) -> None:
        self._retired.add(worker.snapshot, ended=True)
        del self._workers[worker.number]
        if self.stopping:
            if how != "status 0":
                self.was_cut = True
                _log.warn("worker {number} ended: {how}", number=worker.number, how=how)
            if not self._workers and not self._waiting.called:
                self._waiting.callback(None)
            return
        pause = self._pause(worker, how == "status 0")
        if pause:
            _log.error("worker {number} ended: {how}; again in {s} s", number=worker.number, how=how, s=pause)
        else:
            _log.info("worker {number} ended: {how}; again at once", number=worker.number, how=how)
        self._restarts += 1
        self._pauses[worker.number] = self._clock.callLater(pause, self._start, worker.number)
        self._changed()

    def _pause(self, worker: Worker, was_told: bool) -> float:
        """Return how long to wait before a worker that ended is started again."""
        number = worker.number
        if was_told or self._clock.seconds() - worker.began > self.settled_after:
            self._failures[number] = 0
        if was_told:
            return 0.0
        self._failures[number] += 1
        return min(self.longest_pause, self.first_pause * 2 ** (self._failures[number] - 1))

    def tell(self, what: str) -> None:
        """Tell every worker to do something."""
        for worker in tuple(self._workers.values()):
            worker.tell(what)

    def describe(self) -> Iterator[str]:
        """Let the workers log what they have under way, and yield a line for each of them."""
        self.tell("describe")
        for number, worker in sorted(self._workers.items()):
            yield f"worker {number}: process {worker.pid}, {worker.health[1]}"

    # What it says for all.

    def health(self) -> tuple[bool, str]:
        """Return whether calls should come here: whether any worker is ready."""
        if self.stopping:
            return False, "the service is stopping"
        healths = sorted((worker.health for worker in self._workers.values()), reverse=True)
        return healths[0] if healths else (False, "no worker is running")

    def gather(self) -> Deferred[list[Any]]:
        """Return the metrics of all: those of the workers, of the workers that have ended, and of this process."""
        asked = [worker.ask_metrics() for worker in self._workers.values()]
        return gatherResults(asked).addCallback(self._sum)

    def _sum(self, snapshots: Sequence[Plain]) -> list[Any]:
        tally = self._retired.copy()
        for snapshot in (*snapshots, self._families(), to_plain(self._own())):
            tally.add(snapshot)
        return tally.families()

    def _own(self) -> Iterator[Any]:
        ready = sum(worker.health[0] for worker in self._workers.values())
        states: dict[tuple[str, ...], float] = {("ready",): ready, ("not ready",): len(self._numbers) - ready}
        yield gauge("tasks_workers", "Workers, by whether they are ready.", ["state"], states)
        yield counter("tasks_worker_restarts", "Workers that ended and were started again.", [], {(): self._restarts})

    # Stop.

    def stopService(self) -> Deferred[None]:
        """Stop the workers, each of which stops in order; fires when all have ended. Never fails."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def cut(self) -> None:
        """Let the workers cut what they wait for, and end those that do not."""
        self.tell("cut")
        self._clock.callLater(0.5, self._kill)

    def _kill(self) -> None:
        for worker in tuple(self._workers.values()):
            worker.kill()

    async def _stop(self) -> None:
        self.stopping = True
        self._notifier.stopping()
        for pause in self._pauses.values():
            pause.cancel()
        self.tell("stop")
        # Not before the workers: a port that closes shuts the socket down, which is theirs too.
        closing = self._clock.callLater(self._drain_delay, self._close_ports)
        try:
            await self._all_ended().addTimeout(self._drain_timeout + self.closing_time, self._clock)
        except TimeoutError:
            self._kill()
            await self._all_ended()
        if closing.active():
            closing.cancel()
        await self._close_ports()
        self._polls.stop()
        for companion in reversed(self.companions):
            await maybeDeferred(companion.stopService)
        _log.info("stopped")

    def _all_ended(self) -> Deferred[None]:
        """Return what fires when there is no worker any more. One waiter may give up, another one come after it."""
        self._waiting = Deferred()
        if not self._workers:
            self._waiting.callback(None)
        return self._waiting

    def _close_ports(self) -> Deferred[Any]:
        ports, self._ports = self._ports or [], None
        return DeferredList([maybeDeferred(port.stopListening) for _, port in ports], consumeErrors=True)
