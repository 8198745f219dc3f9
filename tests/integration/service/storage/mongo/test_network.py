"""A MongoDB by itself that is down, dies, freezes, or is behind a network that does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.support.load import HANG, Load
from tests.support.mongo_stores import (
    CLOCK,
    OPERATIONS,
    WRITING,
    Operation,
    blocking,
    kept,
    new_database,
    new_task,
    opened,
    ref,
    soon,
    verify,
)
from tests.support.mongod import Mongod
from tests.support.proxy import FaultProxy
from tests.support.waiting import pause, until
from twisted_tasks.model import DeadlineExceeded, StoreUnavailable


@pytest_twisted.async_yield_fixture
async def proxy(shared_mongod: Mongod) -> Any:
    """A proxy before the shared mongod."""
    proxy = FaultProxy(reactor, "127.0.0.1", shared_mongod.port)
    await proxy.start()
    yield proxy
    await proxy.stop()


def uri_of(proxy: FaultProxy) -> str:
    return f"mongodb://127.0.0.1:{proxy.port}/"


@pytest_twisted.ensureDeferred
async def test_down_at_start(mongod: Mongod) -> None:
    """A database that is down does not keep the store from opening; calls fail in time; it is used once it is up."""
    await blocking(mongod.kill)
    async with opened(mongod.uri) as store:
        for _ in range(3):
            began = CLOCK.seconds()
            with pytest.raises(StoreUnavailable):
                await store.add([new_task()], soon(0.5))
            assert 0.4 < CLOCK.seconds() - began < HANG
        assert store.state().waiting == 0
        await blocking(mongod.start)
        task = new_task()
        assert await store.add([task], soon(HANG)) == [task]


@pytest_twisted.ensureDeferred
async def test_restarts(mongod: Mongod) -> None:
    """A database that is killed and started again: all is well again, and nothing acknowledged is lost."""
    database = new_database()
    async with opened(mongod.uri, database=database) as store:
        load = Load(store, CLOCK, timeout=1.0)
        load.start()
        await load.well_again(0.0)
        for _ in range(2):
            await blocking(mongod.kill)
            await pause(CLOCK, 0.5)
            await blocking(mongod.start)
            await load.well_again(CLOCK.seconds())
        await load.stop()
        assert load.in_time(), load.summary()
        await verify(load, mongod, database)


@pytest_twisted.ensureDeferred
async def test_freezes(mongod: Mongod) -> None:
    """A database that is frozen: calls end in time, only connections that were stuck are given up, nobody waits on."""
    database = new_database()
    async with opened(mongod.uri, database=database, pool_size=8) as store:
        load = Load(store, CLOCK, timeout=1.0, rate=20, clients=2)
        load.start()
        await until(CLOCK, lambda: store.state().ready == 8)
        await load.well_again(0.0)
        before = store.state()
        mongod.freeze()
        await until(CLOCK, lambda: store.state().timeouts >= before.timeouts + 3)
        frozen = store.state()
        # Each operation that timed out has cost one connection: idle ones have not been touched.
        assert frozen.ready >= 8 - (frozen.timeouts - before.timeouts)
        mongod.thaw()
        await load.well_again(CLOCK.seconds())
        await load.stop()
        assert load.errors()
        assert load.in_time(), load.summary()
        assert store.state().opened - before.opened <= store.state().timeouts - before.timeouts
        assert (store.state().waiting, store.state().in_flight) == (0, 0)
        await verify(load, mongod, database, late=True)


WRITE_VERBS = (b"insert", b"update", b"delete", b"findAndModify")


def _names(verb: bytes, data: bytes) -> bool:
    """Return whether bytes hold a command that writes so to the collection `tasks`: what is looked at first is not."""
    return b"\x02%b\x00\x06\x00\x00\x00tasks\x00" % verb in data


@pytest.mark.parametrize("operation", WRITING, ids=str)
@pytest_twisted.ensureDeferred
async def test_a_lost_reply(shared_mongod: Mongod, proxy: FaultProxy, operation: Operation) -> None:
    """A write that is done and whose reply is lost succeeds, and is done once, on a server without sessions too."""
    database = new_database()
    async with opened(uri_of(proxy), database=database) as store:
        tasks = await operation.prepare(store)
        before = await blocking(kept, shared_mongod, database)

        def lose_its_reply(data: bytes) -> None:
            if any(_names(verb, data) for verb in WRITE_VERBS):
                proxy.to_client.swallow = True

        proxy.to_server.tap = lose_its_reply
        running = Deferred.fromCoroutine(operation.run(store, tasks))
        end = CLOCK.seconds() + 20  # less than the operation has
        while await blocking(kept, shared_mongod, database) == before:
            assert CLOCK.seconds() < end
        proxy.to_server.tap = len
        proxy.heal()
        await running
        names = sorted(document["name"] for document in await blocking(kept, shared_mongod, database))
        expected = {
            "add": [task.name for task in tasks],
            "update": [task.name + "!" for task in tasks],
            "remove": [],
        }[operation.name]
        assert names == expected


@pytest_twisted.ensureDeferred
async def test_connections_reset(shared_mongod: Mongod, proxy: FaultProxy) -> None:
    """Connections that are reset, again and again: calls are repeated, and none fails."""
    database = new_database()
    async with opened(uri_of(proxy), database=database) as store:
        proxy.to_client.delay = 0.02  # so that there is always something under way
        load = Load(store, CLOCK, timeout=30.0)
        load.start()
        for _ in range(8):
            await pause(CLOCK, 0.25)
            proxy.cut()
        await pause(CLOCK, 0.5)
        await load.stop()
        assert load.errors() == [], load.summary()
        assert store.state().retries > 0
        await verify(load, shared_mongod, database)


@pytest_twisted.ensureDeferred
async def test_replies_cut_short(shared_mongod: Mongod, proxy: FaultProxy) -> None:
    """Replies that end after some of their bytes: calls are repeated, none fails, none gets another one's answer."""
    database = new_database()
    async with opened(uri_of(proxy), database=database) as store:
        load = Load(store, CLOCK, timeout=30.0)
        load.start()
        for number in range(12):
            await pause(CLOCK, 0.15)
            proxy.to_client.cut_after = proxy.to_client.passed + 7 + 31 * number
        await pause(CLOCK, 0.5)
        await load.stop()
        assert load.errors() == [], load.summary()
        await verify(load, shared_mongod, database)


