"""What other programs have written into the collection, and what it does to the tasks beside it: nothing.

Covers `service.storage.mongo.skipped`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest
import pytest_twisted
from bson import Binary, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from twisted.logger import LogEvent, globalLogPublisher

from tests.support.mongo_stores import MORNING, blocking, new_database, new_task, opened, ref, soon
from tests.support.mongod import Mongod
from twisted_tasks.model import (
    ALWAYS,
    FIRST_MS,
    LAST_MS,
    Condition,
    ListQuery,
    Position,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
    TaskRefused,
    TaskRemoval,
    VersionConflict,
)
from twisted_tasks.service.storage.mongo.store import MongoStore


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


def with_bytes(document: dict[str, Any], place: bytes, bad: bytes) -> RawBSONDocument:
    """Return a document in which bytes of the same length stand in the place of others."""
    raw = bson.encode(document)
    assert raw.count(place) == 1
    assert len(place) == len(bad)
    return RawBSONDocument(raw.replace(place, bad))


async def put(mongod: Mongod, database: str, *documents: Any) -> None:
    """Write documents as another program does."""

    def insert() -> None:
        with mongod.client() as client:
            client[database]["tasks"].insert_many(documents)

    await blocking(insert)


async def paged(store: MongoStore, size: int, done: bool | None = None) -> list[Task]:
    """Return the list of `me`, asked for page by page."""
    tasks: list[Task] = []
    after = None
    while True:
        (page,) = await store.find([ListQuery("me", size + 1, after, done)], soon())
        assert isinstance(page, list)
        tasks += page[:size]
        if len(page) <= size:
            return tasks
        after = Position(page[size - 1].created_ms, page[size - 1].id)


# A document's contents are not a broken connection.

BAD: list[tuple[dict[str, Any], bytes, bytes]] = [
    ({"name": "cafe"}, b"cafe", b"caf\xe9"),
    ({"name": "tea", "foreign": "cafe"}, b"cafe", b"caf\xe9"),
    ({"name": "tea", "cafe": 1}, b"cafe", b"caf\xe9"),
    ({"name": "tea", "foreign": {"cafe": 1}}, b"cafe", b"caf\xe9"),
    ({"name": {"within": ["cafe"]}}, b"cafe", b"caf\xe9"),
    ({"name": Regex("cafe")}, b"cafe", b"caf\xe9"),
    ({"name": Binary(b"cafe", 128)}, b"\x80cafe", b"\x04cafe"),
    ({"name": "tea", "createdOn": "cafe"}, b"cafe", b"caf\xe9"),
    ({"name": "tea", "notes": "cafe"}, b"cafe", b"caf\xe9"),
]


@pytest.mark.parametrize(("fields", "place", "bad"), BAD, ids=lambda value: str(value)[:40])
@pytest_twisted.ensureDeferred
async def test_contents_are_no_broken_connection(
    fields: dict[str, Any], place: bytes, bad: bytes, shared_mongod: Mongod
) -> None:
    """A document that holds what cannot be decoded is listed, read, changed and removed like the ones beside it."""
    database = new_database()
    odd = {"_id": ObjectId(), "userId": "me", "createdOn": MORNING, **fields}
    async with opened(shared_mongod.uri, database=database) as store:
        fine = new_task("me")
        await store.add([fine], soon())
        await put(shared_mongod, database, with_bytes(odd, place, bad))
        before = store.state()
        ((*listed,),) = await store.find([ListQuery("me")], soon())
        assert {task.id for task in listed} == {fine.id, str(odd["_id"])}
        assert await paged(store, 1) == listed
        odd_ref = TaskRef(str(odd["_id"]), "me")
        assert (await store.get([odd_ref, ref(fine)], soon()))[1] == fine
        changes = [TaskChange(odd_ref.id, "me", done=True), TaskChange(fine.id, "me", done=True)]
        for batch in (changes[:1], changes):
            assert all(isinstance(outcome, Task) for outcome in await store.update(batch, soon()))
        assert [task.id for task in await store.scan(None, 10, soon())] == sorted([fine.id, odd_ref.id])
        assert await store.remove([TaskRemoval(*odd_ref)], soon()) == [None]
        after = store.state()
    assert (after.opened, after.retries, after.timeouts) == (before.opened, before.retries, before.timeouts)


@pytest_twisted.ensureDeferred
async def test_a_damaged_user_is_nobody(shared_mongod: Mongod, logged: list[LogEvent]) -> None:
    """A document whose userId is damaged is nobody's, not even that user's whose name the damage looks like."""
    database = new_database()
    odd = {"_id": ObjectId(), "userId": "cafe", "name": "tea", "createdOn": MORNING}
    await put(shared_mongod, database, with_bytes(odd, b"cafe", b"caf\xe9"))
    async with opened(shared_mongod.uri, database=database) as store:
        genuine = new_task("caf\ufffd")
        assert await store.add([genuine], soon()) == [genuine]
        assert await store.scan(None, 10, soon()) == [genuine]
        assert await store.find([ListQuery("caf\ufffd")], soon()) == [[genuine]]
        assert isinstance((await store.get([TaskRef(str(odd["_id"]), "caf\ufffd")], soon()))[0], TaskNotFound)
    (event,) = logged
    assert str(odd["_id"]) in event["id"]


@pytest_twisted.ensureDeferred
async def test_foreign_fields_stay_where_they_are(shared_mongod: Mongod) -> None:
    """What other programs keep in a document is not fetched, by any operation, and outlives a change."""
    database = new_database()
    odd = {"_id": ObjectId(), "userId": "me", "createdOn": MORNING, "foreign": "x" * 1_000_000}
    await put(shared_mongod, database, odd)
    async with opened(shared_mongod.uri, database=database) as store:
        sizes: list[int] = []
        for connection in store._database.client.pool.checkout.ready:
            received = connection.dataReceived
            connection.dataReceived = lambda data, go_on=received: (sizes.append(len(data)), go_on(data))[1]
        odd_ref = TaskRef(str(odd["_id"]), "me")
        await store.find([ListQuery("me")], soon())
        await store.find([ListQuery("me", 5), ListQuery("you", 5)], soon())
        await store.get([odd_ref], soon())
        await store.scan(None, 10, soon())
        await store.update([TaskChange(odd_ref.id, "me", done=True)], soon())
        await store.update([TaskChange(odd_ref.id, "me", done=True), TaskChange(new_task().id, "me", "x")], soon())
        await store.add([new_task("me")._replace(id=odd_ref.id)], soon())
        assert sum(sizes) < 100_000

    def foreign() -> int:
        with shared_mongod.client() as client:
            return len(client[database]["tasks"].find_one({"_id": odd["_id"]})["foreign"])

    assert await blocking(foreign) == 1_000_000


# The end of a walk is where the documents end.


@pytest.mark.parametrize(
    "odd",
    [
        {"userId": ["me", "you"]},
        {"userId": 7},
        {},
        {"userId": "me", "createdOn": [MORNING]},
        {"userId": {"me": 1}},
    ],
    ids=str,
)
@pytest_twisted.ensureDeferred
async def test_a_walk_ends_with_the_documents(
    odd: dict[str, Any], shared_mongod: Mongod, logged: list[LogEvent]
) -> None:
    """Documents that cannot be tasks make no piece of a walk shorter, wherever they are; each is named once."""
    database = new_database()
    ids = [ObjectId(f"{number:024x}") for number in range(30)]
    strange = {ids[0], ids[10], ids[11], ids[19], ids[29]}
    documents = [{"_id": one, **(odd if one in strange else {"userId": "me", "createdOn": MORNING})} for one in ids]
    await put(shared_mongod, database, *documents, {"_id": "another", "userId": "me"})
    async with opened(shared_mongod.uri, database=database) as store:
        for _ in range(2):
            walked: list[str] = []
            while True:
                piece = await store.scan(walked[-1] if walked else None, 5, soon())
                walked += [task.id for task in piece]
                if len(piece) < 5:
                    break
            assert walked == [str(one) for one in ids if one not in strange]
    named = [event["id"] for event in logged]
    assert len(named) == len(set(named)) == len(strange) + 1


# The pages together are the list.

DAY = timedelta(days=1)
WEIRD = [
    "2026-11-25T09:30:00Z",
    "",
    None,
    7,
    1.5,
    True,
    {"a": 1},
    Regex("a"),
    Timestamp(1, 1),
    MaxKey(),
    ObjectId(),
    DatetimeMS(FIRST_MS),
    DatetimeMS(FIRST_MS - 1),
    DatetimeMS(-(2**62)),
    DatetimeMS(LAST_MS),
    DatetimeMS(LAST_MS + 1),
    DatetimeMS(2**62),
    [MORNING],
    [MORNING - DAY, MORNING + DAY],
    [],
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("usual", [0, 5], ids=["only these", "among others"])
@pytest_twisted.ensureDeferred
async def test_the_pages_are_the_list(size: int, usual: int, shared_mongod: Mongod) -> None:
    """Pages of any size bring the list, in its order, whatever dates the documents have."""
    database = new_database()
    dates: list[Any] = [value for value in WEIRD for _ in range(2)]
    dates += [MORNING + number * DAY for number in range(-usual, usual)]
    documents = [
        {"_id": ObjectId(), "userId": "me", "createdOn": date, "done": n % 3 == 0} for n, date in enumerate(dates)
    ]
    documents.append({"_id": ObjectId(), "userId": "me"})
    await put(shared_mongod, database, *documents)
    async with opened(shared_mongod.uri, database=database) as store:
        ((*listed,),) = await store.find([ListQuery("me")], soon())
        assert {task.id for task in listed} == {
            str(document["_id"]) for document in documents if type(document.get("createdOn")) is not list
        }
        assert listed == sorted(listed, key=lambda task: (task.created_ms, task.id), reverse=True)
        assert await paged(store, size) == listed
        for done in (True, False):
            assert await paged(store, size, done) == [task for task in listed if task.done is done]


@pytest_twisted.ensureDeferred
async def test_dates_as_text(shared_mongod: Mongod) -> None:
    """A list whose dates are all text comes whole in pages."""
    database = new_database()
    moments = [datetime(2026, 1, 1) + number * DAY for number in range(10)]
    await put(
        shared_mongod, database, *({"_id": ObjectId(), "userId": "me", "createdOn": one.isoformat()} for one in moments)
    )
    async with opened(shared_mongod.uri, database=database) as store:
        assert len(await paged(store, 3)) == 10


@pytest.mark.parametrize(
    "value",
    [1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.0"), Decimal128("sNaN"), [True], [0, 1], 2, "1", [], [[1]]],
)
@pytest_twisted.ensureDeferred
async def test_done_is_what_pages_take_for_done(value: Any, shared_mongod: Mongod) -> None:
    """A task is on the pages of those that are done if it is done, whatever its document has for it."""
    database = new_database()
    await put(shared_mongod, database, {"_id": ObjectId(), "userId": "me", "createdOn": MORNING, "done": value})
    async with opened(shared_mongod.uri, database=database) as store:
        (task,) = await paged(store, 5)
        assert await paged(store, 5, done=task.done) == [task]
        assert await paged(store, 5, done=not task.done) == []


# What is no version costs neither its task nor those beside it anything.

NUMBERS = [7, 2.5, 1e300, float("inf"), float("nan"), -3, Decimal128("3"), Decimal128("sNaN"), Int64(2**63 - 1), True]


@pytest.mark.parametrize("version", [*NUMBERS, "3", [3], {"a": 3}], ids=str)
@pytest_twisted.ensureDeferred
async def test_odd_versions(version: Any, shared_mongod: Mongod) -> None:
    """A document with anything for a version is changed or refused at once, and removed, like the one beside it."""
    database = new_database()
    odd = {"_id": ObjectId(), "userId": "me", "createdOn": MORNING, "version": version}
    await put(shared_mongod, database, odd)
    async with opened(shared_mongod.uri, database=database) as store:
        fine = new_task("me")
        await store.add([fine], soon())
        (there,) = await store.get([TaskRef(str(odd["_id"]), "me")], soon())
        assert isinstance(there, Task)
        conditions = [ALWAYS, Condition(version=there.version)]
        for condition in conditions:
            changes = [TaskChange(there.id, "me", done=True, condition=condition), TaskChange(fine.id, "me", done=True)]
            changed, beside = await store.update(changes, soon())
            assert isinstance(beside, Task)
            assert isinstance(changed, Task | TaskRefused | VersionConflict)
        assert await store.remove([TaskRemoval(there.id, "me"), TaskRemoval(fine.id, "me")], soon()) == [None, None]
        assert await store.find([ListQuery("me")], soon()) == [[]]
        assert store.state().retries == 0


# Texts are equal when they are the same.


@pytest_twisted.ensureDeferred
async def test_a_collection_with_a_collation(shared_mongod: Mongod) -> None:
    """In a collection by whose collation `abC` equals `ABC`, no user reads, changes or removes what is another's."""
    database = new_database()
    with shared_mongod.client() as client:
        client[database].create_collection("tasks", collation={"locale": "en", "strength": 2})
    async with opened(shared_mongod.uri, database=database) as store:
        task, other = new_task("abC"), new_task("other")
        assert await store.add([task, other], soon()) == [task, other]
        for queries in (
            [ListQuery("ABC")],
            [ListQuery("ABC", 5)],
            [ListQuery("ABC"), ListQuery("ABc")],
            [ListQuery("ABC", 5), ListQuery("ABc", 5)],
            [ListQuery("ABC", 5, Position(LAST_MS, "f" * 24))],
        ):
            assert await store.find(queries, soon()) == [[]] * len(queries)
        outcomes = [
            *await store.get([TaskRef(task.id, "ABC")], soon()),
            *await store.get([TaskRef(task.id, "ABC"), TaskRef(other.id, "OTHER")], soon()),
            *await store.update([TaskChange(task.id, "ABC", "mine")], soon()),
            *await store.update([TaskChange(task.id, "ABC", "mine"), TaskChange(other.id, "OTHER", "mine")], soon()),
            *await store.remove([TaskRemoval(task.id, "ABC")], soon()),
            *await store.remove([TaskRemoval(task.id, "ABC"), TaskRemoval(other.id, "OTHER")], soon()),
            *await store.add([task._replace(user_id="ABC")], soon()),
        ]
        assert [type(outcome) for outcome in outcomes] == [TaskNotFound] * len(outcomes)
        assert await store.find([ListQuery("abC"), ListQuery("other")], soon()) == [[task], [other]]


