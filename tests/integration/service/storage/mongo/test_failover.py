"""The replica set loses its primary in every way there is, under load.

Each test causes the fault while clients call, waits until calls succeed again, lets the set get well, and then checks
what is kept against what was acknowledged. How long calls fail is the set's doing as much as ours, and the machine's:
it is printed (`-rP` shows it) and not asserted. `python -m benchmarks.mongo_failover` measures it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import pytest_twisted

from tests.support.load import HANG, READS, WRITES, Load
from tests.support.mongo_stores import CLOCK, blocking, new_database, opened, verify
from tests.support.mongod import ReplicaSet

RATE = 200
CLIENTS = 20  # and as many connections: a write waits for its majority, and here nothing puts several into one command
KILLS = int(os.environ.get("TASKS_TEST_KILLS", "3"))

Fault = Callable[[ReplicaSet], None]


def step_down(servers: ReplicaSet) -> None:
    """The primary gives up."""
    servers.step_down()


def kill(servers: ReplicaSet) -> None:
    """The primary dies."""
    servers.primary().kill()


def freeze(servers: ReplicaSet) -> None:
    """The primary stops, and all its connections stay."""
    servers.primary().freeze()


@pytest.mark.parametrize("fault", [step_down, kill, freeze], ids=["stepdown", "kill", "freeze"])
@pytest_twisted.ensureDeferred
async def test_short_deadlines(replica_set: ReplicaSet, fault: Fault) -> None:
    """With 2 s for a call, calls fail for a while and then no more; each ends in time, nothing is lost or doubled."""
    database = new_database()
    async with opened(replica_set.uri, database=database, pool_size=CLIENTS) as store:
        load = Load(store, CLOCK, timeout=2.0, rate=RATE, clients=CLIENTS)
        load.start()
        await load.well_again(0.0)
        began = CLOCK.seconds()
        await blocking(fault, replica_set)
        await load.well_again(CLOCK.seconds())
        await load.stop()
        await blocking(replica_set.mend)
        tell(load, began)
        assert load.in_time(), load.summary()
        await verify(load, replica_set, database)


def tell(load: Load, began: float) -> None:
    """Print how long calls failed after a fault."""
    reads, writes = load.last_error(began, READS), load.last_error(began, WRITES)
    print(f"last error {reads:.2f} s (reads) {writes:.2f} s (writes) after the fault; {load.summary()}")  # noqa: T201


@pytest.mark.parametrize("fault", [pytest.param(step_down, id="stepdown"), pytest.param(kill, id="kill")])
@pytest_twisted.ensureDeferred
async def test_long_deadlines(replica_set: ReplicaSet, fault: Fault) -> None:
    """With more time for a call than an election takes, nobody notices."""
    database = new_database()
    async with opened(replica_set.uri, database=database, pool_size=CLIENTS) as store:
        load = Load(store, CLOCK, timeout=HANG, rate=RATE, clients=CLIENTS)
        load.start()
        await load.well_again(0.0)
        await blocking(fault, replica_set)
        await load.well_again(CLOCK.seconds())
        await load.stop()
        await blocking(replica_set.mend)
        assert load.errors() == [], load.summary()
        await verify(load, replica_set, database)


@pytest_twisted.ensureDeferred
async def test_primaries_killed_in_a_row(replica_set: ReplicaSet) -> None:
    """Kill -9 after kill -9, and nothing acknowledged is lost or doubled, and no call is late.

    TASKS_TEST_KILLS says how often: few by default, for the sake of those who wait.
    """
    database = new_database()
    async with opened(replica_set.uri, database=database, pool_size=CLIENTS) as store:
        load = Load(store, CLOCK, timeout=5.0, rate=RATE, clients=CLIENTS)
        load.start()
        await load.well_again(0.0)
        for _ in range(KILLS):
            victim = await blocking(replica_set.primary)
            await blocking(victim.kill)
            await load.well_again(CLOCK.seconds())
            await blocking(victim.start)
            await blocking(replica_set.wait_healthy)
        await load.stop()
        print(f"{KILLS} kills; {load.summary()}")  # noqa: T201
        assert load.in_time(), load.summary()
        await verify(load, replica_set, database)
