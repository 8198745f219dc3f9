"""Followers of `changes` over a real MongoDB, with daemons that die in the middle. More: `../test_followers.py`."""

from __future__ import annotations

import random
from typing import Any

import pytest_twisted
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from tests.integration.service.storage.test_versions import Desk
from tests.support.mongo_stores import blocking, new_database, new_task, opened, soon
from tests.support.mongod import Mongod
from twisted_tasks.model import ChangesQuery, RemovedTask, Task, TaskNotFound
from twisted_tasks.service.storage.mongo.removed import REMOVED

USER = "me"


async def put(mongod: Mongod, database: str, collection: str, *documents: Any) -> None:
    """Write documents behind the store's back."""

    def insert() -> None:
        with mongod.client() as client:
            client[database][collection].insert_many(documents)

    await blocking(insert)


def _skewed(dice: random.Random) -> Task:
    task = new_task(USER)
    now = int(ObjectId(task.id).generation_time.timestamp()) * 1000 + dice.choice([-10_000, 0, 10_000])
    return task._replace(created_ms=now, version=now)


@pytest_twisted.ensureDeferred
async def test_a_daemon_that_died_in_a_removal(shared_mongod: Mongod) -> None:
    """An announced removal says nothing while the task lives; once it is gone, it is told, and can be restored."""
    database = new_database()
    async with opened(shared_mongod.uri, database=database) as store:
        desk = Desk(store, USER)
        task = await desk.put_in(_skewed(random.Random(1)))
        sync = (await desk.changes()).sync
        announced = {"_id": ObjectId(task.id), "userId": USER, "name": task.name, "version": task.version + 1}
        announced |= {"createdOn": DatetimeMS(task.created_ms), "done": False, "by": ObjectId()}
        await put(shared_mongod, database, REMOVED, announced)
        assert (await desk.changes(sync)).removed == []
        assert await desk.get(task) == task

        def die() -> None:
            with shared_mongod.client() as client:
                client[database]["tasks"].delete_one({"_id": ObjectId(task.id)})

        await blocking(die)
        told: list[Any] = []
        more = True
        while more:
            answer = await desk.changes(sync)
            told, sync, more = told + answer.removed, answer.sync, answer.more
        assert RemovedTask(task.id, task.version + 1) in told
        assert (await desk.restore(task)).version == task.version + 2


@pytest_twisted.ensureDeferred
async def test_an_announcement_somebody_left(shared_mongod: Mongod) -> None:
    """A task that a daemon announced to remove, and died, can be removed by another one."""
    database = new_database()
    async with opened(shared_mongod.uri, database=database) as store:
        desk = Desk(store, USER)
        task = await desk.put_in(_skewed(random.Random(1)))
        left = {"_id": ObjectId(task.id), "userId": USER, "version": task.version + 1, "by": ObjectId()}
        await put(shared_mongod, database, REMOVED, left)
        assert await desk.remove(task, key="0" * 32) is None
        assert await desk.remove(task, key="0" * 32) is None
        assert isinstance(await desk.get(task), TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_a_token_of_another_database(shared_mongod: Mongod) -> None:
    """A token of one database begins anew in another one."""
    async with (
        opened(shared_mongod.uri, database=new_database()) as one,
        opened(shared_mongod.uri, database=new_database()) as two,
    ):
        sync = (await Desk(one, USER).changes()).sync
        (answer,) = await two.changes([ChangesQuery(USER, sync)], soon())
        assert answer.reset
