"""Checkout, deadlines, retries and the search for the primary, on a clock and servers in memory.

Covers `mongo.topology`.
"""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import bson
import pytest
from bson import ObjectId
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from txmongo.protocol import Msg

from tests.support.fake_mongo import FakeNetwork, FakeServer
from twisted_tasks.mongo.backoff import BACKOFF_LONGEST
from twisted_tasks.mongo.checkout import MAX_IN_FLIGHT
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.pool import IDLE_SECONDS, MAX_OPENING
from twisted_tasks.mongo.reply import (
    CommandFailed,
    ConnectionLost,
    Misconfigured,
    NotConnected,
    TimedOut,
    check,
)
from twisted_tasks.mongo.uri import read_options
from twisted_tasks.mongo.watch import AWAIT_SECONDS

POOL = 3


class World:
    """A clock, servers, and a client of them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = FakeNetwork(self.clock)
        self.client: Client = None  # type: ignore[assignment]

    def start(self, uri: str = "mongodb://a/", pool_size: int = POOL) -> None:
        """Make the client, and let it connect."""
        config = read_options(MongoOptions(uri, pool_size=pool_size))
        self.client = Client(config, self.network.endpoint, self.clock, random.Random(1).random)
        self.client.start()
        self.run(0.1)

    def run(self, seconds: float, step: float = 0.01) -> None:
        """Let time pass, in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            self.clock.advance(min(step, end - self.clock.seconds()))

    def call(self, timeout: float = 1.0, name: str = "find") -> Call:
        """Start an operation of one command."""
        return Call(self, timeout, name)


