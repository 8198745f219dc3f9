"""What goes along with every command: how long it may take, when a write counts as done, and its number."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from bson import ObjectId
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.unit.fake_mongo import FakeNetwork, FakeServer
from twisted_tasks.model import ListQuery, Task, TaskChange, TaskRef
from twisted_tasks.storage.mongo import _together
from twisted_tasks.storage.mongo_client import Client
from twisted_tasks.storage.mongo_operations import Operations
from twisted_tasks.storage.mongo_options import MongoOptions
from twisted_tasks.storage.mongo_reply import NotConnected
from twisted_tasks.storage.mongo_uri import read_options

TASKS = [Task(str(ObjectId()), "me", "tea", 1_795_392_000_000, False) for _ in range(2)]
CHANGES = [TaskChange(task.id, "me", "milk", None) for task in TASKS]
REFS = [TaskRef(task.id, "me") for task in TASKS]
TIMEOUT = 2.0
SHARE = 1900
"""Milliseconds that a server gets of TIMEOUT."""

Run = Callable[[Operations, float], Coroutine[Any, Any, Any]]
WRITES: dict[str, Run] = {
    "ping": lambda operations, deadline: operations.ping(deadline),
    "add": lambda operations, deadline: operations.add(TASKS, deadline),
    "update one": lambda operations, deadline: operations.update(CHANGES[:1], deadline),
    "update many": lambda operations, deadline: operations.update(CHANGES, deadline),
    "remove": lambda operations, deadline: operations.remove(REFS, deadline),
}
READS: dict[str, Run] = {
    "get": lambda operations, deadline: operations.get(REFS, deadline),
    "list": lambda operations, deadline: operations.find([ListQuery("me")], deadline),
    "page": lambda operations, deadline: operations.find([ListQuery("me", 10)], deadline),
    "pages": lambda operations, deadline: operations.find([ListQuery("me", 10), ListQuery("you", 10)], deadline),
}


class World:
    """A server, alone or in a set, and the operations on it.

    @ivar busy: how many of the next writes it is too busy for.
    """

    def __init__(self, in_set: bool, uri: str = "mongodb://a/", **options: Any) -> None:
        self.busy = 0
        self.clock = Clock()
        network = FakeNetwork(self.clock)
        self.server: FakeServer = network.add("a")
        if in_set:
            self.server.member_of([self.server], primary=True)
        for name in ("find", "aggregate"):
            self.server.answers[name] = lambda command: {"ok": 1, "cursor": {"id": 0, "firstBatch": []}}
        for name in ("insert", "update", "delete", "findAndModify"):
            self.server.answers[name] = self._write
        config = read_options(MongoOptions(uri, **options))
        client = Client(config, network.endpoint, self.clock, lambda: 0.5)
        client.start()
        self._pass(0.1)
        self._operations = Operations(client, lambda error: None)

    def run(self, operation: Run, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
        """Run an operation to its end, and return the commands the server was sent for it."""
        before = len(self.server.commands)
        result = Deferred.fromCoroutine(operation(self._operations, self.clock.seconds() + timeout))
        self._pass(timeout)
        assert result.called
        result.addErrback(lambda failure: failure.raiseException())
        return self.server.commands[before:]

    def _write(self, command: dict[str, Any]) -> dict[str, Any]:
        if self.busy:
            self.busy -= 1
            return {"ok": 0, "code": 112, "codeName": "WriteConflict"}
        return {"ok": 1, "n": 0}

    def _pass(self, seconds: float) -> None:
        for _ in range(int(seconds * 1000)):
            self.clock.advance(0.001)


@pytest.mark.parametrize("in_set", [False, True], ids=["alone", "in a set"])
@pytest.mark.parametrize("name", WRITES)
def test_writes(name: str, in_set: bool) -> None:
    """A write is to be confirmed by the majority, within what is left of the call's time."""
    world = World(in_set)
    command, *others = world.run(WRITES[name])
    writes = [command, *(other for other in others if "find" not in other)]
    # Removed one by one, the tasks are confirmed by the last one.
    assert writes[-1]["writeConcern"] == {"w": "majority", "wtimeout": pytest.approx(SHARE, abs=5)}
    for write in writes:
        assert write["maxTimeMS"] == pytest.approx(SHARE, abs=5)
        assert write["writeConcern"]["w"] != 0
        assert ("txnNumber" in write, "lsid" in write) == (in_set and name != "ping",) * 2


@pytest.mark.parametrize("name", READS)
def test_reads(name: str) -> None:
    """A read is told how long it may take, and goes to the primary without a read concern of its own."""
    (command,) = World(True).run(READS[name])
    assert command["maxTimeMS"] == pytest.approx(SHARE, abs=5)
    assert command.keys().isdisjoint({"readConcern", "$readPreference", "txnNumber"})


def test_what_was_asked_for() -> None:
    """The setting says when a write is done; the URI's wtimeoutMS bounds how long it is waited for."""
    (command,) = World(True, uri="mongodb://a/?wtimeoutMS=100", write_concern="2").run(WRITES["add"])
    assert command["writeConcern"] == {"w": 2, "wtimeout": 100}
    assert command["maxTimeMS"] == pytest.approx(SHARE, abs=5)


@pytest.mark.parametrize("name", ["add", "update one", "update many", "remove"])
def test_repetitions(name: str) -> None:
    """A write that is sent again has the same number, and less time; the next write has another number."""
    world = World(True)
    world.busy = 4
    attempts = world.run(WRITES[name])[:5]
    (number,) = {(str(attempt["lsid"]), attempt["txnNumber"]) for attempt in attempts}
    left = [attempt["writeConcern"]["wtimeout"] for attempt in attempts]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]
    following = world.run(WRITES[name])[0]
    assert (str(following["lsid"]), following["txnNumber"]) != number


def test_parts_of_a_batch_that_fail() -> None:
    """A bug in one part is not hidden by the database's trouble in another, which came first."""

    async def fails(error: Exception) -> list[Any]:
        raise error

    parts = [fails(NotConnected("no primary")), fails(ZeroDivisionError())]
    result = Deferred.fromCoroutine(_together(2, [[0], [1]], parts))
    failures: list[Failure] = []
    result.addErrback(failures.append)
    assert failures[0].type is ZeroDivisionError
