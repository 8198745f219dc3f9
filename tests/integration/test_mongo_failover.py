"""The replica set loses its primary in every way there is, under load.

Each test causes the fault while clients call, lets the set get well again, and then checks what is kept against what
was acknowledged. `python -m benchmarks.mongo_failover` prints the figures behind the bounds, which are looser here:
they have to hold on a machine that is busy with other things.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import pytest_twisted

from tests.integration.mongo_helpers import CLOCK, blocking, new_database, opened, verify
from tests.load import Load
from tests.mongod import ReplicaSet
from tests.waiting import pause, until

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


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(step_down, 6.0, id="stepdown"),
        pytest.param(kill, 8.0, id="kill"),
        pytest.param(freeze, 13.0, id="freeze"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_short_deadlines(replica_set: ReplicaSet, fault: Fault, seconds: float) -> None:
    """With 2 s for a call, calls fail for a few seconds at most; each ends in time, and nothing is lost or doubled."""
    database = new_database()
    async with opened(replica_set.uri, database=database, pool_size=CLIENTS) as store:
        load = Load(store, CLOCK, timeout=2.0, rate=RATE, clients=CLIENTS)
        load.start()
        await pause(CLOCK, 0.5)
        began = CLOCK.seconds()
        await blocking(fault, replica_set)
        await pause(CLOCK, seconds + 2.0)
        await load.stop()
        await blocking(replica_set.mend)
        assert load.last_error(began) <= seconds, load.summary()
        assert load.in_time(), load.summary()
        await verify(load, replica_set, database)


@pytest.mark.parametrize("fault", [pytest.param(step_down, id="stepdown"), pytest.param(kill, id="kill")])
@pytest_twisted.ensureDeferred
async def test_long_deadlines(replica_set: ReplicaSet, fault: Fault) -> None:
    """With 10 s for a call, which is longer than an election, nobody notices."""
    database = new_database()
    async with opened(replica_set.uri, database=database, pool_size=CLIENTS) as store:
        load = Load(store, CLOCK, timeout=10.0, rate=RATE, clients=CLIENTS)
        load.start()
        await pause(CLOCK, 0.5)
        await blocking(fault, replica_set)
        await pause(CLOCK, 4.0)
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
        for _ in range(KILLS):
            victim = await blocking(replica_set.primary)
            await blocking(victim.kill)
            calls = len(load.calls)
            await until(CLOCK, lambda calls=calls: len(load.calls) > calls + 5 * CLIENTS)
            await blocking(victim.start)
            await blocking(replica_set.wait_healthy)
        await load.stop()
        assert load.in_time(), load.summary()
        await verify(load, replica_set, database)
