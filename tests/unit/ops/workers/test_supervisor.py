"""When workers are started again, what is said for all of them, and how their metrics add up.

Covers `ops.workers.channel`.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from twisted_tasks.ops.start import StartError
from twisted_tasks.ops.workers.handle import WorkerHandle
from twisted_tasks.ops.workers.supervisor import Supervisor
from twisted_tasks.ops.workers.tally import Tally, to_plain


class Process:
    """A worker's process that the test plays."""

    pid = 7

    def __init__(self, worker: WorkerHandle) -> None:
        self.worker = worker
        self.control = StringTransport()
        worker.channel.makeConnection(self.control)
        self.killed = False

    def signalProcess(self, name: str) -> None:
        self.killed = True
        self.end(9)

    def says(self, **message: Any) -> None:
        self.worker.channel.dataReceived(json.dumps(message).encode() + b"\n")

    def told(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.control.value().splitlines()]
        self.control.clear()
        return lines

    def end(self, number: int | None = None, status: int = 0) -> None:
        clean = number is None and not status
        self.worker.processEnded(Failure(ProcessDone(0) if clean else ProcessTerminated(status or None, number)))


class Set:
    """A supervisor of two workers."""

    def __init__(self, listen: Any = (), **arguments: Any) -> None:
        self.clock = Clock()
        self.processes: list[Process] = []
        self.said: list[str] = []
        self.refused = 0
        """How many starts are refused from now on."""
        self.supervisor = Supervisor("twistd some", "some", listen, self.spawn, 2, self.clock, self, **arguments)
        self.supervisor.startService()

    def spawn(self, worker: WorkerHandle, ports: object) -> None:
        if self.refused:
            self.refused -= 1
            raise BlockingIOError(11, "Resource temporarily unavailable")
        process: Any = Process(worker)
        worker.transport = process
        self.processes.append(process)

    def ready(self) -> None:
        self.said.append("READY")

    def status(self, text: str) -> None:
        self.said.append(text)

    def stopping(self) -> None:
        self.said.append("STOPPING")


def requests(count: float) -> list[Metric]:
    family = CounterMetricFamily("requests", "Calls.", labels=["method"])
    family.add_metric(["add"], count)
    level = GaugeMetricFamily("level", "How much.", value=count)
    version = GaugeMetricFamily("info", "Version.", value=1)
    return [family, level, version]


def values(families: list[Metric]) -> dict[str, float]:
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_sums() -> None:
    """Counters and gauges add up, but for those of which the greatest counts; the dead leave only what they counted."""
    tally = Tally(["info"])
    tally.add(to_plain(requests(3)))
    tally.add(json.loads(json.dumps(to_plain(requests(4)))))
    tally.add(to_plain(requests(100)), ended=True)
    assert values(tally.families()) == {"requests_total": 107.0, "level": 7.0, "info": 1.0}


class Endpoint:
    """Listens with a factory of its own around the one it is given."""

    def listen(self, factory: Any) -> Deferred[Any]:
        port = SimpleNamespace(
            factory=WrappingFactory(factory), stopReading=lambda: None, getHost=lambda: "somewhere", addressFamily=2
        )
        return succeed(port)


def test_an_endpoint_that_wraps_connections() -> None:
    """What an endpoint does to connections besides listening a worker has to do, too, or the start fails."""
    with pytest.raises(StartError, match=r"^twistd some: workers cannot share a strange: endpoint \(strange:tcp:1\)$"):
        Set(listen=[("strange:tcp:1", Endpoint())])
    assert len(Set(listen=[("haproxy:tcp:1", Endpoint())]).processes) == 2


def test_ready_when_all_are() -> None:
    """Whoever waits for the start is told once all workers have opened their stores."""
    workers = Set()
    first, second = workers.processes
    first.says(told="ready")
    assert "READY" not in workers.said
    second.says(told="ready")
    assert "READY" in workers.said


def test_health() -> None:
    """It is ready while any worker is, and says why not otherwise."""
    workers = Set()
    first, second = workers.processes
    assert workers.supervisor.health() == (False, "the worker has not started yet")
    first.says(health=[True, "works"])
    second.says(health=[False, "down"])
    assert workers.supervisor.health() == (True, "works")
    assert workers.said[-1] == "1 of 2 workers ready: works"
    first.says(health=[False, "down"])
    assert workers.supervisor.health() == (False, "down")


def test_pauses() -> None:
    """One that fails again and again is started after longer and longer pauses; one that was told to go, at once."""
    workers = Set()
    for pause in (0.5, 1.0, 2.0):
        started = len(workers.processes)
        workers.processes[-1].end(number=11)
        workers.clock.advance(pause - 0.1)
        assert len(workers.processes) == started
        workers.clock.advance(0.2)
        assert len(workers.processes) == started + 1
    started = len(workers.processes)
    workers.processes[-1].end()
    workers.clock.advance(0)
    assert len(workers.processes) == started + 1


