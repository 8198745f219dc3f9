"""What our layer over txmongo costs, against txmongo's own calls, in one run.

    python -m benchmarks.mongo_layer [OPERATIONS]

Prints, for adding one task and for listing ten, the CPU time this process spends per operation, by txmongo's
`insert_one` and `find` and by the store; each measured in turns, the median of seven. A real mongod is started from
the wheel the tests use. txmongo's calls give documents, the store's give tasks: ours do more.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bson import ObjectId
from twisted.internet import defer, task
from txmongo.connection import ConnectionPool
from txmongo.filter import DESCENDING, sort

from tests.support.mongod import Mongod, ReplicaSet, running
from twisted_tasks.model import ListQuery, Task
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore

ROUNDS = 7
CONCURRENT = 8
TASKS = 10

Operation = Callable[[], Awaitable[Any]]


async def cpu(operation: Operation, count: int) -> float:
    """Return microseconds of this process's CPU per operation, of `count`, CONCURRENT at a time."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await operation()

    began = time.process_time()
    await defer.gatherResults([defer.ensureDeferred(worker()) for _ in range(CONCURRENT)])
    return (time.process_time() - began) / count * 1e6


async def compare(title: str, operations: dict[str, Operation], count: int) -> None:
    """Measure operations in turns and print a line for each."""
    found: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(ROUNDS):
        for name, operation in operations.items():
            found[name].append(await cpu(operation, count))
    for name, figures in found.items():
        spread = f"{min(figures):.0f} to {max(figures):.0f}"
        print(f"{title:24} {name:22} {statistics.median(figures):7.1f} us of CPU  ({spread})")  # noqa: T201  a script


async def measure(reactor: Any, title: str, uri: str, count: int) -> None:
    """Measure against the server at `uri`."""
    clock = MonotonicClock(reactor)
    store = MongoStore(MongoOptions(uri, pool_size=4), reactor, clock)
    await store.open()
    pool = ConnectionPool(uri, pool_size=4, w="majority")
    theirs = pool["tasks-db"]["tasks"]
    now = time.time_ns() // 1_000_000
    user = str(ObjectId())
    tasks = [Task(str(ObjectId()), user, "buy some milk", now, False, now) for _ in range(TASKS)]
    await store.add(tasks, clock.seconds() + 5)

    async def our_add() -> None:
        moment = time.time_ns() // 1_000_000  # a task is added when its id is made, as the service does it
        await store.add([Task(str(ObjectId()), "u", "buy some milk", moment, False, moment)], clock.seconds() + 5)

    async def their_insert() -> None:
        document = {"_id": ObjectId(), "userId": "u", "name": "buy some milk", "createdOn": now, "done": False}
        await theirs.insert_one(document)

    async def our_find() -> None:
        ((outcome,),) = [await store.find([ListQuery(user)], clock.seconds() + 5)]
        assert len(outcome) == TASKS

    newest_first = sort(DESCENDING("createdOn") + DESCENDING("_id"))

    async def their_find() -> None:
        assert len(await theirs.find({"userId": user}, sort=newest_first)) == TASKS

    adds = {"txmongo insert_one": their_insert, "MongoStore.add": our_add}
    finds = {"txmongo find": their_find, "MongoStore.find": our_find}
    await compare(f"{title}: add one", adds, count)
    await compare(f"{title}: list {TASKS}", finds, count)
    await store.close()
    await pool.disconnect()


async def main(reactor: Any, count: int) -> None:
    """Measure on one server and on a replica set."""
    with tempfile.TemporaryDirectory() as folder:
        with running(Mongod(Path(folder) / "single")) as server:
            await measure(reactor, "one server", server.uri, count)
        with running(ReplicaSet(Path(folder) / "set")) as servers:
            await measure(reactor, "replica set", servers.uri, count)


if __name__ == "__main__":
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    task.react(lambda reactor: defer.ensureDeferred(main(reactor, operations)))