class Call:
    """An operation under way, or how it ended."""

    def __init__(self, world: World, timeout: float, name: str) -> None:
        self.reply: dict[str, Any] | None = None
        self.error: Exception | None = None
        self.ended: float | None = None
        self.took = inf
        self.connections: list[MongoConnection] = []
        began = world.clock.seconds()
        deadline = began + timeout

        async def operation(connection: MongoConnection) -> dict[str, Any]:
            self.connections.append(connection)
            reply = await connection.send(bson.encode({name: "tasks", "$db": "test"}), deadline)
            check(reply)
            return reply

        def end(result: Any) -> None:
            self.ended = world.clock.seconds()
            self.took = self.ended - began
            if isinstance(result, Failure):
                self.error = result.value
            else:
                self.reply = result

        self.result = Deferred.fromCoroutine(world.client.execute(operation, deadline))
        self.result.addBoth(end)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def alone(world: World) -> tuple[World, FakeServer]:
    """A server by itself, and a client of it that is connected."""
    server = world.network.add("a")
    world.start()
    return world, server


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """What is logged at warn level and above."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"].name not in ("debug", "info"):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def test_an_operation(alone: tuple[World, FakeServer]) -> None:
    """An operation runs on a connection that is ready, and answers."""
    world, _ = alone
    assert world.client.state().ready == POOL
    call = world.call()
    world.run(0.01)
    assert call.reply == {"ok": 1}


def test_the_least_busy(alone: tuple[World, FakeServer]) -> None:
    """Operations go to the connections with least in flight, and beyond a few on each they wait their turn."""
    world, server = alone
    server.answers["find"] = lambda command: None
    calls = [world.call() for _ in range(POOL * MAX_IN_FLIGHT + 5)]
    assert [connection.inflight() for connection in world.client.pool.checkout.ready] == [MAX_IN_FLIGHT] * POOL
    assert world.client.state().waiting == 5
    world.run(1.1)
    assert world.client.state().waiting == 0
    assert all(isinstance(call.error, TimedOut | NotConnected | ConnectionLost) for call in calls)


def test_who_waits_goes_first(alone: tuple[World, FakeServer]) -> None:
    """Whoever waits for a connection gets it before those who come later."""
    world, _ = alone
    calls = [world.call() for _ in range(100)]
    world.run(0.2)
    ends = [call.ended for call in calls]
    assert None not in ends
    assert ends == sorted(ends)  # type: ignore[type-var]


def test_a_timeout(alone: tuple[World, FakeServer]) -> None:
    """An operation that times out does so at its deadline, and gives up its own connection and no other."""
    world, server = alone
    server.answers["find"] = lambda command: None
    call = world.call(timeout=0.5)
    world.run(0.05)
    other = world.call(timeout=5.0)
    world.run(0.46)
    assert isinstance(call.error, TimedOut)
    assert call.ended == pytest.approx(0.1 + 0.5, abs=0.011)
    assert call.connections[0].ended is not None
    assert other.connections[0].ended is None
    world.run(0.1)
    assert world.client.state()[1:] == (POOL, 1, 0, POOL + 1, 0, 1)


def test_a_slow_connection_is_avoided(alone: tuple[World, FakeServer]) -> None:
    """While a server is stuck in a command, later ones are not put behind it."""
    world, server = alone
    server.answers["find"] = lambda command: None
    stuck = world.call(timeout=5.0)
    world.run(0.2)
    del server.answers["find"]
    calls = [world.call() for _ in range(50)]
    world.run(0.5)
    assert all(call.reply for call in calls)
    assert all(call.connections[0] is not stuck.connections[0] for call in calls)


def test_what_is_behind_a_stuck_one(alone: tuple[World, FakeServer]) -> None:
    """What was put behind a command that turns out to be stuck is run again when the connection is given up."""
    world, server = alone
    server.answers["find"] = lambda command: None
    stuck = [world.call(timeout=0.5) for _ in range(POOL)]
    behind = [world.call(timeout=5.0) for _ in range(POOL)]
    world.run(0.45)
    del server.answers["find"]
    world.run(0.2)
    assert all(isinstance(call.error, TimedOut) for call in stuck)
    assert all(call.reply for call in behind)


def test_waiting_for_nothing(world: World) -> None:
    """Without a server a call fails at its deadline, and was never sent."""
    world.network.add("a").up = False
    world.start()
    call = world.call(timeout=0.5)
    world.run(0.49)
    assert call.ended is None
    world.run(0.02)
    assert isinstance(call.error, NotConnected)
    assert world.client.state().waiting == 0


def test_a_deadline_that_is_over(alone: tuple[World, FakeServer]) -> None:
    """A call whose deadline is over fails, and nothing is sent."""
    world, server = alone
    call = world.call(timeout=0.0)
    world.run(0.01)
    assert isinstance(call.error, TimedOut)
    assert server.commands == []


def test_retries(alone: tuple[World, FakeServer]) -> None:
    """What may pass is tried again: at once, and then with growing pauses, within the deadline."""
    world, server = alone
    times: list[float] = []

    def busy(command: dict[str, Any]) -> dict[str, Any]:
        times.append(world.clock.seconds())
        return {"ok": 0, "code": 112, "codeName": "WriteConflict"}

    server.answers["find"] = busy
    call = world.call(timeout=3.0)
    world.run(3.1, step=0.001)
    assert isinstance(call.error, CommandFailed)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] < 0.005
    assert 5 < len(times) < 20
    assert max(pauses) < 0.51
    assert world.client.retries == len(times) - 1


def test_what_does_not_pass(alone: tuple[World, FakeServer]) -> None:
    """An error that will not pass is not tried again."""
    world, server = alone
    server.answers["find"] = lambda command: {"ok": 0, "code": 8000, "errmsg": "no"}
    call = world.call()
    world.run(0.1)
    assert isinstance(call.error, CommandFailed)
    assert len(server.commands) == 1


def test_connections_lost(alone: tuple[World, FakeServer]) -> None:
    """When the server dies and comes back, operations under way are run again, and none is the wiser."""
    world, server = alone
    server.answers["find"] = lambda command: None
    calls = [world.call(timeout=10.0) for _ in range(5)]
    server.die()
    world.run(1.0)
    server.up = True
    del server.answers["find"]
    world.run(3.0)
    assert all(call.reply for call in calls)
    assert world.client.state().ready == POOL


def test_cancelling(alone: tuple[World, FakeServer]) -> None:
    """A caller may lose interest, while waiting or while the server works; nothing is left behind."""
    world, server = alone
    server.answers["find"] = lambda command: None
    calls = [world.call(timeout=5.0) for _ in range(POOL * MAX_IN_FLIGHT + 1)]
    for call in calls:
        call.result.cancel()
    assert all(isinstance(call.error, CancelledError) for call in calls)
    assert world.client.state()[1:4] == (POOL, 0, 0)


def test_closing(alone: tuple[World, FakeServer]) -> None:
    """Closing ends what waits and what is under way, and leaves no connection and no timer."""
    world, server = alone
    server.answers["find"] = lambda command: None
    calls = [world.call(timeout=60.0) for _ in range(POOL * MAX_IN_FLIGHT + 5)]
    world.client.close()
    world.run(0.1)
    assert all(isinstance(call.error, NotConnected | ConnectionLost) for call in calls)
    assert server.connections == []
    assert world.clock.getDelayedCalls() == []
    late = world.call()
    world.run(0.01)
    assert isinstance(late.error, NotConnected)


def frozen(server: FakeServer) -> None:
    server.frozen = True


@pytest.mark.parametrize("fault", [FakeServer.die, frozen])
def test_an_hour_without_a_server(
    alone: tuple[World, FakeServer], logged: list[LogEvent], fault: Callable[[FakeServer], None]
) -> None:
    """An hour's outage: every call fails at its deadline, memory stays flat, nobody waits on, few attempts are made."""
    world, server = alone
    fault(server)
    attempts = server.attempts
    sizes = []
    for minute in range(60):
        failed = []
        for _ in range(60):
            failed += [world.call(timeout=2.0) for _ in range(5)]
            world.run(1.0, step=0.1)
            assert world.client.state().waiting <= 2 * 5
        world.run(2.1, step=0.1)
        assert (world.client.state().waiting, world.client.state().in_flight) == (0, 0)
        for call in failed:
            assert isinstance(call.error, NotConnected | TimedOut | ConnectionLost)
            assert call.took == pytest.approx(2.0, abs=0.11)  # the clock's steps are 0.1
        if minute in (5, 59):
            del failed, call
            gc.collect()
            sizes.append(len(gc.get_objects()))
            assert len(world.clock.getDelayedCalls()) <= 6
    assert abs(sizes[1] - sizes[0]) < 50
    assert server.attempts - attempts < 2 * 3600 / (BACKOFF_LONGEST / 2)
    assert len(logged) <= 2
    server.up = True
    server.frozen = False
    world.run(BACKOFF_LONGEST + 0.5)
    call = world.call()
    world.run(0.1)
    assert call.reply


