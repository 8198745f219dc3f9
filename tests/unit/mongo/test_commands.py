"""Commands over a server in memory: what each carries, cursors, numbers, refusals."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.fake_mongo import FakeNetwork, FakeServer
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.commands import Commands
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed
from twisted_tasks.mongo.uri import read_options

INSERT = {"insert": "books", "documents": [{"_id": 1}, {"_id": 2}], "ordered": False}


class World:
    """A replica set of one server, and commands to its database `library`."""

    def __init__(self) -> None:
        self.clock = Clock()
        network = FakeNetwork(self.clock)
        self.server: FakeServer = network.add("a")
        self.server.member_of([self.server], primary=True)
        config = read_options(MongoOptions("mongodb://a/", database="library"))
        client = Client(config, network.endpoint, self.clock, lambda: 0.5)
        client.start()
        self._pass(0.1)
        self.commands = Commands(client)

    @property
    def deadline(self) -> float:
        return self.clock.seconds() + 2.0

    def result(self, flow: Coroutine[Any, Any, Any]) -> Any:
        """Let a coroutine come to its end; return or raise what it does."""
        results: list[Any] = []
        Deferred.fromCoroutine(flow).addBoth(results.append)
        self._pass(2.0)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def _pass(self, seconds: float) -> None:
        for _ in range(int(seconds * 1000)):
            self.clock.advance(0.001)


@pytest.mark.parametrize(
    "command",
    [
        {"find": "books", "filter": {}, "batchSize": 2},
        {"aggregate": "books", "pipeline": [], "cursor": {"batchSize": 2}},
    ],
    ids=["find", "aggregate"],
)
def test_cursors(command: dict[str, Any]) -> None:
    """A find and an aggregation bring all there is, batch after batch of the collection the command names."""
    world = World()
    name = next(iter(command))
    world.server.answers[name] = lambda command: {"ok": 1, "cursor": {"id": 7, "firstBatch": [{"_id": 1}]}}
    world.server.answers["getMore"] = lambda command: {"ok": 1, "cursor": {"id": 0, "nextBatch": [{"_id": 2}]}}
    assert world.result(world.commands.find(command, world.deadline)) == [{"_id": 1}, {"_id": 2}]
    first, more = world.server.commands
    assert (first["$db"], more["$db"]) == ("library", "library")
    assert (more["getMore"], more["collection"], more["batchSize"]) == (7, "books", 2)


def test_documents_are_turned_into_other_things_as_they_come() -> None:
    """Each reply's are made before the next one is asked for, so that others have their turn within a long list."""
    world = World()
    made: list[int] = []

    def more(command: dict[str, Any]) -> dict[str, Any]:
        assert made == [1, 2]
        return {"ok": 1, "cursor": {"id": 0, "nextBatch": [{"_id": 3}]}}

    def make(documents: list[dict[str, Any]]) -> list[str]:
        made.extend(document["_id"] for document in documents)
        return [str(document["_id"]) for document in documents if document["_id"] != 2]

    world.server.answers["find"] = lambda command: {
        "ok": 1,
        "cursor": {"id": 7, "firstBatch": [{"_id": 1}, {"_id": 2}]},
    }
    world.server.answers["getMore"] = more
    command = {"find": "books", "filter": {}}
    assert world.result(world.commands.find_as(make, command, world.deadline)) == ["1", "3"]


def test_a_write() -> None:
    """A write answers with its reply, and is sent again under the same number when the server is busy."""
    world = World()
    replies = [{"ok": 0, "code": 112}, {"ok": 1, "n": 2}]
    world.server.answers["insert"] = lambda command: replies.pop(0)
    assert world.result(world.commands.write(INSERT, world.deadline))["n"] == 2
    first, second = world.server.commands
    assert (first["lsid"], first["txnNumber"]) == (second["lsid"], second["txnNumber"])
    assert first["writeConcern"]["w"] == "majority"


def test_a_write_of_which_an_item_is_refused() -> None:
    """A write that the server refused in part fails with the code of the first item that failed."""
    world = World()
    error = {"index": 1, "code": DUPLICATE_KEY, "errmsg": "E11000 duplicate key"}
    world.server.answers["insert"] = lambda command: {"ok": 1, "n": 1, "writeErrors": [error]}
    with pytest.raises(CommandFailed) as caught:
        world.result(world.commands.write(INSERT, world.deadline))
    assert caught.value.code == DUPLICATE_KEY
    assert len(world.server.commands) == 1
