"""What is particular to the store in MongoDB: its documents, its index, its batches, its log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.logger import LogEvent, globalLogPublisher

from tests.support.mongo_stores import CLOCK, MORNING, blocking, kept, new_database, new_task, opened, ref, soon
from tests.support.mongod import Mongod, ReplicaSet, eventually
from twisted_tasks.model import (
    FIRST_MS,
    LAST_MS,
    ListQuery,
    Position,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
    TaskRefused,
    TaskRemoval,
    to_milliseconds,
)
from twisted_tasks.service.storage.interface import StoreMisconfigured
from twisted_tasks.service.storage.mongo import documents, reads
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """What is logged at warn level and above."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"].name not in ("debug", "info"):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


@pytest_twisted.ensureDeferred
async def test_the_documents(shared_mongod: Mongod) -> None:
    """What is kept are the tutorial's documents, field for field."""
    database = new_database()
    task = Task(str(ObjectId()), "me", "tea", to_milliseconds(MORNING), False)
    async with opened(shared_mongod.uri, database=database) as store:
        await store.add([task], soon())
    expected = {"_id": ObjectId(task.id), "userId": "me", "name": "tea", "createdOn": MORNING.replace(tzinfo=None)}
    assert await blocking(kept, shared_mongod, database) == [{**expected, "done": False}]


@pytest_twisted.ensureDeferred
async def test_documents_of_the_tutorial(shared_mongod: Mongod) -> None:
    """What the tutorial's service wrote is read, listed, paged and changed, whatever it left out."""
    database = new_database()
    dates = [MORNING + timedelta(microseconds=456), datetime(1969, 1, 1, tzinfo=UTC), DatetimeMS(2**60), None]
    written = [{"_id": ObjectId(), "userId": "me", "name": str(number)} for number in range(len(dates))]
    for document, date in zip(written, dates, strict=True):
        if date is not None:
            document["createdOn"] = date
    odd = [{"_id": "mine", "userId": "me"}, {"_id": ObjectId(), "userId": 7}, {"_id": ObjectId()}]
    with shared_mongod.client() as client:
        client[database]["tasks"].insert_many([*written, *odd])
    async with opened(shared_mongod.uri, database=database) as store:
        ((*tasks,),) = await store.find([ListQuery("me")], soon())
        assert [task.name for task in tasks] == ["2", "0", "1", "3"]
        assert [task.done for task in tasks] == [False] * 4
        assert tasks[0].created_ms == LAST_MS
        assert tasks[1].created_on == MORNING
        assert tasks[3].created_ms == FIRST_MS
        paged: list[Task] = []
        after = None
        while True:
            (page,) = await store.find([ListQuery("me", 1, after, False)], soon())
            if not page:
                break
            paged += page
            after = Position(page[0].created_ms, page[0].id)
        assert paged == tasks
        (changed,) = await store.update([TaskChange(tasks[3].id, "me", None, True)], soon())
        assert changed == tasks[3]._replace(done=True, version=1, updated_ms=changed.updated_ms)
        others = await store.get([TaskRef(str(document["_id"]), "me") for document in odd[1:]], soon())
        assert [type(outcome) for outcome in others] == [TaskNotFound] * 2


@pytest_twisted.ensureDeferred
async def test_documents_that_are_no_tasks(shared_mongod: Mongod) -> None:
    """A document with another kind of id or user hides no task of a page, and breaks no list."""
    database = new_database()
    tasks = [{"_id": ObjectId(), "userId": "me", "createdOn": MORNING - timedelta(n), "done": n} for n in range(3)]
    odd = [{"_id": "mine", "userId": "me", "createdOn": MORNING}, {"userId": ["me", "you"], "createdOn": MORNING}]
    with shared_mongod.client() as client:
        client[database]["tasks"].insert_many([*odd, *tasks])
    expected = [str(task["_id"]) for task in tasks]
    async with opened(shared_mongod.uri, database=database) as store:
        queries = [ListQuery("me"), ListQuery("me", 3), ListQuery("me", 3, None, True), ListQuery("me", 3, None, False)]
        found = await store.find(queries, soon())
        # 1 is done, for those who have no booleans; other numbers are not.
        assert [[task.id for task in tasks] for tasks in found] == [expected, expected, expected[1:2], expected[::2]]
        assert [task.done for task in found[0]] == [False, True, False]
        assert await store.find([ListQuery("you")], soon()) == [[]]


