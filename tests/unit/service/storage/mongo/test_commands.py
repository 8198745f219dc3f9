"""What goes along with every command: how long it may take, when a write counts as done, and its number.

Covers `service.storage.mongo.writes`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.fake_mongo import FakeNetwork, FakeServer
from twisted_tasks.model import (
    LAST_MS,
    ChangesQuery,
    Condition,
    ListQuery,
    Position,
    StoredTask,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    UserSync,
)
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.commands import Commands
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import NotConnected
from twisted_tasks.mongo.uri import read_options
from twisted_tasks.service.storage.mongo import syncs
from twisted_tasks.service.storage.mongo.access import DatabaseAccess
from twisted_tasks.service.storage.mongo.changed_users import ChangedUsers
from twisted_tasks.service.storage.mongo.changes import ChangeListing
from twisted_tasks.service.storage.mongo.copying import Copying
from twisted_tasks.service.storage.mongo.documents import to_document
from twisted_tasks.service.storage.mongo.emptying import Emptying
from twisted_tasks.service.storage.mongo.operations import Operations
from twisted_tasks.service.storage.mongo.removal import Removal
from twisted_tasks.service.storage.mongo.restoring import Restoring
from twisted_tasks.service.storage.mongo.store_id import StoreId
from twisted_tasks.service.storage.mongo.together import run_parts
from twisted_tasks.service.storage.mongo.updating import Updating

NEW = [ObjectId() for _ in range(2)]
TASKS = [Task(str(task_id), "me", "tea", int(task_id.generation_time.timestamp()) * 1000, False, 7) for task_id in NEW]
CHANGES = [TaskChange(task.id, "me", "milk", None) for task in TASKS]
CONDITION = Condition(7, "0123456789abcdef")
REFS = [TaskRef(task.id, "me") for task in TASKS]
REMOVALS = [TaskRemoval(*ref) for ref in REFS]
OLD = TASKS[0]._replace(created_ms=1000)
TIMEOUT = 2.0
SHARE = 1900
"""Milliseconds that a server gets of TIMEOUT."""

Run = Callable[["World", float], Coroutine[Any, Any, Any]]
WRITES: dict[str, Run] = {
    "ping": lambda world, deadline: world.operations.ping(deadline),
    "add": lambda world, deadline: world.operations.add(TASKS, deadline),
    "update one": lambda world, deadline: world.updating.update(CHANGES[:1], deadline),
    "update many": lambda world, deadline: world.updating.update(CHANGES, deadline),
    "update if": lambda world, deadline: world.updating.update([CHANGES[0]._replace(condition=CONDITION)], deadline),
    "remove": lambda world, deadline: world.removal.remove(REMOVALS, deadline),
}
READS: dict[str, Run] = {
    "get": lambda world, deadline: world.operations.get(REFS, deadline),
    "list": lambda world, deadline: world.operations.find([ListQuery("me")], deadline),
    "page": lambda world, deadline: world.operations.find([ListQuery("me", 10)], deadline),
    "pages": lambda world, deadline: world.operations.find([ListQuery("me", 10), ListQuery("you", 10)], deadline),
}
OTHERS: dict[str, Run] = {
    "add under a key": lambda world, deadline: world.operations.add([OLD], deadline),
    "add again": lambda world, deadline: world.operations.add([*TASKS, TASKS[0]._replace(user_id="you")], deadline),
    "update with others": lambda world, deadline: world.updating.update(
        [*CHANGES, CHANGES[0]._replace(user_id="you")], deadline
    ),
    "change what is gone": lambda world, deadline: world.updating.update(
        [CHANGES[0]._replace(id="a" * 24, condition=CONDITION)], deadline
    ),
    "remove what is gone": lambda world, deadline: world.removal.remove([REMOVALS[0]._replace(id="a" * 24)], deadline),
    "restore": lambda world, deadline: world.restoring.restore([TaskRef("a" * 24, "me")], deadline),
    "restore what is there": lambda world, deadline: world.restoring.restore(REFS, deadline),
    "pages from the middle": lambda world, deadline: world.operations.find(
        [ListQuery("me", 10, Position(1000, "0" * 24)), ListQuery("you", 10, Position(1000, "0" * 24), True)], deadline
    ),
    "a page of what has no date": lambda world, deadline: world.operations.find(
        [ListQuery("me", 10, Position(LAST_MS, "0" * 24))], deadline
    ),
    "changes": lambda world, deadline: world.changes.changes([ChangesQuery("me")], deadline),
    "changes since": lambda world, deadline: world.changes.changes(
        [ChangesQuery("me", syncs.write(1, "me", syncs.Since(NOW_MS, NOW_MS - 60_000)))], deadline
    ),
    "changed users": lambda world, deadline: world.changed_users.changed_users(
        [UserSync("me", None), UserSync("you", syncs.write(1, "you", syncs.Since(NOW_MS, NOW_MS - 90_000)))], deadline
    ),
    "remove all": lambda world, deadline: world.emptying.remove_all(["me", "you"], deadline),
    "put": lambda world, deadline: world.copying.put(
        [StoredTask(OLD._replace(id="b" * 24)), StoredTask(OLD._replace(id="c" * 24), removed_ms=5)], deadline
    ),
}
NOW_MS = 1_795_392_000_000
GONE = {
    "_id": ObjectId("a" * 24),
    "userId": "me",
    "name": "gone",
    "createdOn": DatetimeMS(5),
    "version": 9,
    "by": NEW[0],
}


class World:
    """A server, alone or in a set, and the operations on it. It has the TASKS, and one removed task.

    @ivar busy: how many of the next writes it is too busy for.
    """

    def __init__(self, in_set: bool, uri: str = "mongodb://a/", **options: Any) -> None:
        self.busy = 0
        self.clock = Clock()
        network = FakeNetwork(self.clock)
        self.server: FakeServer = network.add("a")
        if in_set:
            self.server.member_of([self.server], primary=True)
        self.server.hello["localTime"] = DatetimeMS(NOW_MS)
        for name in ("find", "aggregate"):
            self.server.answers[name] = self._find
        for name in ("insert", "update", "delete", "findAndModify"):
            self.server.answers[name] = self._write
        config = read_options(MongoOptions(uri, **options))
        client = Client(config, network.endpoint, self.clock, lambda: 0.5)
        client.start()
        self._pass(0.1)
        access = DatabaseAccess(Commands(client), lambda error: None, lambda document: None)
        self.operations = Operations(access, lambda: TASKS[0].created_ms)
        self.removal = Removal(access, self.clock, True)
        self.updating = Updating(access, self.removal.was_changed)
        self.restoring = Restoring(access)
        self.changes = ChangeListing(access, self.operations, StoreId(access.commands))
        self.changed_users = ChangedUsers(access, StoreId(access.commands))
        self.emptying = Emptying(access)
        self.copying = Copying(access)

    def run(self, operation: Run, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
        """Run an operation to its end, and return the commands the server was sent for it."""
        before = len(self.server.commands)
        result = Deferred.fromCoroutine(operation(self, self.clock.seconds() + timeout))
        self._pass(timeout)
        assert result.called
        result.addErrback(lambda failure: failure.raiseException())
        return self.server.commands[before:]

    def _find(self, command: dict[str, Any]) -> dict[str, Any]:
        wanted = str(command.get("filter"))
        there: list[dict[str, Any]] = [to_document(task) for task in TASKS]
        if command.get("find") == "removedTasks":
            there = [GONE, {"_id": "store", "number": 1}]
        found = [document for document in there if str(document["_id"]) in wanted]
        return {"ok": 1, "cursor": {"id": 0, "firstBatch": found}}

    def _write(self, command: dict[str, Any]) -> dict[str, Any]:
        if self.busy:
            self.busy -= 1
            return {"ok": 0, "code": 112, "codeName": "WriteConflict"}
        if "insert" in command and len(command["documents"]) > len(TASKS):
            errors = [{"index": number, "code": 11000} for number in range(len(command["documents"]))]
            return {"ok": 1, "n": 0, "writeErrors": errors}
        if "findAndModify" in command:
            there = {task_id: to_document(task) for task_id, task in zip(NEW, TASKS, strict=True)}
            return {"ok": 1, "value": GONE if command.get("upsert") else there.get(command["query"]["_id"])}
        return {"ok": 1, "n": len(command.get("updates") or command.get("deletes") or ())}

    def _pass(self, seconds: float) -> None:
        for _ in range(int(seconds * 1000)):
            self.clock.advance(0.001)


def is_write(command: dict[str, Any]) -> bool:
    return not {"find", "aggregate"} & command.keys()


@pytest.mark.parametrize("in_set", [False, True], ids=["alone", "in a set"])
@pytest.mark.parametrize("name", WRITES)
def test_writes(name: str, in_set: bool) -> None:
    """A write is to be confirmed by the majority, within what is left of the call's time."""
    world = World(in_set)
    writes = [command for command in world.run(WRITES[name]) if is_write(command)]
    assert writes
    for write in writes:
        assert write["writeConcern"] == {"w": "majority", "wtimeout": pytest.approx(SHARE, abs=10)}
        assert write["maxTimeMS"] == pytest.approx(SHARE, abs=10)
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


