"""What the tests of the MongoDB store share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from tests.support.load import Load
from tests.support.mongod import Mongod, ReplicaSet
from twisted_tasks.model import ListQuery, Task, TaskChange, TaskRef, TaskRemoval, to_milliseconds
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore

CLOCK = MonotonicClock(reactor)
MORNING = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
WRITES = ("insert", "update", "delete", "findAndModify")
COMMANDS = (*WRITES, "find", "aggregate")
"""The commands the store's operations are made of."""


def soon(seconds: float = 30) -> float:
    """A deadline."""
    return CLOCK.seconds() + seconds


def new_task(user: str = "somebody", name: str = "tea") -> Task:
    return Task(str(ObjectId()), user, name, to_milliseconds(MORNING), False)


def ref(task: Task) -> TaskRef:
    return TaskRef(task.id, task.user_id)


@dataclass(frozen=True)
class Operation:
    """One of a store's operations on a batch of so many, and what it must answer.

    Used in three steps, so that a fault can come between them: `prepare` adds what it needs, `run` does it once and
    checks the outcome.
    """

    name: str
    size: int

    async def prepare(self, store: MongoStore) -> list[Task]:
        """Make the tasks it works on, and add them unless adding is what it does."""
        user = f"user {ObjectId()}"
        tasks = [new_task(user, str(number)) for number in range(self.size)]
        if self.name != "add":
            assert await store.add(tasks, soon()) == tasks
        return tasks

    async def run(self, store: MongoStore, tasks: list[Task], seconds: float = 30.0) -> None:
        """Do it, and check that the outcome is what it is without a fault."""
        items: Sequence[Any] = tasks
        expected: Sequence[Any] = tasks
        if self.name == "update":
            items = [TaskChange(task.id, task.user_id, task.name + "!", True) for task in tasks]
            outcomes = await store.update(items, soon(seconds))
            for task, outcome in zip(tasks, outcomes, strict=True):
                assert isinstance(outcome, Task)
                # Without a replica set, a change whose reply was lost may have been made twice.
                assert outcome.version > task.version
                assert outcome == task._replace(
                    name=task.name + "!", done=True, version=outcome.version, updated_ms=outcome.updated_ms
                )
            return
        if self.name == "remove":
            items, expected = [TaskRemoval(*ref(task)) for task in tasks], [None] * len(tasks)
        elif self.name == "get":
            items = [ref(task) for task in tasks]
        elif self.name == "find":
            items, expected = [ListQuery(tasks[0].user_id)], [sorted(tasks, key=lambda task: task.id, reverse=True)]
        assert await getattr(store, self.name)(items, soon(seconds)) == expected

    def __str__(self) -> str:
        return f"{self.name}-{self.size}"


OPERATIONS = [Operation(name, size) for name in ("add", "update", "remove", "get", "find") for size in (1, 5)]
WRITING = [operation for operation in OPERATIONS if operation.name in ("add", "update", "remove")]


@asynccontextmanager
async def opened(uri: str, **options: Any) -> AsyncIterator[MongoStore]:
    """Open a store for an `async with` block."""
    store = MongoStore(MongoOptions(uri, **options), reactor, CLOCK)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


async def blocking(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Do something that blocks in a thread, so that the store goes on meanwhile."""
    return await deferToThread(function, *args, **kwargs)


def new_database() -> str:
    """Return a database's name nobody has used."""
    return f"test-{ObjectId()}"


def kept(server: Mongod | ReplicaSet, database: str) -> list[dict[str, Any]]:
    """Return everything in the collection, read by PyMongo."""
    with server.client() as client:
        return list(client[database]["tasks"].find())


async def verify(load: Load, server: Mongod | ReplicaSet, database: str, late: bool = False) -> None:
    """The check that follows every fault: see `tests.support.history`."""
    load.verify(await blocking(kept, server, database), late)