def test_a_server_that_hangs_up(world: World) -> None:
    """A server that takes connections, answers hello and hangs up is not stormed."""
    server = world.network.add("a")
    world.start()
    for _ in range(100):
        for wire in list(server.connections):
            wire.abortConnection()
        world.run(0.1)
    assert server.attempts < 60


def test_connections_are_made_few_at_a_time(world: World) -> None:
    """Connections are opened a few at a time, however large the pool."""
    server = world.network.add("a")
    server.frozen = True
    world.start(pool_size=50)
    server.frozen = False
    most = 0
    for _ in range(200):
        before = server.attempts
        world.clock.advance(0.001)
        most = max(most, server.attempts - before)
    assert most <= MAX_OPENING + 1  # and the watch's
    world.run(6.0)
    assert world.client.state().ready == 50


def test_idle_connections_are_tried_out(alone: tuple[World, FakeServer]) -> None:
    """A connection that nobody uses is asked for a sign of life, now and then; one that gives none is replaced."""
    world, server = alone
    world.run(IDLE_SECONDS * 3, step=0.1)
    assert world.client.state()[1:5] == (POOL, 0, 0, POOL)
    forgotten = server.connections[-1]
    forgotten.forgotten = True
    world.run(IDLE_SECONDS * 2, step=0.1)
    assert forgotten.lost
    assert world.client.state()[1:5] == (POOL, 0, 0, POOL + 1)


# A set of three.


@pytest.fixture
def trio(world: World) -> tuple[World, list[FakeServer]]:
    """A set of three whose first member is primary, and a client that was told of the last one only."""
    servers = [world.network.add(name) for name in "abc"]
    for server in servers:
        server.member_of(servers, primary=server is servers[0])
    world.start("mongodb://c/?replicaSet=rs0")
    return world, servers


def elect(servers: list[FakeServer], which: int, election: int, reach: list[int] | None = None) -> None:
    """Make one member primary; `reach` is which members hear of it."""
    for index, server in enumerate(servers):
        if reach is None or index in reach:
            server.member_of(servers, primary=index == which, election=election)


def test_members_are_found(trio: tuple[World, list[FakeServer]]) -> None:
    """The primary is found through a member that is not."""
    world, servers = trio
    assert world.client.state().primary == "a:27017"
    assert len(servers[0].connections) == POOL + 1


def test_a_stepdown(trio: tuple[World, list[FakeServer]]) -> None:
    """Told by a server that it is not primary any more, an operation goes to the one that is."""
    world, servers = trio
    servers[0].answers["find"] = lambda command: {"ok": 0, "code": 10107, "codeName": "NotWritablePrimary"}
    elect(servers, 1, election=2)
    call = world.call(timeout=5.0)
    world.run(5.0)
    assert call.reply
    assert call.ended is not None
    assert call.ended < 0.1 + 2 * AWAIT_SECONDS
    assert world.client.state().primary == "b:27017"
    assert len(servers[0].connections) == 1


def test_a_false_alarm(trio: tuple[World, list[FakeServer]]) -> None:
    """Told that a server is not primary, when it is again, an operation stays with it, and so do the connections."""
    world, servers = trio
    opened = world.client.state().opened
    replies = [{"ok": 0, "code": 11602, "codeName": "InterruptedDueToReplStateChange"}, {"ok": 1}]
    servers[0].answers["find"] = lambda command: replies.pop(0)
    call = world.call()
    world.run(0.2)
    assert call.reply
    assert world.client.state()[1:5] == (POOL, 0, 0, opened)


