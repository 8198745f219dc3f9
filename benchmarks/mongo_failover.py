"""How long calls fail when a replica set loses its primary.

    python -m benchmarks.mongo_failover [ROUNDS] [--defaults]

For each fault, and for deadlines of 2 s and 10 s: clients make 200 calls a second, the fault comes, and when calls
succeed again it is printed when the last one failed after it, reads and writes by themselves, and how long the slowest
call took; what is kept must agree with what was acknowledged. `electionTimeoutMillis` is 2000. With --defaults all else
is as MongoDB has it; without, secondaries leave a frozen primary quickly (see FOLLOW_QUICKLY, tests/support/mongod.py).
The store is asked as the daemon asks it, in batches, over 8 connections.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bson import ObjectId
from twisted.internet import defer, task
from twisted.internet.threads import deferToThread

from tests.support.load import READS, WRITES, Load
from tests.support.mongod import ReplicaSet, running
from tests.support.waiting import pause
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.batching.store import BatchingStore
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore

RATE = 200


def step_down(servers: ReplicaSet) -> None:
    """The primary gives up."""
    servers.step_down()


def kill(servers: ReplicaSet) -> None:
    """The primary dies."""
    servers.primary().kill()


def freeze(servers: ReplicaSet) -> None:
    """The primary stops, and all its connections stay."""
    servers.primary().freeze()


async def once(reactor: Any, servers: ReplicaSet, fault: Any, timeout: float) -> None:
    """Cause one fault under load, and print what became of the calls."""
    clock = MonotonicClock(reactor)
    database = f"bench-{ObjectId()}"
    store = BatchingStore(MongoStore(MongoOptions(servers.uri, database=database), reactor, clock), clock)
    await store.open()
    load = Load(store, clock, timeout=timeout, rate=RATE)
    load.start()
    await pause(clock, 1.0)
    began = clock.seconds()
    await deferToThread(fault, servers)
    await load.well_again(clock.seconds())
    await load.stop()
    await store.close()
    await deferToThread(servers.mend)
    with servers.client() as client:
        load.verify(list(client[database]["tasks"].find()))
        client.drop_database(database)
    reads, writes = load.last_error(began, READS), load.last_error(began, WRITES)
    print(  # noqa: T201  a script
        f"{fault.__name__:10} D = {timeout:2.0f} s   last error after {reads:5.2f} s (reads) {writes:5.2f} s (writes)  "
        f"{load.summary()}",
        flush=True,
    )


async def main(reactor: Any, rounds: int, quick: bool) -> None:
    """Cause every fault so many times."""
    with tempfile.TemporaryDirectory() as folder, running(ReplicaSet(Path(folder), quick=quick)) as servers:
        for fault in (step_down, kill, freeze):
            for timeout in (2.0, 10.0):
                for _ in range(rounds):
                    await once(reactor, servers, fault, timeout)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    settings = (numbers[0] if numbers else 3, "--defaults" not in sys.argv)
    task.react(lambda reactor: defer.ensureDeferred(main(reactor, *settings)))
