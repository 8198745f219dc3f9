"""A write with a condition whose reply is lost, on a MongoDB that has no sessions: its key tells what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.support.mongo_stores import CLOCK, WRITES, blocking, kept, new_database, new_task, opened, soon
from tests.support.mongod import Mongod
from tests.support.proxy import FaultProxy, Line
from tests.support.waiting import pause
from twisted_tasks.model import Condition, TaskChange, TaskNotFound, TaskRef, TaskRemoval, VersionConflict
from twisted_tasks.service.storage.mongo.store import MongoStore

KEYS = [f"{number:022x}" for number in range(3)]


class Scene:
    """A store behind a proxy, three of its tasks, and somebody else who writes to the database directly."""

    def __init__(self, server: Mongod, proxy: FaultProxy, store: MongoStore, database: str) -> None:
        self.server = server
        self.proxy = proxy
        self.store = store
        self.database = database
        self.tasks = [new_task("me", f"tea {number}") for number in range(3)]

    def change(self) -> Awaitable[Sequence[Any]]:
        """Rename all of them, each as it was read, with a key."""
        return self.store.update(
            [
                TaskChange(task.id, task.user_id, task.name + "!", condition=Condition(0, key))
                for task, key in zip(self.tasks, KEYS, strict=True)
            ],
            soon(),
        )

    def remove(self) -> Awaitable[Sequence[Any]]:
        """Remove all of them, each as it was read, with a key."""
        return self.store.remove(
            [TaskRemoval(task.id, task.user_id, Condition(0, key)) for task, key in zip(self.tasks, KEYS, strict=True)],
            soon(),
        )

    def restore(self) -> Awaitable[Sequence[Any]]:
        """Take their removal back."""
        return self.store.restore([TaskRef(task.id, task.user_id) for task in self.tasks], soon())

    async def losing(
        self, work: Callable[[], Awaitable[Sequence[Any]]], line: Line, meanwhile: Callable[[], Awaitable[object]]
    ) -> Sequence[Any]:
        """Do something whose first write of tasks, or its reply, is lost; return what it is told in the end.

        @param line: the direction that loses it.
        @param meanwhile: what somebody else does before it is repeated.
        """
        written = Deferred[None]()

        def lose(data: bytes) -> None:
            if not written.called and any(
                b"\x02%b\x00\x06\x00\x00\x00tasks\x00" % verb.encode() in data for verb in WRITES
            ):
                line.swallow = True
                written.callback(None)

        before = await self.documents()
        self.proxy.to_server.tap = lose
        running = Deferred.fromCoroutine(_awaited(work))
        await written
        if line is self.proxy.to_client:
            while await self.documents() == before:
                await pause(CLOCK, 0.01)
        await meanwhile()
        self.proxy.heal()
        return await running

    async def documents(self) -> list[dict[str, Any]]:
        """What there is now, in the order of ids."""
        return sorted(await blocking(kept, self.server, self.database), key=lambda document: document["_id"])

    async def others(self, **fields: Any) -> None:
        """Let somebody else change all of them."""

        def write() -> None:
            with self.server.client() as client:
                client[self.database]["tasks"].update_many({}, {"$set": fields, "$inc": {"version": 1}})

        await blocking(write)

    async def others_remove(self) -> None:
        """Let another service, which has no key of ours, remove them."""
        async with opened(self.server.uri, database=self.database) as other:
            assert await other.remove([TaskRemoval(task.id, "me") for task in self.tasks], soon()) == [None] * 3


async def _awaited(work: Callable[[], Awaitable[Sequence[Any]]]) -> Sequence[Any]:
    return await work()


async def nothing() -> None:
    """Nobody does anything."""


@pytest_twisted.async_yield_fixture
async def scene(shared_mongod: Mongod) -> Any:
    """A scene whose tasks are there."""
    proxy = FaultProxy(reactor, "127.0.0.1", shared_mongod.port)
    await proxy.start()
    database = new_database()
    async with opened(f"mongodb://127.0.0.1:{proxy.port}/", database=database) as store:
        scene = Scene(shared_mongod, proxy, store, database)
        assert await store.add(scene.tasks, soon()) == scene.tasks
        yield scene
    await proxy.stop()


@pytest_twisted.ensureDeferred
async def test_a_change_of_ours(scene: Scene) -> None:
    """A change that was made is a success, and is made once."""
    told = await scene.losing(scene.change, scene.proxy.to_client, nothing)
    assert [(task.name, task.version) for task in told] == [(f"tea {number}!", 1) for number in range(3)]
    assert [document["version"] for document in await scene.documents()] == [1, 1, 1]


@pytest_twisted.ensureDeferred
async def test_a_change_of_ours_and_another_after_it(scene: Scene) -> None:
    """A change that was made is a success also where somebody else changed the task since, and takes nothing back."""

    async def mark() -> None:
        await scene.others(done=True, name="coffee")

    told = await scene.losing(scene.change, scene.proxy.to_client, mark)
    assert [(task.name, task.done, task.version) for task in told] == [("coffee", True, 2)] * 3
    assert [(one["name"], one["version"]) for one in await scene.documents()] == [("coffee", 2)] * 3


@pytest_twisted.ensureDeferred
async def test_a_change_of_somebody_else_in_its_place(scene: Scene) -> None:
    """A change that never arrived is refused, where somebody else changed the task: it is not taken for theirs."""

    async def mark() -> None:
        await scene.others(done=True, name="tea 0!")

    told = await scene.losing(scene.change, scene.proxy.to_server, mark)
    assert [type(one) for one in told] == [VersionConflict] * 3
    assert [one.current.version for one in told] == [1, 1, 1]
    assert [one["version"] for one in await scene.documents()] == [1, 1, 1]


@pytest_twisted.ensureDeferred
async def test_a_change_of_ours_and_a_removal_after_it(scene: Scene) -> None:
    """A change that was made is a success also where the task was removed since: it is told as it was."""
    told = await scene.losing(scene.change, scene.proxy.to_client, scene.others_remove)
    assert [(task.name, task.version) for task in told] == [(f"tea {number}!", 1) for number in range(3)]
    assert await scene.documents() == []


@pytest.mark.parametrize("lost", ["to_client", "to_server"])
@pytest_twisted.ensureDeferred
async def test_a_removal_of_ours(scene: Scene, lost: str) -> None:
    """A removal is a success, whether it or its reply was lost; what is left can be restored once."""
    told = await scene.losing(scene.remove, getattr(scene.proxy, lost), nothing)
    assert list(told) == [None] * 3
    assert await scene.documents() == []
    assert [task.version for task in await scene.restore()] == [2, 2, 2]


@pytest_twisted.ensureDeferred
async def test_a_removal_of_somebody_else_in_its_place(scene: Scene) -> None:
    """A removal that never arrived is not taken for that of somebody else."""
    told = await scene.losing(scene.remove, scene.proxy.to_server, scene.others_remove)
    assert [type(one) for one in told] == [TaskNotFound] * 3


@pytest_twisted.ensureDeferred
async def test_a_change_in_the_place_of_a_removal(scene: Scene) -> None:
    """A removal that never arrived is refused where somebody else changed the task, which stays."""

    async def mark() -> None:
        await scene.others(done=True)

    told = await scene.losing(scene.remove, scene.proxy.to_server, mark)
    assert [type(one) for one in told] == [VersionConflict] * 3
    assert [one["done"] for one in await scene.documents()] == [True] * 3


@pytest.mark.parametrize("lost", ["to_client", "to_server"])
@pytest_twisted.ensureDeferred
async def test_a_restoration(scene: Scene, lost: str) -> None:
    """A restoration is a success, and is made once."""
    assert list(await scene.remove()) == [None] * 3
    told = await scene.losing(scene.restore, getattr(scene.proxy, lost), nothing)
    assert [(task.name, task.version) for task in told] == [(f"tea {number}", 2) for number in range(3)]
    assert [one["version"] for one in await scene.documents()] == [2, 2, 2]
