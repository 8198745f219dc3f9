"""Opens the ports, keeps several workers running, and answers for all of them.

Each worker is a process. It takes connections from the shared sockets, and does whatever a daemon of one process does,
its own stop included. The supervisor's process serves nobody, so little can go wrong in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.ops.companions import Companions
from twisted_tasks.ops.listening import Listen, Listeners, proxied
from twisted_tasks.ops.looping import unending
from twisted_tasks.ops.metrics import counter, gauge
from twisted_tasks.ops.notify import Notifier
from twisted_tasks.ops.start import StartError
from twisted_tasks.ops.workers.handle import WorkerHandle
from twisted_tasks.ops.workers.tally import Plain, Tally, to_plain

_log = Logger()

Spawn = Callable[[WorkerHandle, Sequence[tuple[str, IListeningPort]]], None]
"""Starts the process of a worker, with these listening sockets."""


class Supervisor(Service):
    """The service of the process that has the workers.

    @param command: the daemon's, as people type it, for errors.
    @param prefix: of the names of its metrics.
    @param listen: what to listen on.
    @param spawn: starts a worker's process.
    @param count: how many workers to keep running.
    @param clock: for times and pauses.
    @param notifier: told how the daemon is.
    @param preflight: raises StartError for what would keep every worker from starting.
    @param drain_delay: seconds for which workers go on taking connections when they are told to stop.
    @param drain_timeout: seconds that workers may take to stop.
    @param maxima: gauges of which the greatest value counts; others add up.
    @param families: returns the metrics of this process.
    """

    closing_time = 1.0
    """Seconds beyond the drain timeout in which workers may close what they had to cut."""
    settled_after = 10.0
    """Seconds after which a worker counts as settled: if it ends later, that is a first failure again."""
    first_pause, longest_pause = 0.5, 30.0
    """Seconds until a worker that failed is started again. Doubled with each further failure."""
    silence = 30.0
    """Seconds without a heartbeat after which a worker is killed: its reactor is stuck."""
    poll_interval = 5.0
    """Seconds between two checks of the workers."""

    def __init__(
        self,
        command: str,
        prefix: str,
        listen: Listen,
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
        self._command = command
        self._listeners = Listeners(command, listen)
        self._prefix = prefix
        self._spawn = spawn
        self._clock = clock
        self._notifier = notifier
        self._preflight = preflight
        self._drain_delay = drain_delay
        self._drain_timeout = drain_timeout
        self._maxima = maxima
        self._families = families
        self._numbers = range(1, count + 1)
        self._workers: dict[int, WorkerHandle] = {}
        self._failures = dict.fromkeys(self._numbers, 0)
        self._pauses: dict[int, IDelayedCall] = {}
        self._retired = Tally(maxima)
        self._restarts = 0
        self._polls = unending(self._poll, _bug, clock)
        self._was_ready = False
        self._waiting: Deferred[None] = Deferred()
        self.companions = Companions()
        """Services that start before the workers and stop after them, in order."""
        self.stopping = self.was_cut = False

    # Start.

    def privilegedStartService(self) -> None:
        """Bind the ports. This process takes no connection from them. Raises StartError if one cannot be bound."""
        super().privilegedStartService()
        self.companions.bind()
        nobody = ServerFactory()
        nobody.noisy = False
        self._listeners.bind(nobody)
        for description, port in self._listeners.ports:
            cast(Port, port).stopReading()
            if cast(Port, port).factory is not nobody and proxied(description) is None:
                kind = description.partition(":")[0]
                raise StartError(self._command, f"workers cannot share a {kind}: endpoint ({description})")

    def startService(self) -> None:
        """Start the workers."""
        if not self._listeners.bound:
            self.privilegedStartService()
        super().startService()
        self._preflight()
        self.companions.start()
        for number in self._numbers:
            self._start(number)
        self._polls.start(self.poll_interval)

    def _start(self, number: int) -> None:
        self._pauses.pop(number, None)
        worker = WorkerHandle(number, self._clock, self._changed)
        try:
            self._spawn(worker, self._listeners.ports)
        except OSError as error:  # the machine has no process or descriptor left just now
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
        """Tell the notifier how the workers are."""
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

    def _ended(self, how: str, worker: WorkerHandle) -> None:
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

    def _pause(self, worker: WorkerHandle, was_told: bool) -> float:
        """Return the seconds until a worker that ended is started again."""
        number = worker.number
        if was_told or self._clock.seconds() - worker.began > self.settled_after:
            self._failures[number] = 0
        if was_told:
            return 0.0
        self._failures[number] += 1
        return min(self.longest_pause, self.first_pause * 2 ** (self._failures[number] - 1))

    def tell(self, what: str) -> None:
        """Send every worker an order."""
        for worker in tuple(self._workers.values()):
            worker.tell(what)

    def describe(self) -> Iterator[str]:
        """Have the workers log what they have under way, and yield a line for each worker."""
        self.tell("describe")
        for number, worker in sorted(self._workers.items()):
            yield f"worker {number}: process {worker.pid}, {worker.health[1]}"

    # What it says for all.

    def health(self) -> tuple[bool, str]:
        """Return whether any worker is ready, and a sentence."""
        if self.stopping:
            return False, "the service is stopping"
        healths = sorted((worker.health for worker in self._workers.values()), reverse=True)
        return healths[0] if healths else (False, "no worker is running")

    def gather(self) -> Deferred[list[Any]]:
        """Return the metrics of the workers, of the workers that have ended, and of this process, added up."""
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
        yield gauge(f"{self._prefix}_workers", "Workers, by whether they are ready.", ["state"], states)
        restarts = f"{self._prefix}_worker_restarts"
        yield counter(restarts, "Workers that ended and were started again.", [], {(): self._restarts})

    # Stop.

    def stopService(self) -> Deferred[None]:
        """Stop the workers, each in order. Fires when all have ended. Never fails."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def cut(self) -> None:
        """Have the workers cut what they wait for, and kill those that do not."""
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
        # After the workers have had the order: closing a port shuts the socket down, which is theirs, too.
        closing = self._clock.callLater(self._drain_delay, self._listeners.close)
        try:
            await self._all_ended().addTimeout(self._drain_timeout + self.closing_time, self._clock)
        except TimeoutError:
            self._kill()
            await self._all_ended()
        if closing.active():
            closing.cancel()
        await self._listeners.close()
        self._polls.stop()
        await self.companions.stop()
        _log.info("stopped")

    def _all_ended(self) -> Deferred[None]:
        """Return a Deferred that fires when no worker is left. If one is cancelled another may be asked for."""
        self._waiting = Deferred()
        if not self._workers:
            self._waiting.callback(None)
        return self._waiting


def _bug(failure: Failure) -> None:
    _log.failure("looking after the workers met a bug", failure)