async def dribble(proxy: FaultProxy) -> None:
    proxy.to_client.dribble = 3
    proxy.to_server.dribble = 5


async def latency(proxy: FaultProxy) -> None:
    proxy.to_client.delay = proxy.to_server.delay = 0.05


@pytest.mark.parametrize("make", [dribble, latency])
@pytest_twisted.ensureDeferred
async def test_a_slow_network(
    shared_mongod: Mongod, proxy: FaultProxy, make: Callable[[FaultProxy], Awaitable[None]]
) -> None:
    """A network that passes on a few bytes at a time, or late: every operation works."""
    await make(proxy)
    async with opened(uri_of(proxy), database=new_database()) as store:
        for operation in OPERATIONS:
            await operation.run(store, await operation.prepare(store))


@pytest_twisted.ensureDeferred
async def test_a_black_hole(shared_mongod: Mongod, proxy: FaultProxy) -> None:
    """A network that swallows everything: calls end in time; when it is mended, so is all else."""
    database = new_database()
    async with opened(uri_of(proxy), database=database) as store:
        load = Load(store, CLOCK, timeout=0.8)
        load.start()
        await load.well_again(0.0)
        proxy.to_client.swallow = proxy.to_server.swallow = True
        await pause(CLOCK, 2.5)
        proxy.heal()
        await load.well_again(CLOCK.seconds())
        await load.stop()
        assert load.in_time(), load.summary()
        assert store.state().waiting == 0
        await verify(load, shared_mongod, database)


@pytest_twisted.ensureDeferred
async def test_nobody_is_stormed(proxy: FaultProxy) -> None:
    """A server that drops every connection at once is not tried more than a few times a second."""
    proxy.accepting = False
    async with opened(uri_of(proxy)) as store:
        with pytest.raises(StoreUnavailable):
            await store.add([new_task()], soon(3.0))
        # At once, and then after 0.1, 0.2, 0.4, 0.8 and 1.6 s, or as little as half of that.
        assert proxy.accepted <= 10


@pytest_twisted.ensureDeferred
async def test_a_server_that_hangs_up(shared_mongod: Mongod, proxy: FaultProxy) -> None:
    """Nor is one that takes connections and drops them at the first question."""
    async with opened(uri_of(proxy)) as store:
        assert store.state().ready
        proxy.to_client.hang_up = True
        proxy.cut()
        before = proxy.accepted
        await pause(CLOCK, 3.0)
        assert proxy.accepted - before <= 30
        proxy.heal()
        task = new_task()
        assert await store.add([task], soon(HANG)) == [task]


@pytest_twisted.ensureDeferred
async def test_closing_with_calls_under_way(shared_mongod: Mongod, proxy: FaultProxy) -> None:
    """Closing ends calls that are under way, and those that wait, at once."""
    async with opened(uri_of(proxy), pool_size=1) as store:
        task = new_task()
        await store.add([task], soon())
        proxy.to_client.swallow = True
        calls = [store.get([ref(task)], soon(60)) for _ in range(20)]
        await pause(CLOCK, 0.1)
        assert store.state().waiting > 0
        await store.close()
        for call in calls:
            with pytest.raises((StoreUnavailable, DeadlineExceeded)):
                await call
        proxy.to_client.swallow = False
