"""The client on a real daemon, through a proxy that hurts: what was acknowledged holds, and nothing is doubled."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.daemon import Daemon
from tests.support.proxy import FaultProxy
from twisted_tasks.client import TasksClient
from twisted_tasks.client.errors import DeadlineExceeded, TaskError, Unreachable

FAULTS = 12
"""How often each run hurts the connections."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@pytest_twisted.async_yield_fixture
async def proxy(daemon: Daemon) -> Any:
    proxy = FaultProxy(reactor, "127.0.0.1", daemon.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


def pause(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds)


class Worker:
    """Somebody with tasks of their own, who notes what was acknowledged and what is in doubt.

    @ivar kept: id -> (name, done) as last acknowledged, or a set of what it may be.
    @ivar doubtful: names of adds that ended in an error.
    """

    def __init__(self, client: TasksClient, user: str) -> None:
        self.client = client
        self.user = user
        self.acknowledged: dict[str, set[str | None]] = {}
        self.doubtful: set[str] = set()
        self.ends: Counter[str] = Counter()
        self.stop = False
        self._random = random.Random(user)
        self._made = 0

    async def run(self) -> None:
        while not self.stop:
            choice = self._random.random()
            there = [task_id for task_id, names in self.acknowledged.items() if None not in names]
            if choice < 0.6 or not there:
                await self._add()
            elif choice < 0.8:
                await self._rename(self._random.choice(there))
            else:
                await self._remove(self._random.choice(there))
            await pause(0)

    def _name(self) -> str:
        self._made += 1
        return f"{self.user}/{self._made}"

    async def _add(self) -> None:
        name = self._name()
        try:
            task = await self.client.add(self.user, name)
        except TaskError as error:
            self.ends[type(error).__name__] += 1
            self.doubtful.add(name)
        else:
            self.ends["ok"] += 1
            assert task.id not in self.acknowledged
            self.acknowledged[task.id] = {name}

    async def _rename(self, task_id: str) -> None:
        name = self._name()
        try:
            await self.client.update(task_id, self.user, name)
        except TaskError as error:
            self.ends[type(error).__name__] += 1
            self.acknowledged[task_id].add(name)
        else:
            self.ends["ok"] += 1
            self.acknowledged[task_id] = {name}

    async def _remove(self, task_id: str) -> None:
        try:
            await self.client.remove(task_id, self.user)
        except TaskError as error:
            self.ends[type(error).__name__] += 1
            self.acknowledged[task_id].add(None)
        else:
            self.ends["ok"] += 1
            self.acknowledged[task_id] = {None}

    def verify(self, tasks: list[Any]) -> None:
        """Compare with all tasks of this user, as another client sees them."""
        there = {task.id: task.name for task in tasks}
        assert len(there) == len(tasks)
        for task_id, names in self.acknowledged.items():
            assert there.pop(task_id, None) in names
        # What is left was added by calls that ended in an error: each once at most.
        names = Counter(there.values())
        assert set(names) <= self.doubtful
        assert not names or max(names.values()) == 1


async def cut(proxy: FaultProxy) -> None:
    await pause(0.1)
    proxy.cut()


async def cut_within_replies(proxy: FaultProxy) -> None:
    await pause(0.05)
    proxy.to_client.cut_after = proxy.to_client.passed + random.Random(proxy.accepted).randrange(1, 4000)
    await pause(0.1)
    proxy.to_client.cut_after = None


async def lose_replies(proxy: FaultProxy) -> None:
    """What is asked is done, and its answer never comes."""
    await pause(0.1)
    proxy.to_client.swallow = True
    await pause(0.15)
    proxy.cut()
    proxy.to_client.swallow = False


async def black_hole(proxy: FaultProxy) -> None:
    """Both directions swallow; nothing breaks, so the client has to find out by itself."""
    await pause(0.1)
    proxy.to_server.swallow = proxy.to_client.swallow = True
    await pause(0.6)
    proxy.to_server.swallow = proxy.to_client.swallow = False


async def delay(proxy: FaultProxy) -> None:
    proxy.to_client.delay = 0.2
    await pause(0.3)
    proxy.to_client.delay = 0.0
    await pause(0.1)


async def refuse(proxy: FaultProxy) -> None:
    await pause(0.1)
    proxy.accepting = False
    proxy.cut()
    await pause(0.3)
    proxy.accepting = True


HURTS = [cut, cut_within_replies, lose_replies, black_hole, delay, refuse]


@pytest.mark.parametrize("hurt", HURTS, ids=lambda hurt: hurt.__name__)
@pytest_twisted.ensureDeferred
async def test_faults(daemon: Daemon, proxy: FaultProxy, hurt: Any) -> None:
    """Whatever happens to the connection, every call is acknowledged in the end, each was done once."""
    client = TasksClient(f"127.0.0.1:{proxy.port}", reactor, timeout=120, silence=0.3, connections=2)
    client.startService()
    workers = [Worker(client, f"{hurt.__name__} {number}") for number in range(8)]
    working = gatherResults([Deferred.fromCoroutine(worker.run()) for worker in workers], consumeErrors=True)
    for _ in range(FAULTS if hurt is not black_hole else FAULTS // 3):
        await hurt(proxy)
    proxy.heal()
    for worker in workers:
        worker.stop = True
    await working
    await client.close()
    ends = sum((worker.ends for worker in workers), Counter[str]())
    assert set(ends) == {"ok"}, ends
    assert ends["ok"] > len(workers)
    assert proxy.accepted > 2 or hurt is delay
    await _verify(daemon, workers)


@pytest_twisted.ensureDeferred
async def test_short_deadlines(daemon: Daemon, proxy: FaultProxy) -> None:
    """With deadlines shorter than the trouble calls fail, each is done once or not at all, and none hangs."""
    client = TasksClient(f"127.0.0.1:{proxy.port}", reactor, timeout=0.2, silence=0.3)
    client.startService()
    workers = [Worker(client, f"short {number}") for number in range(8)]
    working = gatherResults([Deferred.fromCoroutine(worker.run()) for worker in workers], consumeErrors=True)
    for hurt in (lose_replies, black_hole, refuse, lose_replies):
        await hurt(proxy)
    proxy.heal()
    for worker in workers:
        worker.stop = True
    await working
    await client.close()
    ends = sum((worker.ends for worker in workers), Counter[str]())
    assert set(ends) <= {"ok", DeadlineExceeded.__name__, Unreachable.__name__}
    assert ends[DeadlineExceeded.__name__] > 0
    await _verify(daemon, workers)


async def _verify(daemon: Daemon, workers: list[Worker]) -> None:
    looking = TasksClient(f"127.0.0.1:{daemon.port}", reactor)
    looking.startService()
    for worker in workers:
        worker.verify(await looking.all(worker.user))
    await looking.close()


@pytest_twisted.ensureDeferred
async def test_the_daemon_restarts(tmp_path: Path) -> None:
    """A daemon that is killed and comes back costs its clients time, and no call."""
    with Daemon(tmp_path) as daemon:
        port = daemon.port
        client = TasksClient(f"127.0.0.1:{port}", reactor, timeout=60)
        client.startService()
        worker = Worker(client, "alice")
        working = Deferred.fromCoroutine(worker.run())
        await pause(0.3)
        daemon.kill()
        await pause(0.3)
        daemon.options = ["--port", str(port)]
        daemon.start()
        made = worker.ends["ok"]
        await client.when_ready()
        await client.check()
        await pause(0.5)
        worker.stop = True
        await working
        assert set(worker.ends) == {"ok"}
        assert worker.ends["ok"] > made
        worker.verify(await client.all("alice"))
        await client.close()
