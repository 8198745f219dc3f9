"""A database from opening to closing, over a server in memory.

Covers `mongo.background`, `mongo.causes`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.fake_mongo import FakeNetwork, FakeServer
from twisted_tasks.mongo.database import MongoDatabase
from twisted_tasks.mongo.indexes import Index
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import UNAUTHORIZED, CommandFailed, Misconfigured

HARMLESS = {"update": "books", "updates": [{"q": {"_id": 0}, "u": {"$set": {"read": True}}}]}
INDEX = Index("books", "author_1", {"author": 1}, {"unique": True})


class World:
    """A server, and a database on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = FakeNetwork(self.clock)
        self.server: FakeServer = self.network.add("a")
        options = MongoOptions("mongodb://a/", database="library")
        self.database = MongoDatabase(options, None, self.clock, lambda: 0.5, endpoints=self.network.endpoint)

    def result(self, flow: Coroutine[Any, Any, Any]) -> Any:
        """Let a coroutine come to its end; return or raise what it does."""
        results: list[Any] = []
        Deferred.fromCoroutine(flow).addBoth(results.append)
        self.run(1.0)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 100)):
            self.clock.advance(0.01)

    def sent(self, name: str) -> list[dict[str, Any]]:
        """Return the commands of a name that the server was sent."""
        return [command for command in self.server.commands if name in command]


@pytest.fixture
def world() -> World:
    return World()


def test_opening(world: World) -> None:
    """An opened database works, which a write that changes nothing has shown."""
    world.result(world.database.open(HARMLESS))
    assert world.database.client.state().ready > 0
    assert len(world.sent("update")) == 1


def test_a_database_that_is_down(world: World) -> None:
    """Opening ends with the first attempt, and the database works once its server has come."""
    world.server.up = False
    world.result(world.database.open(HARMLESS))
    world.server.up = True
    world.run(6.0)
    world.result(world.database.ping(HARMLESS, world.clock.seconds() + 1.0))


@pytest.mark.parametrize("code", [UNAUTHORIZED, 79, 100])
def test_what_waiting_does_not_mend(world: World, code: int) -> None:
    """Opening a database that refuses us for good fails with a sentence for the operator."""
    world.server.answers["update"] = lambda command: {"ok": 0, "code": code, "errmsg": "no"}
    with pytest.raises(Misconfigured, match="MongoDB"):
        world.result(world.database.open(HARMLESS))


def test_what_may_pass(world: World) -> None:
    """A database that refuses for another reason opens, and `ping` says what is wrong."""
    world.server.answers["update"] = lambda command: {"ok": 0, "code": 8000, "errmsg": "the disk is full"}
    world.result(world.database.open(HARMLESS))
    with pytest.raises(CommandFailed) as caught:
        world.result(world.database.ping(HARMLESS, world.clock.seconds() + 0.5))
    assert "the disk is full" in world.database.explain(caught.value)


def test_an_index(world: World) -> None:
    """An index is made in the background, and again until that has worked."""
    replies = [{"ok": 0, "code": 8000}, {"ok": 1, "numIndexesBefore": 1, "numIndexesAfter": 2}]
    world.server.answers["createIndexes"] = lambda command: replies.pop(0)
    world.database.keep_index(INDEX)
    world.result(world.database.open(HARMLESS))
    world.run(5.0)
    first, second = world.sent("createIndexes")
    assert first["createIndexes"] == "books"
    expected = {"collation": {"locale": "simple"}, "unique": True, "key": {"author": 1}, "name": "author_1"}
    assert first["indexes"] == second["indexes"] == [expected]


def test_closing(world: World) -> None:
    """A closed database has no connection left, makes no index, and fails what is asked of it."""
    world.server.answers["createIndexes"] = lambda command: {"ok": 0, "code": 8000}
    world.database.keep_index(INDEX)
    world.result(world.database.open(HARMLESS))
    world.database.close()
    world.run(0.1)
    made = len(world.sent("createIndexes"))
    world.run(200.0)
    assert world.server.connections == []
    assert len(world.sent("createIndexes")) == made
    with pytest.raises(Exception, match="closed"):
        world.result(world.database.ping(HARMLESS, world.clock.seconds() + 0.5))