@pytest_twisted.ensureDeferred
async def test_dates_as_they_sort(shared_mongod: Mongod) -> None:
    """Pages go on through documents without a date, which come last."""
    database = new_database()
    with shared_mongod.client() as client:
        client[database]["tasks"].insert_many([{"_id": ObjectId(), "userId": "me"} for _ in range(5)])
    async with opened(shared_mongod.uri, database=database) as store:
        (first,) = await store.find([ListQuery("me", 3)], soon())
        place = Position(first[-1].created_ms, first[-1].id)
        (second,) = await store.find([ListQuery("me", 3, place)], soon())
        assert len(first) == 3
        assert len(second) == 2
        assert (await store.find([ListQuery("me")], soon()))[0] == first + second


def winning_plans(explained: Any) -> list[Any]:
    """Return the plans MongoDB says that it follows, one for each query there is in a command."""
    if isinstance(explained, list):
        return [plan for part in explained for plan in winning_plans(part)]
    if not isinstance(explained, dict):
        return []
    found = [explained["winningPlan"]] if "winningPlan" in explained else []
    return found + winning_plans([part for key, part in explained.items() if key != "winningPlan"])


@pytest.mark.parametrize("servers", ["shared_mongod", "shared_replica_set"])
@pytest.mark.mongod
@pytest_twisted.ensureDeferred
async def test_the_index(servers: str, request: pytest.FixtureRequest) -> None:
    """The index is made in the background, and lists and pages use it."""
    server: Any = request.getfixturevalue(servers)
    database = new_database()
    async with opened(server.uri, database=database) as store:
        await store.add([new_task("me")], soon())
        place = Position(to_milliseconds(MORNING), "0" * 24)

        commands = [
            reads.find_users(["me"]),
            reads.find_users(["me", "you"]),
            reads.find_page(ListQuery("me", 10)),
            reads.find_page(ListQuery("me", 10, place, False)),
            reads.find_pages([ListQuery("me", 10), ListQuery("you", 10, place, False), ListQuery("they", 10)]),
        ]

        def used() -> bool:
            with server.client() as client:
                explained = [
                    client[database].command("explain", command, verbosity="queryPlanner") for command in commands
                ]
            plans = [[str(plan) for plan in winning_plans(one)] for one in explained]
            assert [len(found) for found in plans] == [1, 1, 1, 1, 3]
            return all(documents.INDEX.name in plan and "SORT'" not in plan for found in plans for plan in found)

        await blocking(eventually, "the index is used", used)
        with server.client() as client:
            found = client[database]["tasks"].index_information()[documents.INDEX.name]
        assert found["key"] == [("userId", 1), ("createdOn", -1), ("_id", -1)]


@pytest_twisted.ensureDeferred
async def test_pages_of_several_users_are_one_command(shared_mongod: Mongod) -> None:
    """Pages of many users take one trip; one that fails takes its batch with it, for whoever asked to divide."""
    database = new_database()
    users = [f"user {number}" for number in range(20)]
    async with opened(shared_mongod.uri, database=database) as store:
        tasks = [new_task(user, str(number)) for user in users for number in range(3)]
        await store.add(tasks, soon())
        queries = [ListQuery(user, 2) for user in users]
        asked = await blocking(commands_seen, shared_mongod)
        pages = await store.find(queries, soon())
        assert [[task.user_id for task in page] for page in pages] == [[user] * 2 for user in users]
        after = await blocking(commands_seen, shared_mongod)
        assert {name: after[name] - asked[name] for name in after} == {"find": 0, "aggregate": 1, "getMore": 0}
        await blocking(shared_mongod.fail, ["aggregate"], 1, errorCode=2)
        with pytest.raises(TaskRefused):
            await store.find([*queries, ListQuery(users[0])], soon())


def commands_seen(mongod: Mongod) -> dict[str, int]:
    """Return how often a server has been asked to read, so far, by each command."""
    counts = mongod.command("serverStatus")["metrics"]["commands"]
    return {name: counts[name]["total"] for name in ("find", "aggregate", "getMore")}


@pytest_twisted.ensureDeferred
async def test_an_index_that_cannot_be_made(shared_mongod: Mongod, logged: list[LogEvent]) -> None:
    """An index of somebody's that is in the way is told of once, and all works without ours."""
    database = new_database()
    with shared_mongod.client() as client:
        client[database]["tasks"].create_index([("createdOn", 1)], name=documents.INDEX.name)
    async with opened(shared_mongod.uri, database=database) as store:
        task = new_task()
        assert await store.add([task], soon()) == [task]
        await blocking(eventually, "it is told", lambda: logged)
    (event,) = logged
    assert "cannot be made" in event["log_format"]


