"""What every store does that keeps versions, conditions, removed tasks and the order of changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from twisted.internet import reactor
from zope.interface.verify import verifyObject

from tests.support.following import apply, living
from tests.support.stores import COPIED_STORES, STORES
from twisted_tasks.model import (
    KEYS_KEPT,
    REPLY_MAX,
    ChangesQuery,
    Condition,
    InvalidArgument,
    ListQuery,
    RemovedTask,
    StoredTask,
    Task,
    TaskChange,
    TaskIdTaken,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    UsedKey,
    UserSync,
    VersionConflict,
    digest,
    write_sync,
)
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.interface import ITaskCopy

CLOCK = MonotonicClock(reactor)
USERS = itertools.count(1)
NOON = 1_795_608_000_000


def soon() -> float:
    """A deadline that a healthy store meets."""
    return CLOCK.seconds() + 30


def key(text: str) -> str:
    return digest(text, "test")


def new_task(user: str, name: str = "tea", created_ms: int = NOON, **fields: Any) -> Task:
    return Task(str(ObjectId()), user, name, created_ms, False, **{"version": created_ms, **fields})


class Desk:
    """A store, and one user of it, asked one thing at a time."""

    def __init__(self, store: Any, user: str) -> None:
        self.store = store
        self.user = user

    async def add(self, name: str = "tea", **fields: Any) -> Any:
        return await self.put_in(new_task(self.user, name, **fields))

    async def put_in(self, task: Task) -> Any:
        return (await self.store.add([task], soon()))[0]

    async def change(self, task: Any, version: int | None = None, key: str | None = None, **fields: Any) -> Any:
        change = TaskChange(task.id, self.user, condition=Condition(version, key), **fields)
        return (await self.store.update([change], soon()))[0]

    async def remove(self, task: Any, version: int | None = None, key: str | None = None) -> Any:
        removal = TaskRemoval(task.id, self.user, Condition(version, key))
        return (await self.store.remove([removal], soon()))[0]

    async def restore(self, task: Any) -> Any:
        return (await self.store.restore([TaskRef(task.id, self.user)], soon()))[0]

    async def empty(self) -> Any:
        return (await self.store.remove_all([self.user], soon()))[0]

    async def get(self, task: Any) -> Any:
        return (await self.store.get([TaskRef(task.id, self.user)], soon()))[0]

    async def changes(self, sync: str | None = None, limit: int = 1000) -> Any:
        return (await self.store.changes([ChangesQuery(self.user, sync, limit)], soon()))[0]

    async def newer(self, sync: str | None) -> Any:
        return (await self.store.changed_users([UserSync(self.user, sync)], soon()))[0]

    async def all(self) -> Any:
        return (await self.store.find([ListQuery(self.user)], soon()))[0]

    async def follow(self, known: dict[str, Any], sync: str | None, limit: int = 1000) -> str:
        """Bring what is known up to date, as a follower does, and return the new token."""
        for _ in range(10_000):
            answer = await self.changes(sync, limit)
            assert len(answer.tasks) + len(answer.removed) <= limit
            assert answer.tasks or answer.removed or not answer.more
            apply(known, answer)
            sync = answer.sync
            if not answer.more:
                return sync
        raise AssertionError("no end to changes")

    async def is_up_to_date(self, known: dict[str, Any]) -> bool:
        return living(known) == {task.id: task for task in await self.all()}


@pytest_twisted.async_yield_fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> Any:
    make: Callable[[pytest.FixtureRequest, Any], Any] = request.param
    store = make(request, CLOCK)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def desk(store: Any) -> Desk:
    return Desk(store, f"user {next(USERS)} {ObjectId()}")


@pytest_twisted.ensureDeferred
async def test_nothing_asked(store: Any) -> None:
    """A batch of nothing has no outcomes."""
    for operation in (store.restore, store.changes, store.changed_users, store.remove_all):
        assert await operation([], soon()) == []


# Versions and fields.


@pytest_twisted.ensureDeferred
async def test_the_newer_fields(desk: Desk) -> None:
    """A task keeps notes, due date, rank and version as it was added with them, in every answer."""
    task = new_task(desk.user, notes="two bags\nof green", due="2026-11-25T09:30:00+01:00", rank="a0~")
    assert await desk.put_in(task) == task
    assert await desk.get(task) == task
    assert await desk.all() == [task]
    assert (await desk.store.find([ListQuery(desk.user, 5)], soon())) == [[task]]
    assert (await desk.changes()).tasks == [task]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("field", ["name", "notes", "due", "rank"])
async def test_a_change_of_one_field(desk: Desk, field: str) -> None:
    """A change sets the field it gives and no other, makes the version one more, and sets the date of change."""
    task = await desk.add("tea", notes="n", due="2026-11-25", rank="r")
    changed = await desk.change(task, **{field: "2026-11-26"})
    expected = task._replace(version=task.version + 1, updated_ms=changed.updated_ms, **{field: "2026-11-26"})
    assert changed == expected
    assert changed.updated_ms is not None
    assert await desk.get(task) == changed
    cleared = await desk.change(task, **{field: ""})
    assert getattr(cleared, field) == ("" if field == "name" else None)
    assert cleared.version == task.version + 2
    assert await desk.get(task) == cleared


@pytest_twisted.ensureDeferred
async def test_a_change_to_what_it_is(desk: Desk) -> None:
    """A change that gives a field counts, even if the field has that value already."""
    task = await desk.add()
    assert (await desk.change(task, name=task.name)).version == task.version + 1


@pytest_twisted.ensureDeferred
async def test_a_change_that_sets_nothing(desk: Desk) -> None:
    """A change that gives no field leaves the task, its version too; its condition holds all the same."""
    task = await desk.add()
    assert await desk.change(task) == task
    assert await desk.change(task, version=task.version) == task
    assert isinstance(await desk.change(task, version=task.version + 1), VersionConflict)
    assert await desk.get(task) == task


@pytest_twisted.ensureDeferred
async def test_a_version_on_each_of_many(desk: Desk) -> None:
    """Changes of one batch are each judged by its own condition."""
    tasks = [await desk.add(str(number)) for number in range(5)]
    conditions = [Condition(task.version + number % 2) for number, task in enumerate(tasks)]
    changes = [
        TaskChange(task.id, desk.user, done=True, condition=condition)
        for task, condition in zip(tasks, conditions, strict=True)
    ]
    outcomes = await desk.store.update(changes, soon())
    assert [isinstance(outcome, VersionConflict) for outcome in outcomes] == [False, True, False, True, False]
    assert [outcome.current for outcome in outcomes[1::2]] == tasks[1::2]
    assert [(await desk.get(task)).done for task in tasks] == [True, False, True, False, True]


# Conditions.


@pytest_twisted.ensureDeferred
async def test_a_condition_that_holds(desk: Desk) -> None:
    """A change and a removal whose condition names the task's version are made."""
    task = await desk.add()
    changed = await desk.change(task, version=task.version, name="coffee")
    assert changed.name == "coffee"
    assert await desk.remove(task, version=changed.version) is None
    assert isinstance(await desk.get(task), TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_a_condition_that_does_not_hold(desk: Desk) -> None:
    """A change and a removal that name another version are refused with the task as it is, and nothing is done."""
    task = await desk.add()
    changed = await desk.change(task, name="coffee")
    for outcome in (
        await desk.change(task, version=task.version, name="water"),
        await desk.remove(task, version=task.version),
        await desk.change(task, version=changed.version + 1, done=True),
        await desk.change(task, version=0, done=True),
    ):
        assert isinstance(outcome, VersionConflict)
        assert outcome.current == changed
    assert await desk.get(task) == changed


@pytest_twisted.ensureDeferred
async def test_version_0(desk: Desk) -> None:
    """A task of version 0, as old documents are, fits a condition that names 0."""
    task = await desk.add(version=0)
    assert (await desk.change(task, version=0, done=True)).version == 1


@pytest_twisted.ensureDeferred
async def test_a_condition_on_nothing_there(desk: Desk) -> None:
    """A task that is not there, or another user's, is not found, whatever the condition."""
    task = await desk.add()
    stranger = Desk(desk.store, desk.user + " not")
    for outcome in (
        await desk.change(new_task(desk.user), version=1, name="x"),
        await desk.remove(new_task(desk.user), version=1, key=key("k")),
        await stranger.change(task, version=task.version, key=key("k"), name="x"),
        await stranger.remove(task, version=task.version),
        await stranger.restore(task),
    ):
        assert isinstance(outcome, TaskNotFound)
    assert await desk.get(task) == task


# Keys.


@pytest_twisted.ensureDeferred
async def test_a_repeated_change(desk: Desk) -> None:
    """A change that is repeated under its key is a success and made once, also when others have written since."""
    task = await desk.add()
    once = await desk.change(task, task.version, key("k"), name="coffee")
    assert once.name == "coffee"
    assert await desk.change(task, task.version, key("k"), name="coffee") == once
    others = await desk.change(task, name="water")
    assert await desk.change(task, task.version, key("k"), name="coffee") == others
    assert await desk.get(task) == others


@pytest_twisted.ensureDeferred
async def test_a_repeated_change_without_a_version(desk: Desk) -> None:
    """A key alone makes a change happen once."""
    task = await desk.add()
    await desk.change(task, key=key("k"), name="coffee")
    others = await desk.change(task, name="water")
    assert await desk.change(task, key=key("k"), name="coffee") == others


@pytest_twisted.ensureDeferred
async def test_another_key(desk: Desk) -> None:
    """A change under another key that names a version which has passed is refused."""
    task = await desk.add()
    once = await desk.change(task, task.version, key("k"), name="coffee")
    outcome = await desk.change(task, task.version, key("another"), name="coffee")
    assert isinstance(outcome, VersionConflict)
    assert outcome.current == once


@pytest_twisted.ensureDeferred
async def test_the_last_keys_are_remembered(desk: Desk) -> None:
    """A task remembers its last eight keys; one that is older is forgotten."""
    task = await desk.add()
    for number in range(KEYS_KEPT + 1):
        assert (await desk.change(task, key=key(str(number)), name=str(number))).name == str(number)
    last = await desk.get(task)
    for number in range(1, KEYS_KEPT + 1):
        assert await desk.change(task, 0, key(str(number)), name=str(number)) == last
    assert isinstance(await desk.change(task, 0, key("0"), name="0"), VersionConflict)


@pytest_twisted.ensureDeferred
async def test_a_refused_change_leaves_no_key(desk: Desk) -> None:
    """A change that was refused is not taken for made when it is repeated."""
    task = await desk.add()
    assert isinstance(await desk.change(task, task.version + 1, key("k"), name="coffee"), VersionConflict)
    later = await desk.change(task, name="water")
    assert (await desk.change(task, later.version, key("k"), name="coffee")).name == "coffee"


@pytest_twisted.ensureDeferred
async def test_a_repeated_removal(desk: Desk) -> None:
    """A removal that is repeated under its key is a success; under another key nothing is found."""
    task = await desk.add()
    assert await desk.remove(task, task.version, key("k")) is None
    assert await desk.remove(task, task.version, key("k")) is None
    assert isinstance(await desk.remove(task, task.version, key("another")), TaskNotFound)
    assert isinstance(await desk.remove(task), TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_a_change_repeated_after_removal(desk: Desk) -> None:
    """A change that was made, and repeated under its key after somebody removed the task, was made: it is as it was."""
    task = await desk.add()
    changed = await desk.change(task, task.version, key("k"), name="coffee")
    await desk.remove(task)
    assert await desk.change(task, task.version, key("k"), name="coffee") == changed
    assert isinstance(await desk.change(task, task.version, key("another"), name="coffee"), TaskNotFound)
    assert isinstance(await desk.get(task), TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_keys_come_back(desk: Desk) -> None:
    """A restored task has its keys, and that of its removal: neither happens again when it is repeated."""
    task = await desk.add()
    await desk.change(task, key=key("change"), name="coffee")
    await desk.remove(task, key=key("removal"))
    restored = await desk.restore(task)
    assert await desk.change(task, 0, key("change"), name="coffee") == restored
    assert await desk.remove(task, 0, key("removal")) is None
    assert await desk.get(task) == restored


@pytest_twisted.ensureDeferred
async def test_keys_do_not_outlive_a_new_task(desk: Desk) -> None:
    """A task that is added again under its id begins without keys."""
    task = await desk.add()
    await desk.change(task, key=key("k"), name="coffee")
    await desk.remove(task)
    again = await desk.put_in(task._replace(created_ms=NOON + 1))
    assert (await desk.change(again, key=key("k"), name="water")).name == "water"


# Removal and restoration.


@pytest_twisted.ensureDeferred
async def test_restore(desk: Desk) -> None:
    """A removed task comes back as it was, with its id and a version greater than the removal's."""
    task = await desk.add("tea", notes="n", due="2026-11-25", rank="r")
    changed = await desk.change(task, done=True)
    await desk.remove(task)
    restored = await desk.restore(task)
    assert restored == changed._replace(version=changed.version + 2, updated_ms=restored.updated_ms)
    assert await desk.get(task) == restored
    assert await desk.all() == [restored]


@pytest_twisted.ensureDeferred
async def test_restore_again(desk: Desk) -> None:
    """A restoration that is repeated finds its own success, also after a change."""
    task = await desk.add()
    await desk.remove(task)
    restored = await desk.restore(task)
    assert await desk.restore(task) == restored
    changed = await desk.change(task, name="coffee")
    assert await desk.restore(task) == changed


@pytest_twisted.ensureDeferred
async def test_restore_what_was_never_there(desk: Desk) -> None:
    """What was never there, or is another user's, cannot be restored."""
    assert isinstance(await desk.restore(new_task(desk.user)), TaskNotFound)
    task = await desk.add()
    await desk.remove(task)
    assert isinstance(await Desk(desk.store, desk.user + " not").restore(task), TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_restore_over_a_new_task(desk: Desk) -> None:
    """A task cannot be restored when another one was added under its id."""
    task = await desk.add()
    await desk.remove(task)
    again = await desk.put_in(task._replace(name="again", created_ms=NOON + 1, version=NOON + 1))
    assert isinstance(await desk.restore(task), TaskIdTaken)
    assert await desk.get(task) == again


@pytest_twisted.ensureDeferred
async def test_removed_and_restored_twice(desk: Desk) -> None:
    """A task may be removed and restored many times, its version growing by one each time."""
    task = await desk.add()
    for number in range(1, 6, 2):
        await desk.remove(task)
        assert (await desk.restore(task)).version == task.version + number + 1


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("later", [1, 10_000_000])
async def test_the_version_of_a_task_added_again(desk: Desk, later: int) -> None:
    """A task that is added again under its id has a greater version than it ever had."""
    task = await desk.add()
    for _ in range(5):
        last = await desk.change(task, name="coffee")
    await desk.remove(task)
    added = await desk.put_in(task._replace(created_ms=NOON + later, version=NOON + later))
    assert added.version == max(NOON + later, last.version + 2)


# Changes.


@pytest_twisted.ensureDeferred
async def test_changes_from_the_beginning(desk: Desk) -> None:
    """Without a token every living task is told, and a token; nothing is told with that."""
    assert (await desk.changes())[:2] == ([], [])
    tasks = [await desk.add(str(number)) for number in range(3)]
    await desk.remove(tasks[1])
    first = await desk.changes()
    assert sorted(first.tasks) == sorted([tasks[0], tasks[2]])
    assert (first.more, first.reset) == (False, False)
    again = await desk.changes(first.sync)
    assert (again.more, again.reset) == (False, False)


@pytest_twisted.ensureDeferred
async def test_changes_since(desk: Desk) -> None:
    """With a token what was added, changed, removed and restored since is told, with the versions it now has."""
    kept, changed, removed, restored = [await desk.add(name) for name in ("kept", "changed", "removed", "restored")]
    known: dict[str, Any] = {}
    sync = await desk.follow(known, None)
    added = await desk.add("added")
    changed = await desk.change(changed, done=True)
    await desk.remove(removed)
    await desk.remove(restored)
    restored = await desk.restore(restored)
    answer = await desk.changes(sync)
    told = {task.id: task for task in answer.tasks}
    assert {one.id: one for one in (added, changed, restored)}.items() <= told.items()
    assert [one for one in answer.removed if one.id == removed.id] == [RemovedTask(removed.id, removed.version + 1)]
    await desk.follow(known, sync)
    assert known[kept.id] == kept
    assert await desk.is_up_to_date(known)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_changes_page_by_page(desk: Desk, limit: int) -> None:
    """A follower with any limit ends with what `all` says, though tasks change between its pages."""
    tasks = [await desk.add(str(number)) for number in range(9)]
    await desk.remove(tasks[8])
    known: dict[str, Any] = {}
    answer = await desk.changes(None, limit)
    known |= {task.id: task for task in answer.tasks}
    await desk.change(tasks[0], done=True)
    await desk.remove(tasks[1])
    await desk.remove(tasks[7])
    await desk.restore(tasks[7])
    sync = await desk.follow(known, answer.sync, limit)
    assert await desk.is_up_to_date(known)
    for task in tasks[2:6]:
        await desk.change(task, name="again")
    await desk.remove(tasks[6])
    await desk.follow(known, sync, limit)
    assert await desk.is_up_to_date(known)


@pytest_twisted.ensureDeferred
async def test_changes_are_one_users(desk: Desk) -> None:
    """What becomes of another user's tasks is not told."""
    other = Desk(desk.store, desk.user + " not")
    sync = (await desk.changes()).sync
    task = await other.add()
    await other.remove(await other.add())
    assert (await desk.changes(sync))[:2] == ([], [])
    assert (await other.changes()).tasks == [task]


@pytest_twisted.ensureDeferred
async def test_a_task_added_again_is_not_told_as_removed(desk: Desk) -> None:
    """An id that lives is not told as removed."""
    task = await desk.add()
    sync = (await desk.changes()).sync
    await desk.remove(task)
    again = await desk.put_in(task._replace(created_ms=NOON + 1, version=NOON + 1))
    answer = await desk.changes(sync)
    assert answer.removed == []
    assert again in answer.tasks


@pytest_twisted.ensureDeferred
async def test_changes_of_several_users(desk: Desk) -> None:
    """Queries of one batch are answered each for itself."""
    other = Desk(desk.store, desk.user + " not")
    mine, theirs = await desk.add(), await other.add()
    queries = [ChangesQuery(desk.user), ChangesQuery(other.user), ChangesQuery(desk.user, "rubbish")]
    outcomes = await desk.store.changes(queries, soon())
    assert [outcome.tasks for outcome in outcomes[:2]] == [[mine], [theirs]]
    assert isinstance(outcomes[2], InvalidArgument)


@pytest_twisted.ensureDeferred
async def test_tokens_nobody_made(desk: Desk) -> None:
    """A text that is no token is refused; a token of another user or store begins anew."""
    task = await desk.add()
    other = Desk(desk.store, desk.user + " not")
    for text in ("", "x", "s" * 5000, "0.0", (await desk.changes()).sync + "\n", (await desk.changes()).sync + "."):
        assert isinstance(await desk.changes(text), InvalidArgument)
        assert isinstance(await desk.newer(text), InvalidArgument)
    for token in ((await other.changes()).sync, write_sync("z", desk.user, (1, 2, 3))):
        answer = await desk.changes(token)
        assert (answer.tasks, answer.reset) == ([task], True)
        assert await desk.newer(token) is not None


@pytest_twisted.ensureDeferred
async def test_changes_fit_into_a_reply(desk: Desk) -> None:
    """Tasks that would not fit into one reply are told in several."""
    tasks = [new_task(desk.user, "n" * 4096, notes="é" * 8192) for _ in range(REPLY_MAX // 20_000 + 10)]
    for start in range(0, len(tasks), 100):
        await desk.store.add(tasks[start : start + 100], soon())
    first = await desk.changes()
    assert 0 < len(first.tasks) < len(tasks)
    assert first.more
    known: dict[str, Any] = {}
    await desk.follow(known, None)
    assert await desk.is_up_to_date(known)


@pytest_twisted.ensureDeferred
async def test_changed_users(desk: Desk) -> None:
    """Of many users those are told that have something newer, each with a token that is up to date."""
    desks = [Desk(desk.store, f"{desk.user} {number}") for number in range(5)]
    tasks = [await one.add() for one in desks]
    syncs = [UserSync(one.user, (await one.changes()).sync) for one in desks]
    # The first look may be one too many, where a store cannot know what was on its way.
    for _ in range(2):
        told = await desk.store.changed_users(syncs, soon())
        syncs = [
            UserSync(sync.user_id, sync.sync if new is None else new) for sync, new in zip(syncs, told, strict=True)
        ]
    await desks[1].change(tasks[1], done=True)
    await desks[2].remove(tasks[2])
    await desks[3].add()
    told = await desk.store.changed_users(syncs, soon())
    assert [one is not None for one in told] == [False, True, True, True, False]
    assert await desks[1].newer(told[1]) is None


@pytest_twisted.ensureDeferred
async def test_a_token_to_begin_with(desk: Desk) -> None:
    """Who asks whether a user has anything newer without a token gets one, and is told of what comes after it."""
    task = await desk.add()
    sync = await desk.newer(None)
    assert sync is not None
    await desk.change(task, done=True)
    assert await desk.newer(sync) is not None


# Removing everything.


@pytest_twisted.ensureDeferred
async def test_remove_all(desk: Desk) -> None:
    """Everything of a user goes, removed tasks too; nobody else's; and doing it again finds nothing."""
    other = Desk(desk.store, desk.user + " not")
    theirs = await other.add()
    tasks = [await desk.add(str(number)) for number in range(4)]
    await desk.remove(tasks[0])
    sync = (await desk.changes()).sync
    assert await desk.store.remove_all([desk.user, desk.user + " nobody"], soon()) == [3, 0]
    assert await desk.all() == []
    assert isinstance(await desk.restore(tasks[0]), TaskNotFound)
    assert await desk.store.remove_all([desk.user], soon()) == [0]
    assert await other.all() == [theirs]
    answer = await desk.changes(sync)
    assert (answer.tasks, answer.removed, answer.reset) == ([], [], True)


@pytest_twisted.ensureDeferred
async def test_a_life_after_remove_all(desk: Desk) -> None:
    """A user whose tasks were all removed adds and follows as a new one does."""
    await desk.add()
    await desk.store.remove_all([desk.user], soon())
    known: dict[str, Any] = {}
    sync = await desk.follow(known, None)
    for number in range(5):
        await desk.add(f"again {number}")
    # In pages, too: they come to an end.
    for limit in (2, 1000, 3):
        sync = await desk.follow(known, sync, limit)
        assert await desk.is_up_to_date(known)
    assert len(known) == 5


# Copying.


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("store", COPIED_STORES, indirect=True)
async def test_copying(desk: Desk) -> None:
    """What is known of each task, living or removed, can be read in the order of ids and put as it is."""
    assert verifyObject(ITaskCopy, desk.store)
    # Ids of this test alone, since a store may be shared with others.
    ids = [f"e{number:023x}" for number in range(2**92 - 4, 2**92)]
    stored = [
        StoredTask(Task(ids[0], desk.user, "tea", NOON, True, 7, NOON + 5, "n", "2026-11-25", "r")),
        StoredTask(Task(ids[1], desk.user, "", NOON, False, 3), (UsedKey(key("k"), 2), UsedKey(key("l"), 3))),
        StoredTask(Task(ids[2], desk.user, "gone", NOON, False, 9), (UsedKey(key("m"), 10),), NOON + 10),
        StoredTask(Task(ids[3], desk.user, "", NOON, False)),
    ]
    bare = StoredTask(
        Task(f"f{0:023x}", desk.user, "", NOON, False, 4), (UsedKey(key("n"), 5),), NOON + 10, is_bare=True
    )
    try:
        assert await desk.store.put(stored, soon()) == [True] * 4
        assert await desk.store.put(stored, soon()) == [False] * 4
        below = f"e{2**92 - 5:023x}"
        assert await desk.store.scan_stored(below, 2, soon()) == stored[:2]
        assert await desk.store.scan_stored(ids[1], 2, soon()) == stored[2:]
        assert sorted(await desk.all()) == [stored[0].task, stored[1].task, stored[3].task]
        newer = stored[1]._replace(task=stored[1].task._replace(version=4, name="newer"))
        assert await desk.store.put([newer], soon()) == [True]
        stranger = newer._replace(task=newer.task._replace(user_id=desk.user + " not", version=5))
        assert isinstance((await desk.store.put([stranger], soon()))[0], TaskNotFound)
        assert await desk.store.scan_stored(ids[0], 1, soon()) == [newer]
        assert (await desk.restore(stored[2].task)).version == 11
        # What was not kept is not made up by copying: an empty task is not what was removed.
        assert await desk.store.put([bare], soon()) == [True]
        assert await desk.store.scan_stored(ids[3], 1, soon()) == [bare]
        assert isinstance(await desk.restore(bare.task), TaskNotFound)
    finally:
        await desk.store.remove_all([desk.user], soon())