# What is nobody's is nobody's for every call.


@pytest.mark.parametrize(
    "odd",
    [{"userId": ["u", "z"]}, {"userId": ["u"]}, {"userId": [["u"]]}, {"userId": "u", "createdOn": [MORNING]}],
    ids=str,
)
@pytest_twisted.ensureDeferred
async def test_nobodys(odd: dict[str, Any], shared_mongod: Mongod) -> None:
    """A document of several users, or without a place in a list, is not found, changed or removed by anybody."""
    database = new_database()
    document = {"_id": ObjectId(), "name": "ours", "createdOn": MORNING, **odd}
    await put(shared_mongod, database, document)
    task_id = str(document["_id"])
    async with opened(shared_mongod.uri, database=database) as store:
        mine = new_task("u")
        await store.add([mine], soon())
        outcomes = [
            *await store.get([TaskRef(task_id, "u")], soon()),
            *await store.update([TaskChange(task_id, "u", "mine")], soon()),
            *(await store.update([TaskChange(task_id, "u", "mine"), TaskChange(mine.id, "u", "still mine")], soon()))[
                :1
            ],
            *await store.remove([TaskRemoval(task_id, "u")], soon()),
            *await store.remove([TaskRemoval(task_id, "u"), TaskRemoval(task_id, "z")], soon()),
            *await store.add([mine._replace(id=task_id)], soon()),
        ]
        assert [type(outcome) for outcome in outcomes] == [TaskNotFound] * len(outcomes)
        ((*listed,),) = await store.find([ListQuery("u")], soon())
        assert [task.id for task in listed] == [mine.id]

    def now() -> Any:
        with shared_mongod.client() as client:
            return client[database]["tasks"].find_one({"_id": document["_id"]})

    found = await blocking(now)
    assert found["name"] == "ours"
    assert found.keys() == document.keys()
