"""What versions, `changes` and `batch` cost, beside what they take the place of: one row each.

    python -m benchmarks.versions_cost [mongo]

Starts the daemon, on an SQLite file or on a MongoDB of its own from the wheel the tests use, and prints the daemon's
CPU time (and MongoDB's) for each call, and the time a caller waits. Every figure is the median of several rounds, and
what is compared is measured in turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from benchmarks.processes import cpu_seconds
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod, running
from twisted_tasks.client import ChangeTask, CreateTask, TasksClient

ROUNDS = 5
MANY, FEW = 10_000, 10
CONCURRENT = 32

Work = Callable[[], Awaitable[int]]
"""Does something a number of times, and returns how often."""


class Costs:
    """Measures works in turns.

    @param pids: whose CPU time is told, by name.
    """

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids

    async def rows(self, works: dict[str, Work]) -> None:
        """Measure each work in every round, and print a line for each."""
        figures: dict[str, list[list[float]]] = {name: [] for name in works}
        for _ in range(ROUNDS):
            for name, work in works.items():
                figures[name].append(await self._measure(work))
        for name, rounds in figures.items():
            waited, *spent = (statistics.median(column) for column in zip(*rounds, strict=True))
            cpu = ", ".join(f"{who} {one * 1e6:10,.0f} us" for who, one in zip(self._pids, spent, strict=True))
            sys.stdout.write(f"{name:44} {cpu}, wall {waited * 1e6:10,.0f} us\n")
            sys.stdout.flush()

    async def _measure(self, work: Work) -> list[float]:
        before = [time.perf_counter(), *map(cpu_seconds, self._pids.values())]
        count = await work()
        after = [time.perf_counter(), *map(cpu_seconds, self._pids.values())]
        return [(end - begin) / count for begin, end in zip(before, after, strict=True)]


async def at_once(calls: Iterator[Awaitable[Any]]) -> None:
    """Make calls, so many at a time."""

    async def some() -> None:
        for call in calls:
            await call

    await gatherResults([Deferred.fromCoroutine(some()) for _ in range(CONCURRENT)])


async def fill(client: TasksClient, user: str, count: int) -> list[Any]:
    """Add so many tasks, and return them."""
    tasks: list[Any] = []
    while len(tasks) < count:
        tasks += await client.batch(user, [CreateTask(f"task {number}") for number in range(min(500, count))])
    return tasks


async def updates(client: TasksClient, costs: Costs) -> None:
    """Compare an update with one that names a version."""
    tasks = {task.id: task for task in await fill(client, "updates", 1000)}

    async def plain() -> int:
        await at_once(client.change(task_id, "updates", done=True) for task_id in list(tasks))
        tasks.update({task.id: task for task in await client.all("updates")})
        return len(tasks)

    async def conditional() -> int:
        await at_once(
            client.change(task.id, "updates", done=False, version=task.version) for task in list(tasks.values())
        )
        tasks.update({task.id: task for task in await client.all("updates")})
        return len(tasks)

    await costs.rows({f"change, {CONCURRENT} at once": plain, "the same with a version": conditional})


async def changes(client: TasksClient, costs: Costs) -> None:
    """Compare `changes` of a few tasks among many with a list of all."""
    tasks = await fill(client, "follower", MANY)
    sync, done = None, False
    while True:
        answer = await client.changes("follower", sync)
        sync = answer.sync
        if not answer.tasks:
            break
        if not answer.more:
            # A database with several daemons tells what is young again (docs/decisions, 31).
            await deferLater(reactor, 5)

    async def whole() -> int:
        for _ in range(3):
            assert len(await client.all("follower")) == MANY
        return 3

    async def since() -> int:
        nonlocal sync, done
        count, done = 60, not done
        for task in tasks[:FEW]:
            await client.change(task.id, "follower", done=done)
        for _ in range(count):
            # The same token again and again: what it costs is the same.
            answer = await client.changes("follower", sync)
            assert FEW <= len(answer.tasks) <= 2 * FEW
        sync = answer.sync
        return count

    await costs.rows({f"all, {MANY:,} tasks": whole, f"changes, {FEW} of {MANY:,} (with their changes)": since})


async def batches(client: TasksClient, costs: Costs) -> None:
    """Compare a batch with as many calls, one after the other."""
    for size in (64, 500):
        tasks = await fill(client, f"batch of {size}", size)
        user = f"batch of {size}"

        async def together(tasks: Sequence[Any] = tasks, user: str = user) -> int:
            for _ in range(3):
                await client.batch(user, [ChangeTask(task.id, done=True) for task in tasks])
            return 3

        async def in_turn(tasks: Sequence[Any] = tasks, user: str = user) -> int:
            for task in tasks:
                await client.change(task.id, user, done=True)
            return 1

        await costs.rows({f"batch of {size} changes": together, f"{size} calls of change in turn": in_turn})


async def index(mongod: Mongod, folder: Path) -> None:
    """Compare adding and changing with the index of `changes` (`--sync on`) and without it, in a database each."""
    with ExitStack() as stack:
        works: dict[str, dict[str, Work]] = {"add": {}, "change": {}}
        pids, clients = {"mongod": mongod.pid}, []
        for sync in ("auto", "on"):
            (place := folder / sync).mkdir()
            options = ("--mongo-uri", mongod.uri, "--mongo-db", f"sync-{sync}", "--sync", sync)
            daemon = stack.enter_context(Daemon(place, *options))
            client = TasksClient(f"127.0.0.1:{daemon.port}", reactor)
            client.startService()
            clients.append(client)
            tasks = await fill(client, "index", MANY)

            async def add(client: TasksClient = client) -> int:
                await at_once(client.add("index", "one more") for _ in range(1000))
                return 1000

            async def change(client: TasksClient = client, tasks: list[Any] = tasks[:1000]) -> int:
                await at_once(client.change(task.id, "index", name=str(time.monotonic_ns())) for task in tasks)
                return len(tasks)

            works["add"][f"add, {CONCURRENT} at once, --sync {sync}"] = add
            works["change"][f"change, {CONCURRENT} at once, --sync {sync}"] = change
        for compared in works.values():
            await Costs(pids).rows(compared)
        for client in clients:
            await client.stopService()


async def main(reactor: Any) -> None:
    """Run everything."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        options: list[str] = []
        pids: dict[str, int] = {}
        mongod: Mongod | None = None
        if sys.argv[1:] == ["mongo"]:
            mongod = stack.enter_context(running(Mongod(Path(folder) / "mongod")))
            options, pids["mongod"] = ["--mongo-uri", mongod.uri], mongod.pid
        daemon = stack.enter_context(Daemon(Path(folder), *options))
        assert daemon.process is not None
        pids = {"daemon": daemon.process.pid, **pids}
        client = TasksClient(f"127.0.0.1:{daemon.port}", reactor)
        client.startService()
        try:
            for part in (updates, changes, batches):
                await part(client, Costs(pids))
        finally:
            await client.stopService()
        if mongod is not None:
            await index(mongod, Path(folder))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
