"""What the database refuses for good, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.logger import LogEvent, globalLogPublisher

from tests.support.mongo_stores import CLOCK, blocking, new_database, new_task, opened, soon
from tests.support.mongod import Mongod
from twisted_tasks.cli.doctor.mongo import examine
from twisted_tasks.model import Condition, Task, TaskChange, TaskRefused
from twisted_tasks.service.storage.interface import StoreMisconfigured
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


def unique_name(database: Any) -> None:
    database["tasks"].create_index([("name", 1)], unique=True)


def short_names(database: Any) -> None:
    schema = {"properties": {"name": {"maxLength": 10}}}
    database.create_collection("tasks", validator={"$jsonSchema": schema})


def few_fields(database: Any) -> None:
    names = ("_id", "userId", "name", "createdOn", "done")
    schema = {"properties": {key: {} for key in names}, "additionalProperties": False}
    database.create_collection("tasks", validator={"$jsonSchema": schema})


def capped(database: Any) -> None:
    database.create_collection("tasks", capped=True, size=100_000)


def view(database: Any) -> None:
    database.create_collection("tasks", viewOn="others", pipeline=[])


SET_UPS = [
    (unique_name, "name_1"),
    (short_names, "validator"),
    (few_fields, "validator"),
    (capped, "capped"),
    (view, "view"),
]


class Recorder:
    """Remembers what a check-up finds wrong."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def ok(self, about: str, text: str) -> None:
        """Something is as it should be."""

    def note(self, about: str, text: str, advice: str = "") -> None:
        """Something works, and its owner may want to know."""

    def wrong(self, about: str, text: str, advice: str = "") -> None:
        """Something does not work."""
        self.found.append(text)


@pytest.mark.parametrize(("set_up", "named"), SET_UPS, ids=lambda value: getattr(value, "__name__", ""))
@pytest_twisted.ensureDeferred
async def test_what_will_be_refused(set_up: Callable[[Any], None], named: str, shared_mongod: Mongod) -> None:
    """`--check-config` and the doctor name what somebody has set up that refuses tasks."""
    name = new_database()
    with shared_mongod.client() as client:
        set_up(client[name])
    options = MongoOptions(shared_mongod.uri, database=name)
    with pytest.raises(StoreMisconfigured, match=named):
        await MongoStore(options, reactor, CLOCK).check(soon())
    findings: Any = Recorder()
    await blocking(examine, options, findings)
    assert any(named in text for text in findings.found), findings.found


@pytest_twisted.ensureDeferred
async def test_nothing_will_be_refused(shared_mongod: Mongod) -> None:
    """A validator that lets all tasks in, one that only warns, and an index of ours, are no findings."""
    harmless: list[dict[str, Any]] = [
        {"validator": {"name": {"$type": "string"}}},
        {"validator": {"x": 1}, "validationAction": "warn"},
    ]
    for options in harmless:
        name = new_database()
        with shared_mongod.client() as client:
            client[name].create_collection("tasks", **options)
            client[name]["tasks"].create_index([("userId", 1), ("_id", 1)], unique=True)
        assert "works" in await MongoStore(MongoOptions(shared_mongod.uri, database=name), reactor, CLOCK).check(soon())


@pytest_twisted.ensureDeferred
async def test_a_validator(shared_mongod: Mongod, logged: list[LogEvent]) -> None:
    """A task that a validator refuses fails by itself, with a code that is not repeated; the log says which field."""
    name = new_database()
    with shared_mongod.client() as client:
        short_names(client[name])
    async with opened(shared_mongod.uri, database=name) as store:
        before = store.state().retries
        fine, long = new_task("me", "tea"), new_task("me", "secret " * 5)
        added = await store.add([fine, long], soon())
        assert added[0] == fine
        change = TaskChange(fine.id, "me", long.name)
        outcomes = [
            added[1],
            (await store.update([change], soon()))[0],
            (await store.update([change, TaskChange(fine.id, "you", "x")], soon()))[0],
            (await store.update([change._replace(condition=Condition(0))], soon()))[0],
        ]
        assert [type(outcome) for outcome in outcomes] == [TaskRefused] * 4
        assert TaskRefused.code == 500
        assert store.state().retries == before
        assert isinstance((await store.update([TaskChange(fine.id, "me", "milk")], soon()))[0], Task)
    said = [str(event["cause"]) for event in logged]
    assert said
    assert all("failed validation (name)" in cause for cause in said)
    assert "secret" not in str(said)