def test_a_frozen_primary(trio: tuple[World, list[FakeServer]]) -> None:
    """When another is elected, what waits for a frozen primary is run again there, at once."""
    world, servers = trio
    servers[0].frozen = True
    calls = [world.call(timeout=20.0) for _ in range(5)]
    world.run(3.0)
    elect(servers, 1, election=2, reach=[1, 2])
    world.run(POLL + 0.2)
    assert all(call.reply for call in calls)


POLL = 1.0  # these servers have no topologyVersion, so they are asked once a second


def test_a_primary_that_has_not_heard(trio: tuple[World, list[FakeServer]]) -> None:
    """A former primary that still thinks it is one does not count."""
    world, servers = trio
    elect(servers, 1, election=2, reach=[1, 2])
    world.run(5.0)
    assert world.client.state().primary == "b:27017"
    call = world.call()
    world.run(0.1)
    assert call.reply
    assert servers[0].commands == []


def test_a_set_made_anew(trio: tuple[World, list[FakeServer]]) -> None:
    """A set that was thrown away and made again counts its elections from one, and is found all the same."""
    world, servers = trio
    elect(servers, 0, election=9)
    world.run(3.0)
    for server in servers:
        server.die()
    world.run(10.0)
    for server in servers:
        server.up = True
    elect(servers, 1, election=1)
    world.run(BACKOFF_LONGEST + 1)
    assert world.client.state().primary == "b:27017"


def test_members_come_and_go(trio: tuple[World, list[FakeServer]]) -> None:
    """Members that join are watched, and those that are gone are not."""
    world, servers = trio
    newcomer = world.network.add("d")
    remaining = [servers[0], servers[1], newcomer]
    for server in remaining:
        server.member_of(remaining, primary=server is servers[0])
    world.run(3.0)
    assert len(newcomer.connections) == 1
    assert servers[2].connections == []


def test_an_election_is_quiet(trio: tuple[World, list[FakeServer]], logged: list[LogEvent]) -> None:
    """While there is no primary nothing is tried in haste, and each change of state is one line."""
    world, servers = trio
    for server in servers:
        server.member_of(servers, primary=False)
    world.run(2.0)
    attempts = [server.attempts for server in servers]
    calls = [world.call(timeout=5.0) for _ in range(200)]
    world.run(10.0)
    assert [server.attempts for server in servers] == attempts
    assert all(isinstance(call.error, NotConnected) for call in calls)
    assert len(logged) == 1


def test_a_name_nobody_goes_by(world: World) -> None:
    """A server that the set knows by another name is used by that name."""
    alias, server = world.network.add("alias"), world.network.add("a")
    server.member_of([server], primary=True)
    alias.hello = server.hello
    world.start("mongodb://alias/")
    assert world.client.state().primary == "a:27017"
    assert alias.connections == []


def test_routers(world: World) -> None:
    """One of several routers is used, and another one when it dies."""
    routers = [world.network.add(name) for name in "ab"]
    for router in routers:
        router.hello["msg"] = "isdbgrid"
    world.start("mongodb://a,b/")
    assert world.client.state().primary == "a:27017"
    routers[0].die()
    world.run(3.0)
    assert world.client.state().primary == "b:27017"
    call = world.call()
    world.run(0.1)
    assert call.reply


def test_single_servers_that_are_no_set(world: World) -> None:
    """Several servers that are no set cannot be meant."""
    world.network.add("a")
    world.network.add("b")
    world.start("mongodb://a,b/")
    call = world.call(timeout=5.0)
    world.run(0.1)
    assert isinstance(call.error, Misconfigured)


def test_an_old_server(world: World) -> None:
    """A server that is too old is named as such, and calls do not wait for it to grow younger."""
    world.network.add("a").hello["maxWireVersion"] = 8
    world.start()
    call = world.call(timeout=5.0)
    world.run(0.1)
    assert isinstance(call.error, Misconfigured)
    assert "older than 4.4" in str(call.error)


def test_nonsense(alone: tuple[World, FakeServer]) -> None:
    """A server whose bytes make no sense loses its connection, and the operation is run again on another."""
    world, server = alone
    server.answers["find"] = lambda command: None
    call = world.call(timeout=5.0)
    world.run(0.01)
    del server.answers["find"]
    call.connections[0].dataReceived(b"\x05\x00\x00\x00" * 40)
    world.run(0.5)
    assert call.reply
    assert len(call.connections) == 2


def test_replies_nobody_asked_for(alone: tuple[World, FakeServer]) -> None:
    """A reply to no question is dropped, and the next one goes where it belongs."""
    world, _ = alone
    stray = Msg(response_to=4711, body=bson.encode({"ok": 1, "stray": ObjectId()})).encode(1)
    for connection in world.client.pool.checkout.ready:
        connection.dataReceived(stray)
    call = world.call()
    world.run(0.1)
    assert call.reply == {"ok": 1}