def test_one_that_cannot_be_started() -> None:
    """A start for which the machine has no process is tried again, after longer and longer pauses."""
    workers = Set()
    workers.refused = 2
    workers.processes[-1].end(number=9)
    workers.clock.advance(0.5)
    workers.clock.advance(1.0)
    assert (workers.refused, len(workers.processes)) == (0, 2)
    assert workers.supervisor.health() == (False, "the worker has not started yet")
    workers.clock.advance(1.9)
    assert len(workers.processes) == 2
    workers.clock.advance(0.2)
    assert len(workers.processes) == 3


def test_a_stop_while_none_can_be_started() -> None:
    """A stop waits for no worker that could not be started, nor does it kill one."""
    workers = Set()
    workers.refused = 10
    for process in tuple(workers.processes):
        process.end(number=9)
    workers.clock.advance(0.5)
    assert workers.refused == 8
    assert workers.supervisor.health() == (False, "no worker is running")
    stopped = workers.supervisor.stopService()
    assert stopped.called
    assert not workers.clock.getDelayedCalls()


def test_one_that_has_run_for_long() -> None:
    """A worker that ran well for a while is started again after the first pause."""
    workers = Set()
    workers.processes[-1].end(status=1)
    workers.clock.advance(0.5)
    for _ in range(3):
        workers.clock.advance(5.0)
        for process in workers.processes[0], workers.processes[-1]:
            process.says(health=[True, "works"])
    workers.processes[-1].end(status=1)
    workers.clock.advance(0.5)
    assert len(workers.processes) == 4


def test_silence() -> None:
    """A worker that sends no heartbeat is killed, and another one started."""
    workers = Set()
    first, second = workers.processes
    for _ in range(8):
        workers.clock.advance(5.0)
        first.says(health=[True, "works"])
    assert (first.killed, second.killed) == (False, True)
    assert len(workers.processes) == 3


def test_a_bug_lets_no_worker_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look after the workers that goes wrong is logged, and the next one still kills who is silent."""
    workers = Set()
    with capturedLogs() as events, monkeypatch.context() as patch:
        patch.setattr(WorkerHandle, "ask_metrics", lambda self: 1 / 0)
        workers.clock.advance(5.0)
    assert ZeroDivisionError in [event["log_failure"].type for event in events if "log_failure" in event]
    for _ in range(8):
        workers.clock.advance(5.0)
    assert workers.processes[0].killed


def test_metrics() -> None:
    """The metrics are the sum over workers; of one that does not answer, as it last was; of one that ended, too."""
    workers = Set()
    first, second = workers.processes
    for process, count in ((first, 1.0), (second, 2.0)):
        process.says(metrics=to_plain(requests(count)))
    gathered: list[Any] = []
    workers.supervisor.gather().addCallback(gathered.append)
    first.says(metrics=to_plain(requests(5.0)))
    assert gathered == []
    workers.clock.advance(2.0)
    assert values(gathered[0])["requests_total"] == 7.0
    first.end(number=9)
    second.says(metrics=to_plain(requests(3.0)))
    workers.supervisor.gather().addCallback(gathered.append)
    second.says(metrics=to_plain(requests(3.0)))
    assert values(gathered[1])["requests_total"] == 8.0
    assert values(gathered[1])["level"] == 3.0


@pytest.mark.parametrize("status", [0, 1])
def test_a_stop(status: int) -> None:
    """A stop tells every worker, waits for them, starts none again, and says whether each left nothing undone."""
    workers = Set()
    stopped: list[Any] = []
    workers.supervisor.stopService().addCallback(stopped.append)
    for process in workers.processes:
        assert {"do": "stop"} in process.told()
    assert workers.supervisor.health() == (False, "the service is stopping")
    workers.processes[0].end()
    assert stopped == []
    workers.processes[1].end(status=status)
    assert stopped == [None]
    assert workers.supervisor.was_cut is bool(status)
    assert len(workers.processes) == 2
    assert not workers.clock.getDelayedCalls()


def test_workers_that_do_not_stop() -> None:
    """A worker that has not stopped in time is killed."""
    workers = Set(drain_timeout=5.0)
    stopped: Deferred[None] = workers.supervisor.stopService()
    workers.clock.advance(5.9)
    assert not stopped.called
    workers.clock.advance(0.2)
    assert stopped.called
    assert all(process.killed for process in workers.processes)
    assert workers.supervisor.was_cut