@pytest.mark.parametrize("name", ["add", "update one", "update many", "update if", "remove"])
def test_repetitions(name: str) -> None:
    """A write that is sent again has the same number, and less time; the next write has another number."""
    world = World(True)
    world.busy = 4
    attempts = [command for command in world.run(WRITES[name]) if is_write(command)][:5]
    (number,) = {(str(attempt["lsid"]), attempt["txnNumber"]) for attempt in attempts}
    left = [attempt["writeConcern"]["wtimeout"] for attempt in attempts]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]
    following = next(command for command in world.run(WRITES[name]) if is_write(command))
    assert (str(following["lsid"]), following["txnNumber"]) != number


def test_parts_of_a_batch_that_fail() -> None:
    """A bug in one part is not hidden by the database's trouble in another, which came first."""

    async def fails(error: Exception) -> list[Any]:
        raise error

    parts = [fails(NotConnected("no primary")), fails(ZeroDivisionError())]
    result = Deferred.fromCoroutine(run_parts(2, [[0], [1]], parts))
    failures: list[Failure] = []
    result.addErrback(failures.append)
    assert failures[0].type is ZeroDivisionError


def filters(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the statements and stages of a command find documents by."""
    yield from (command[name] for name in ("filter", "query") if name in command)
    yield from (statement["q"] for name in ("updates", "deletes") for statement in command.get(name, ()))
    yield from stages(command.get("pipeline", ()))


def stages(pipeline: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for stage in pipeline:
        if "$match" in stage:
            yield stage["$match"]
        yield from stages(stage.get("$unionWith", {}).get("pipeline", ()))


@pytest.mark.parametrize("name", [*WRITES, *READS, *OTHERS])
def test_whoever_names_an_id_names_the_user(name: str) -> None:
    """Every command names the user whose documents it is about, so that a router asks one shard."""
    world = World(True)
    commands = world.run({**WRITES, **READS, **OTHERS}[name])
    assert commands
    for command in commands:
        found = list(filters(command))
        assert found or "insert" in command
        for wanted in found:
            parts = [wanted, *wanted.get("$and", ())]
            assert any("userId" in part for part in parts), command
        assert all("userId" in document for document in command.get("documents", ()))
