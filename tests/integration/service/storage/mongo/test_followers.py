"""Followers of `changes` over a real MongoDB, with several daemons, late clocks, and daemons that die in the middle."""

from __future__ import annotations

import random
from typing import Any

import pytest
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


@pytest.mark.parametrize("seed", range(4))
@pytest_twisted.ensureDeferred
async def test_two_daemons_and_a_follower(seed: int, shared_mongod: Mongod) -> None:
    """A follower, from any token and with any limit, ends with what `all` says, whichever of two daemons does what."""
    database, dice = new_database(), random.Random(seed)
    async with opened(shared_mongod.uri, database=database) as one, opened(shared_mongod.uri, database=database) as two:
        desks = [Desk(one, USER), Desk(two, USER)]
        tasks: list[Any] = []
        followers: list[tuple[dict[str, Any], str | None]] = [({}, None)]
        for _ in range(60):
            desk = dice.choice(desks)
            step = dice.choice(["add", "add", "change", "change", "remove", "restore", "follow", "join"])
            if step == "add":
                # A daemon's clock may be ten seconds behind, or ahead.
                tasks.append(await desk.put_in(_skewed(dice)))
            elif step == "follow":
                number = dice.randrange(len(followers))
                known, sync = followers[number]
                answer = await dice.choice(desks).changes(sync, dice.choice([1, 2, 5]))
                _apply(known, answer)
                followers[number] = (known, answer.sync)
            elif step == "join":
                followers.append(({}, None))
            elif tasks:
                task = dice.choice(tasks)
                if step == "change":
                    await desk.change(task, name=f"name {dice.random()}")
                else:
                    await getattr(desk, step)(task)
        for known, sync in followers:
            # What was added behind the place of a listing that was under way is told by the one after it.
            for _ in range(2):
                sync = await desks[0].follow(known, sync, dice.choice([1, 3, 1000]))
            living = {task.id: task for task in known.values() if isinstance(task, Task)}
            assert living == {task.id: task for task in await desks[0].all()}


def _skewed(dice: random.Random) -> Task:
    task = new_task(USER)
    now = int(ObjectId(task.id).generation_time.timestamp()) * 1000 + dice.choice([-10_000, 0, 10_000])
    return task._replace(created_ms=now, version=now)


def _apply(known: dict[str, Any], answer: Any) -> None:
    if answer.reset:
        known.clear()
    for item in [*answer.tasks, *answer.removed]:
        if item.id not in known or item.version >= known[item.id].version:
            known[item.id] = item


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