@pytest_twisted.ensureDeferred
async def test_a_write_concern_nobody_can_meet(shared_replica_set: ReplicaSet) -> None:
    """A write concern of more members than there are, or of an unknown name, is an error at the start."""
    for concern in ("5", "no-such-mode"):
        options = MongoOptions(shared_replica_set.uri, database=new_database(), write_concern=concern)
        store = MongoStore(options, reactor, CLOCK)
        with pytest.raises(StoreMisconfigured, match="MongoDB refuses to work"):
            await store.open()
        await store.close()


@pytest_twisted.ensureDeferred
async def test_a_unique_index_of_somebodys(shared_mongod: Mongod) -> None:
    """A task that a unique index of somebody's refuses fails by itself, and is not taken for one that is there."""
    database = new_database()
    with shared_mongod.client() as client:
        client[database]["tasks"].create_index([("name", 1)], unique=True)
    async with opened(shared_mongod.uri, database=database) as store:
        tasks = [new_task("me", "tea"), new_task("me", "tea"), new_task("me", "milk")]
        first, second, third = await store.add(tasks, soon())
        assert [first, third] == [tasks[0], tasks[2]]
        assert isinstance(second, TaskRefused)


@pytest.mark.parametrize("servers", ["shared_mongod", "shared_replica_set"])
@pytest.mark.mongod
@pytest_twisted.ensureDeferred
async def test_removing_one_task_many_times(servers: str, request: pytest.FixtureRequest) -> None:
    """Of many who remove a task at once, in one batch or several, from one daemon or two, one is told that it did."""
    server: Any = request.getfixturevalue(servers)
    database = new_database()
    async with opened(server.uri, database=database) as one, opened(server.uri, database=database) as other:
        for _ in range(10):
            tasks = [new_task("me") for _ in range(4)]
            await one.add(tasks, soon())
            removals = [TaskRemoval(*ref(task)) for task in (*tasks, tasks[0])]
            calls = [store.remove(removals, soon()) for store in (one, other) for _ in range(3)]
            results = await gatherResults(calls)
            for number in range(4):
                places = (number, 4) if number == 0 else (number,)
                outcomes = [result[place] for result in results for place in places]
                assert outcomes.count(None) == 1


@pytest_twisted.ensureDeferred
async def test_a_task_added_behind_an_update(shared_mongod: Mongod) -> None:
    """Of a batch, a task that another daemon adds after it was looked for is changed, or told to be missing."""
    database = new_database()
    there, late = new_task("me"), new_task("me", "late")
    with shared_mongod.client() as client:
        tasks = client[database]["tasks"]

        def add_late() -> None:
            # Not by "find", which the store is held up in.
            eventually("the first is changed", lambda: list(tasks.aggregate([{"$match": {"done": True}}])))
            tasks.insert_one(documents.to_document(late))

        async with opened(shared_mongod.uri, database=database) as store:
            await store.add([there], soon())
            shared_mongod.fail(["find"], blockConnection=True, blockTimeMS=1000)
            updated = store.update([TaskChange(task.id, "me", None, True) for task in (there, late)], soon())
            await blocking(add_late)
            outcome = (await updated)[1]
            (now,) = await store.get([ref(late)], soon())
    changed = late._replace(done=True, version=1, updated_ms=now.updated_ms)
    assert outcome == now == changed or (isinstance(outcome, TaskNotFound) and now == late)


@pytest_twisted.ensureDeferred
async def test_a_batch_of_the_largest(shared_mongod: Mongod) -> None:
    """Batches of the longest names and users there are go through, and come back."""
    tasks = [new_task("🧑" * 256, "🫖" * 4096) for _ in range(600)]
    async with opened(shared_mongod.uri, database=new_database()) as store:
        assert await store.add(tasks, soon()) == tasks
        assert await store.get([ref(task) for task in tasks], soon()) == tasks
        ((*listed,),) = await store.find([ListQuery(tasks[0].user_id)], soon())
        assert sorted(listed) == sorted(tasks)


@pytest_twisted.ensureDeferred
async def test_the_log_has_the_cause_once(mongod: Mongod, logged: list[LogEvent]) -> None:
    """However many calls fail for one cause, the log has a few lines about it, and no user's data."""
    async with opened(mongod.uri, database=new_database()) as store:
        await blocking(mongod.kill)
        calls = [store.add([new_task("user-secret", "name-secret")], soon(0.5)) for _ in range(200)]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call
    assert 1 <= len(logged) <= 6
    assert "secret" not in str(logged)
