"""Followers of `changes` over the real stores: Hypothesis plays two daemons on one database, and who follows them.

`TASKS_EXAMPLES=200` looks further.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import pytest_twisted
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from tests.integration.service.storage.test_versions import Desk
from tests.support.following import apply, living
from tests.support.mongo_stores import CLOCK, new_database, new_task, opened
from tests.support.mongod import Mongod
from twisted_tasks.model import Task
from twisted_tasks.service.storage.sqlite.store import SqliteStore

Pair: TypeAlias = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[list[Any]]]
"""Opens two stores on one database."""


@asynccontextmanager
async def _sqlite(request: pytest.FixtureRequest) -> AsyncIterator[list[Any]]:
    folder: Path = request.getfixturevalue("tmp_path")
    stores = [SqliteStore(str(folder / "tasks.sqlite3"), reactor, CLOCK) for _ in range(2)]
    for store in stores:
        await store.open()
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


@asynccontextmanager
async def _mongo(request: pytest.FixtureRequest) -> AsyncIterator[list[Any]]:
    server: Mongod = request.getfixturevalue("shared_mongod")
    database = new_database()
    async with opened(server.uri, database=database) as one, opened(server.uri, database=database) as two:
        yield [one, two]


class Step(NamedTuple):
    """Something that happens.

    @ivar daemon: which of the two does it.
    @ivar number: of the task, or of the follower, that it is about.
    @ivar skew_ms: how wrong the clock of the daemon is that adds a task.
    @ivar limit: how many changes a follower asks for.
    """

    what: str
    daemon: int
    number: int
    skew_ms: int
    limit: int


WHAT = ["add", "add", "change", "change", "remove", "restore", "empty", "follow", "follow", "join"]
STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(WHAT),
        st.integers(0, 1),
        st.integers(0, 5),
        st.sampled_from([-10_000, 0, 10_000]),
        st.sampled_from([1, 2, 5]),
    ),
    min_size=5,
    max_size=40,
)


class Follower:
    """Somebody who applies what `changes` tells, one answer at a time."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.sync: str | None = None

    def take(self, answer: Any) -> None:
        """Apply an answer."""
        apply(self.known, answer)
        self.sync = answer.sync


async def play(stores: list[Any], steps: list[Step]) -> None:
    """Let all of it happen to a user of its own, and every follower catch up."""
    user = f"user {ObjectId()}"
    desks = [Desk(store, user) for store in stores]
    tasks: list[Task] = []
    followers = [Follower()]
    for step in steps:
        desk = desks[step.daemon]
        if step.what == "add":
            tasks.append(await desk.put_in(_skewed(user, step.skew_ms)))
        elif step.what == "join":
            followers.append(Follower())
        elif step.what == "follow":
            follower = followers[step.number % len(followers)]
            follower.take(await desk.changes(follower.sync, step.limit))
        elif step.what == "empty":
            await desk.empty()
        elif tasks:
            task = tasks[step.number % len(tasks)]
            await (desk.change(task, name=f"name {step}") if step.what == "change" else getattr(desk, step.what)(task))
    there = {task.id: task for task in await desks[0].all()}
    for number, follower in enumerate(followers):
        # What was added behind the place of a listing that was under way is told by the one after it.
        for limit in (number % 3 + 1, 1000):
            follower.sync = await desks[number % 2].follow(follower.known, follower.sync, limit)
        assert living(follower.known) == there


def _skewed(user: str, skew_ms: int) -> Task:
    task = new_task(user)
    now = int(ObjectId(task.id).generation_time.timestamp()) * 1000 + skew_ms
    return task._replace(created_ms=now, version=now)


@pytest.mark.parametrize("pair", [_sqlite, pytest.param(_mongo, marks=pytest.mark.mongod)], ids=["SQLite", "MongoDB"])
@pytest_twisted.ensureDeferred
async def test_two_daemons_and_their_followers(request: pytest.FixtureRequest, pair: Pair) -> None:
    """A follower, from any token and with any limit, ends with what `all` says, whichever of two daemons does what."""
    async with pair(request) as stores:

        @settings(max_examples=int(os.environ.get("TASKS_EXAMPLES", "10")))
        @given(STEPS)
        def search(steps: list[Step]) -> None:
            blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(play(stores, steps)))

        await deferToThread(search)
