"""What every task store does, whatever it is made of."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from twisted.internet import reactor
from zope.interface.verify import verifyObject

from tests.support.stores import SCANNED_STORES, STORES
from twisted_tasks.model import (
    ListQuery,
    Position,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    to_milliseconds,
)
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.interface import ITaskScan, ITaskStore

MORNING = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
FIRST_DATE = datetime(1, 1, 1, tzinfo=UTC)
LAST_DATE = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
CLOCK = MonotonicClock(reactor)
USERS = itertools.count(1)


def soon() -> float:
    """A deadline that a healthy store meets."""
    return CLOCK.seconds() + 30


def new_task(user: str, name: str = "tea", minutes: int = 0, done: bool = False) -> Task:
    return Task(str(ObjectId()), user, name, to_milliseconds(MORNING) + minutes * 60_000, done)


def ref(task: Task, user: str | None = None) -> TaskRef:
    return TaskRef(task.id, user or task.user_id)


def removal(task: Task, user: str | None = None) -> TaskRemoval:
    return TaskRemoval(task.id, user or task.user_id)


def fields(outcomes: list[Any]) -> list[Any]:
    """Return tasks, or lists of them, without version and date of change: `test_versions` has those."""
    return [
        fields(one)
        if isinstance(one, list)
        else one._replace(version=0, updated_ms=None)
        if isinstance(one, Task)
        else one
        for one in outcomes
    ]


@pytest_twisted.async_yield_fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> Any:
    make: Callable[[pytest.FixtureRequest, Any], ITaskStore] = request.param
    store = make(request, CLOCK)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def user() -> str:
    """Somebody nobody has heard of: the stores may be shared between tests."""
    return f"user {next(USERS)} {ObjectId()}"


def test_provides_the_interface(store: ITaskStore) -> None:
    """It has every operation the interface names."""
    assert verifyObject(ITaskStore, store)


@pytest_twisted.ensureDeferred
async def test_ping(store: ITaskStore) -> None:
    """A store that works says so."""
    assert await store.ping(soon()) is None


@pytest_twisted.ensureDeferred
async def test_nothing_asked(store: ITaskStore) -> None:
    """A batch of nothing has no outcomes."""
    for operation in (store.add, store.update, store.get, store.remove, store.find):
        assert await operation([], soon()) == []


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("name", ["", "tea", "Grüße, 世界 🫖", "x" * 4096, "'; DROP TABLE tasks --", "$set", "a.b\n\t"])
async def test_add_and_get(store: ITaskStore, user: str, name: str) -> None:
    """A task comes back as it was added, to the millisecond."""
    task = new_task(user, name, done=True)
    assert await store.add([task], soon()) == [task]
    assert await store.get([ref(task)], soon()) == [task]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)]
)
async def test_any_date(store: ITaskStore, user: str, moment: datetime) -> None:
    """Every date that Python knows is kept."""
    task = new_task(user)._replace(created_ms=to_milliseconds(moment))
    await store.add([task], soon())
    assert await store.get([ref(task)], soon()) == [task]


@pytest_twisted.ensureDeferred
async def test_add_again(store: ITaskStore, user: str) -> None:
    """Adding an id that is there answers with the task as it is, and changes nothing."""
    task = new_task(user)
    await store.add([task], soon())
    (changed,) = await store.update([TaskChange(task.id, user, "coffee", True)], soon())
    again = task._replace(name="water", created_ms=to_milliseconds(MORNING + timedelta(days=1)))
    assert await store.add([again], soon()) == [changed]
    assert await store.find([ListQuery(user)], soon()) == [[changed]]


@pytest_twisted.ensureDeferred
async def test_add_an_id_of_another_user(store: ITaskStore, user: str) -> None:
    """An id that is another user's cannot be added, and says nothing of that user's task."""
    task = new_task(user)
    await store.add([task], soon())
    (outcome,) = await store.add([task._replace(user_id=user + "'s neighbour")], soon())
    assert isinstance(outcome, TaskNotFound)
    assert await store.get([ref(task)], soon()) == [task]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("name", [None, "", "coffee"])
@pytest.mark.parametrize("done", [None, False, True])
async def test_update(store: ITaskStore, user: str, name: str | None, done: bool | None) -> None:
    """An update sets what is given, leaves the rest, and answers with the task as it then is."""
    task = new_task(user, done=done is False)
    await store.add([task], soon())
    expected = task._replace(
        name=task.name if name is None else name,
        done=task.done if done is None else done,
    )
    updated = await store.update([TaskChange(task.id, user, name, done)], soon())
    assert fields(updated) == [expected]
    assert await store.get([ref(task)], soon()) == updated


@pytest_twisted.ensureDeferred
async def test_update_to_what_it_is(store: ITaskStore, user: str) -> None:
    """Setting what is already so is no error."""
    task = new_task(user)
    await store.add([task], soon())
    assert fields(await store.update([TaskChange(task.id, user, task.name, task.done)], soon())) == [task]


@pytest_twisted.ensureDeferred
async def test_remove(store: ITaskStore, user: str) -> None:
    """A removed task is gone, and removing it again finds nothing."""
    task, other = new_task(user), new_task(user)
    await store.add([task, other], soon())
    assert await store.remove([removal(task)], soon()) == [None]
    outcomes = await store.get([ref(task), ref(other)], soon())
    assert isinstance(outcomes[0], TaskNotFound)
    assert outcomes[1] == other
    (again,) = await store.remove([removal(task)], soon())
    assert isinstance(again, TaskNotFound)


@pytest_twisted.ensureDeferred
async def test_add_after_remove(store: ITaskStore, user: str) -> None:
    """The id of a removed task is free again."""
    task = new_task(user)
    await store.add([task], soon())
    await store.remove([removal(task)], soon())
    again = task._replace(name="again")
    assert fields(await store.add([again], soon())) == [again]


@pytest_twisted.ensureDeferred
async def test_another_users_task(store: ITaskStore, user: str) -> None:
    """A task of another user is not found by any operation, and is unchanged."""
    task = new_task(user)
    await store.add([task], soon())
    other = user + " not"
    outcomes = [
        *await store.get([ref(task, other)], soon()),
        *await store.update([TaskChange(task.id, other, "mine", True)], soon()),
        *await store.update([TaskChange(task.id, other, None, None)], soon()),
        *await store.remove([removal(task, other)], soon()),
    ]
    assert [type(outcome) for outcome in outcomes] == [TaskNotFound] * 4
    assert await store.find([ListQuery(other), ListQuery(user)], soon()) == [[], [task]]


@pytest_twisted.ensureDeferred
async def test_an_owner_and_strangers_in_one_batch(store: ITaskStore, user: str) -> None:
    """A batch may hold changes of one id by several users: the owner's is made, and nobody else's."""
    task = new_task(user)
    await store.add([task], soon())
    users = [user + " before", user, user + " after"]
    updated = await store.update([TaskChange(task.id, one, f"of {one}", None) for one in users], soon())
    assert [type(outcome) for outcome in updated] == [TaskNotFound, Task, TaskNotFound]
    assert updated[1].name == f"of {user}"  # type: ignore[union-attr]
    added = await store.add([task._replace(user_id=one, name="again") for one in users], soon())
    assert [type(outcome) for outcome in added] == [TaskNotFound, Task, TaskNotFound]
    assert added[1] == updated[1]
    removed = await store.remove([removal(task, one) for one in users], soon())
    assert [type(outcome) for outcome in removed] == [TaskNotFound, type(None), TaskNotFound]


@pytest_twisted.ensureDeferred
async def test_outcomes_are_per_item(store: ITaskStore, user: str) -> None:
    """In a batch each item has its own outcome, in the order given, and a failed one takes none along."""
    tasks = [new_task(user, str(number), number) for number in range(5)]
    await store.add([tasks[1]], soon())
    added = await store.add([*tasks, tasks[0]._replace(id=tasks[1].id, user_id="somebody else")], soon())
    assert added[:5] == tasks
    assert isinstance(added[5], TaskNotFound)

    missing = new_task(user)
    changes = [TaskChange(task.id, user, task.name + "!", None) for task in (tasks[3], missing, tasks[0])]
    updated = await store.update(changes, soon())
    assert isinstance(updated[1], TaskNotFound)
    assert fields([updated[0], updated[2]]) == [tasks[3]._replace(name="3!"), tasks[0]._replace(name="0!")]

    found = await store.get([ref(tasks[4]), ref(missing), ref(tasks[2]), ref(tasks[4])], soon())
    assert isinstance(found[1], TaskNotFound)
    assert [found[0], found[2], found[3]] == [tasks[4], tasks[2], tasks[4]]

    removed = await store.remove([removal(tasks[4]), removal(missing), removal(tasks[2], "somebody else")], soon())
    assert removed[0] is None
    assert [type(outcome) for outcome in removed[1:]] == [TaskNotFound] * 2
    assert isinstance((await store.get([ref(tasks[2])], soon()))[0], Task)


@pytest_twisted.ensureDeferred
async def test_many_at_once(store: ITaskStore, user: str) -> None:
    """A large batch keeps the order of its items."""
    tasks = [new_task(f"{user}/{number % 7}", str(number), number) for number in range(300)]
    assert await store.add(tasks, soon()) == tasks
    assert await store.get([ref(task) for task in reversed(tasks)], soon()) == tasks[::-1]
    changes = [TaskChange(task.id, task.user_id, None, True) for task in tasks]
    assert fields(await store.update(changes, soon())) == [task._replace(done=True) for task in tasks]
    assert await store.remove([removal(task) for task in tasks], soon()) == [None] * 300


@pytest_twisted.ensureDeferred
async def test_newest_first(store: ITaskStore, user: str) -> None:
    """A list is newest first, ties by id with the greater one first, and holds one user's tasks only."""
    tasks = [new_task(user, str(number), number // 3) for number in range(12)]
    await store.add([*tasks[6:], *tasks[:6], new_task(user + "2")], soon())
    expected = sorted(tasks, key=lambda task: (task.created_ms, task.id), reverse=True)
    assert await store.find([ListQuery(user)], soon()) == [expected]


@pytest_twisted.ensureDeferred
async def test_lists_of_several_users(store: ITaskStore, user: str) -> None:
    """Queries of one batch are answered as if each were alone, repeated ones too."""
    lists = {f"{user}/{who}": [new_task(f"{user}/{who}", minutes=-n) for n in range(who)] for who in range(4)}
    await store.add([task for tasks in lists.values() for task in tasks], soon())
    users = [f"{user}/{who}" for who in (3, 0, 1, 3, 2)]
    assert await store.find([ListQuery(one) for one in users], soon()) == [lists[one] for one in users]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("done", [None, False, True])
async def test_pages(store: ITaskStore, user: str, done: bool | None) -> None:
    """Pages cut the list at a limit and go on after a place in it, ties and filter included."""
    tasks = [new_task(user, str(number), number // 4, done=number % 3 == 0) for number in range(25)]
    await store.add(tasks, soon())
    wanted = sorted(
        (task for task in tasks if done is None or task.done == done),
        key=lambda task: (task.created_ms, task.id),
        reverse=True,
    )
    read: list[Task] = []
    after = None
    while True:
        (page,) = await store.find([ListQuery(user, 2, after, done)], soon())
        assert len(page) <= 2
        read += page
        if len(page) < 2:
            break
        after = Position(page[-1].created_ms, page[-1].id)
    assert read == wanted
    (rest,) = await store.find([ListQuery(user, None, Position(wanted[0].created_ms, wanted[0].id), done)], soon())
    assert rest == wanted[1:]


@pytest_twisted.ensureDeferred
async def test_pages_beside_lists(store: ITaskStore, user: str) -> None:
    """Lists and pages may share a batch."""
    tasks = [new_task(user, minutes=-number) for number in range(4)]
    await store.add(tasks, soon())
    queries = [ListQuery(user, 1), ListQuery(user), ListQuery(user, 2, Position(tasks[0].created_ms, tasks[0].id))]
    assert await store.find(queries, soon()) == [tasks[:1], tasks, tasks[1:3]]


@pytest_twisted.ensureDeferred
async def test_pages_of_several_users(store: ITaskStore, user: str) -> None:
    """Pages of one batch are answered as if each were alone, whatever their limits, places, filters and users."""
    users = [f"{user}/{number}" for number in range(4)]
    lists = [[new_task(one, minutes=-minute, done=minute % 2 == 0) for minute in range(6)] for one in users[:3]]
    await store.add([task for tasks in lists for task in tasks], soon())
    places = [Position(tasks[2].created_ms, tasks[2].id) for tasks in lists]
    queries = [
        *(ListQuery(one, limit) for one in users for limit in (1, 3, 1001)),
        *(ListQuery(one, 2, place) for one, place in zip(users, places, strict=False)),
        *(ListQuery(one, 400, done=done) for one in users for done in (True, False)),
        ListQuery(users[1]),
        ListQuery(users[0], None, places[0]),
        ListQuery(users[0], 2, places[1], True),
    ]
    alone = [(await store.find([query], soon()))[0] for query in queries]
    assert await store.find(queries, soon()) == alone
    assert alone[:3] == [lists[0][:1], lists[0][:3], lists[0]]
    assert alone[12] == lists[0][3:5]
    assert alone[15] == lists[0][::2]


@pytest_twisted.ensureDeferred
async def test_a_long_list(store: ITaskStore, user: str) -> None:
    """A list longer than what a database answers in one piece is whole."""
    tasks = [new_task(user, "x" * 1000, -number) for number in range(3000)]
    for start in range(0, len(tasks), 500):
        await store.add(tasks[start : start + 500], soon())
    assert await store.find([ListQuery(user)], soon()) == [tasks]
    assert await store.find([ListQuery(user, 1001)], soon()) == [tasks[:1001]]


@pytest_twisted.ensureDeferred
async def test_closed(store: ITaskStore, user: str) -> None:
    """After close every operation fails as one on a store that is unavailable; closing again does nothing."""
    await store.close()
    for operation, items in (
        (store.add, [new_task(user)]),
        (store.find, [ListQuery(user)]),
        (store.remove, [removal(new_task(user))]),
    ):
        with pytest.raises(StoreUnavailable):
            await operation(items, soon())


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("store", SCANNED_STORES, indirect=True)
async def test_scan(store: Any, user: str) -> None:
    """Every task of every user is found in the order of ids, a piece at a time, exactly once."""
    assert verifyObject(ITaskScan, store)
    # The highest ids there are, since a store may be shared with other tests.
    ids = [f"f{number:023x}" for number in range(2**92 - 7, 2**92)]
    just_below = "f" * 23 + "8"
    tasks = [new_task(f"{user} {number % 3}")._replace(id=task_id) for number, task_id in enumerate(ids)]
    assert await store.add(tasks[::-1], soon()) == tasks[::-1]
    try:
        assert await store.scan(just_below, 3, soon()) == tasks[:3]
        assert await store.scan(tasks[2].id, 4, soon()) == tasks[3:]
        assert await store.scan(tasks[2].id, 5, soon()) == tasks[3:]
        assert await store.scan(tasks[-1].id, 5, soon()) == []
        first = await store.scan(None, 2, soon())
        assert [task.id for task in first] == sorted(task.id for task in first)
        assert len(first) == 2
    finally:
        await store.remove([removal(task) for task in tasks], soon())
