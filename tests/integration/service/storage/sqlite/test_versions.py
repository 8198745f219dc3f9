"""Versions, removed tasks and changes in an SQLite file: upgrades, time, followers.

Covers `service.storage.sqlite.upkeep`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs

from tests.support.following import apply, living
from twisted_tasks.model import (
    ALWAYS,
    ChangesQuery,
    Condition,
    ListQuery,
    RemovedTask,
    StoredTask,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    VersionConflict,
    digest,
)
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.sqlite.connection import SqliteConnection
from twisted_tasks.ops.sqlite.schema import Schema
from twisted_tasks.service.storage.interface import StoreMisconfigured
from twisted_tasks.service.storage.memory import MemoryStore
from twisted_tasks.service.storage.sqlite import change_log, reads, writes
from twisted_tasks.service.storage.sqlite.rows import Step
from twisted_tasks.service.storage.sqlite.schema import SCHEMA
from twisted_tasks.service.storage.sqlite.store import SqliteStore

CLOCK = MonotonicClock(reactor)
DAY_MS = 24 * 3600 * 1000
NOON = 1_795_608_000_000


def soon() -> float:
    return CLOCK.seconds() + 30


def task(number: int, user: str = "me", name: str = "tea", **fields: Any) -> Task:
    return Task(f"{number:024x}", user, name, NOON, False, **{"version": NOON, **fields})


def file_of_version_1(path: Path, count: int) -> list[Task]:
    """Make a file as the code of version 1 did, and return what is in it."""
    old = [task(number, f"user {number % 3}", f"task {number}", version=0) for number in range(count)]
    steps = resources.files("twisted_tasks.service.storage.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(steps.joinpath("0001_tasks.sql").read_text("utf-8"))
        connection.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, ?)", [one[:5] for one in old])
        connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    return old


async def follow(store: Any, user: str, known: dict[str, Any], sync: str | None, limit: int = 1000) -> str:
    """Bring what is known up to date, as a follower does, and return the new token."""
    while True:
        (answer,) = await store.changes([ChangesQuery(user, sync, limit)], soon())
        apply(known, answer)
        sync = answer.sync
        if not answer.more:
            return answer.sync  # type: ignore[no-any-return]


# The upgrade.


@pytest_twisted.ensureDeferred
async def test_an_upgrade(tmp_path: Path) -> None:
    """A file of version 1 keeps its tasks, which have version 0, and can be followed from the beginning."""
    path = tmp_path / "tasks.sqlite3"
    old = file_of_version_1(path, 25)
    assert "a start will bring it to 2" in SCHEMA.check(str(path))
    store = SqliteStore(str(path), reactor, CLOCK)
    with capturedLogs() as events:
        await store.open()
    formats = [event["log_format"] for event in events if "sqlite" in event["log_namespace"]]
    assert "upgrading the SQLite file" in formats[0]
    assert "was upgraded in" in formats[1]
    assert await store.get([TaskRef(one.id, one.user_id) for one in old], soon()) == old
    known: dict[str, Any] = {}
    sync = await follow(store, "user 0", known, None, 2)
    assert sorted(known.values()) == [one for one in old if one.user_id == "user 0"]
    (changed,) = await store.update(
        [TaskChange(old[0].id, "user 0", done=True, condition=Condition(version=0))], soon()
    )
    assert changed.version == 1  # type: ignore[union-attr]
    (answer,) = await store.changes([ChangesQuery("user 0", sync)], soon())
    assert answer.tasks == [changed]  # type: ignore[union-attr]
    await store.close()
    again = SqliteStore(str(path), reactor, CLOCK)
    await again.open()
    assert await again.get([TaskRef(old[1].id, "user 1")], soon()) == [old[1]]
    await again.close()


@pytest_twisted.ensureDeferred
async def test_an_upgrade_waits_for_another(tmp_path: Path) -> None:
    """Of two processes that start at once one upgrades, and the other waits, however long that takes."""
    path = tmp_path / "tasks.sqlite3"
    old = file_of_version_1(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = SqliteStore(str(path), reactor, CLOCK)
        opened = store.open()
        await deferLater(reactor, 2.5, lambda: None)  # type: ignore[arg-type]  # longer than it waits at once
        assert not opened.called
        other.execute("COMMIT")
    await opened
    assert await store.get([TaskRef(old[0].id, "user 0")], soon()) == [old[0]]
    await store.close()


@pytest_twisted.ensureDeferred
async def test_closed_while_it_upgrades(tmp_path: Path) -> None:
    """A daemon that is told to stop does not wait for an upgrade; the file stays as it was."""
    path = tmp_path / "tasks.sqlite3"
    file_of_version_1(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store = SqliteStore(str(path), reactor, CLOCK)
        opened = store.open()
        await store.close()
        with pytest.raises(StoreMisconfigured, match="stopped"):
            await opened
        other.execute("COMMIT")
        assert other.execute("PRAGMA user_version").fetchone() == (1,)


@pytest_twisted.ensureDeferred
async def test_older_code_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that knows version 1 alone refuses an upgraded file, with its reason."""
    path = tmp_path / "tasks.sqlite3"
    store = SqliteStore(str(path), reactor, CLOCK)
    await store.open()
    await store.close()
    monkeypatch.setattr(Schema, "steps", lambda schema: [(1, "")])
    with pytest.raises(StoreMisconfigured, match="it has version 2, and this release knows versions up to 1"):
        await SqliteStore(str(path), reactor, CLOCK).open()


@pytest_twisted.ensureDeferred
async def test_the_index_of_changes(tmp_path: Path) -> None:
    """The index that `changes` needs is made when it is first asked, so that others do not pay for it."""
    path = tmp_path / "tasks.sqlite3"

    def indexes() -> set[str]:
        with closing(sqlite3.connect(path)) as connection:
            return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")}

    store = SqliteStore(str(path), reactor, CLOCK)
    await store.open()
    await store.add([task(1)], soon())
    assert "tasks_by_change" not in indexes()
    await store.changes([ChangesQuery("me")], soon())
    assert "tasks_by_change" in indexes()
    await store.close()


# How long removed tasks are known.


@pytest_twisted.ensureDeferred
async def test_removed_tasks_are_kept_for_days(tmp_path: Path) -> None:
    """A removed task can be restored for as many days as it is kept; later old tokens begin anew."""
    now = NOON
    store = SqliteStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK, 3, lambda: now)
    await store.open()
    old, new = task(1), task(2)
    await store.add([old, new], soon())
    known: dict[str, Any] = {}
    before = await follow(store, "me", known, None)
    await store.remove([TaskRemoval(old.id, "me")], soon())
    between = await follow(store, "me", known, before)
    now += 3 * DAY_MS
    await store.remove([TaskRemoval(new.id, "me")], soon())
    assert isinstance((await store.restore([TaskRef(old.id, "me")], soon()))[0], Task)
    await store.remove([TaskRemoval(old.id, "me")], soon())
    now += 3 * DAY_MS + 1
    refs = [TaskRef(one.id, "me") for one in (old, new)]
    assert [type(outcome) for outcome in await store.restore(refs, soon())] == [TaskNotFound] * 2
    await store.close()
    store = SqliteStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK, 3, lambda: now)
    await store.open()
    for _ in range(100):  # it forgets beside the calls
        (answer,) = await store.changes([ChangesQuery("me", between)], soon())
        if answer.reset:  # type: ignore[union-attr]
            break
        await deferLater(reactor, 0.05, lambda: None)  # type: ignore[arg-type]
    assert (answer.tasks, answer.removed, answer.reset) == ([], [], True)  # type: ignore[union-attr]
    await store.close()
    with closing(sqlite3.connect(tmp_path / "tasks.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM removed_tasks").fetchone() == (0,)


@pytest_twisted.ensureDeferred
async def test_contents_are_not_kept(tmp_path: Path) -> None:
    """With 0 days nothing of a removed task can be read in the file, and changes tell of it all the same."""
    path = tmp_path / "tasks.sqlite3"
    store = SqliteStore(str(path), reactor, CLOCK, 5)
    await store.open()
    secrets = [task(number, name=f"secret {number}", notes="secret") for number in range(3)]
    await store.add(secrets, soon())
    (first,) = await store.changes([ChangesQuery("me")], soon())
    await store.remove([TaskRemoval(secrets[0].id, "me")], soon())
    await store.close()
    store = SqliteStore(str(path), reactor, CLOCK, 0)
    await store.open()
    await store.remove([TaskRemoval(one.id, "me", Condition(key=digest("k", "me"))) for one in secrets[1:]], soon())
    refs = [TaskRef(one.id, "me") for one in secrets]
    assert [type(outcome) for outcome in await store.restore(refs, soon())] == [TaskNotFound] * 3
    again = TaskRemoval(secrets[1].id, "me", Condition(key=digest("k", "me")))
    assert await store.remove([again], soon()) == [None]
    (answer,) = await store.changes([ChangesQuery("me", first.sync)], soon())  # type: ignore[union-attr]
    assert answer.removed == [RemovedTask(one.id, one.version + 1) for one in secrets]  # type: ignore[union-attr]
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM removed_tasks").fetchall()
    assert len(rows) == 3
    assert "secret" not in repr(rows)


@pytest_twisted.ensureDeferred
async def test_a_token_of_another_file(tmp_path: Path) -> None:
    """A token of one file says nothing to another, though their numbers are alike."""
    stores = [SqliteStore(str(tmp_path / name), reactor, CLOCK) for name in ("one", "other")]
    for store in stores:
        await store.open()
        await store.add([task(1)], soon())
    (mine,) = await stores[0].changes([ChangesQuery("me")], soon())
    (answer,) = await stores[1].changes([ChangesQuery("me", mine.sync)], soon())  # type: ignore[union-attr]
    assert (answer.tasks, answer.reset) == ([task(1)], True)  # type: ignore[union-attr]
    for store in stores:
        await store.close()


# Against the model: the store in memory.

IDS = [f"{number:024x}" for number in range(4)]
ids = st.sampled_from(IDS)
users = st.sampled_from(["me", "me", "me", "you"])
conditions = st.one_of(
    st.just(ALWAYS),
    st.builds(Condition, st.none() | st.integers(0, 12), st.none() | st.sampled_from(["k", "l"])),
)
adds = st.builds(
    lambda task_id, user, name, at, notes: Task(task_id, user, name, at, False, at, None, notes),
    ids,
    users,
    st.sampled_from(["", "tea"]),
    st.integers(1, 3),
    st.sampled_from([None, "n"]),
)
texts = st.none() | st.sampled_from(["", "x"])
writes_of_all_kinds = st.one_of(
    st.tuples(st.just("add"), adds),
    st.tuples(
        st.just("update"),
        st.builds(TaskChange, ids, users, texts, st.none() | st.booleans(), texts, texts, texts, conditions),
    ),
    st.tuples(st.just("remove"), st.builds(TaskRemoval, ids, users, conditions)),
    st.tuples(st.just("restore"), st.builds(TaskRef, ids, users)),
    st.tuples(st.just("remove_all"), users),
    st.tuples(
        st.just("put"),
        st.builds(lambda task, removed: StoredTask(task, (), removed), adds, st.none() | st.integers(1, 9)),
    ),
)
batches = st.lists(writes_of_all_kinds, min_size=1, max_size=4)


class Direct:
    """The functions that a store runs in its threads, on a database in memory."""

    def __init__(self) -> None:
        self.now = 100
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
        SCHEMA.prepare(self.connection)
        writes.index_changes(self.connection.cursor())  # type: ignore[arg-type]

        def at(step: Callable[..., Any], **more: Any) -> Callable[..., Any]:
            return lambda cursor, items: step(cursor, items, **{key: value() for key, value in more.items()})

        self.steps: dict[str, Callable[..., Any]] = {
            "add": writes.add,
            "update": at(writes.update, now_ms=lambda: self.now),
            "remove": at(writes.remove, now_ms=lambda: self.now, keeps_contents=lambda: True),
            "restore": at(writes.restore, now_ms=lambda: self.now, oldest_ms=lambda: 0),
            "remove_all": writes.remove_all,
            "put": writes.put,
            "find": reads.find,
            "changes": change_log.changes,
        }

    def ask(self, kind: str, *items: Any) -> list[Any]:
        step: Step[Any, Any] = self.steps[kind]
        outcomes = step(self.connection.cursor(), items)  # type: ignore[arg-type]
        self.connection.commit()
        return outcomes


def seen(outcome: Any) -> Any:
    """Return what can be compared of an outcome."""
    if isinstance(outcome, VersionConflict):
        return VersionConflict, outcome.current
    return type(outcome) if isinstance(outcome, Exception) else outcome


@settings(max_examples=300)
@given(st.lists(st.tuples(writes_of_all_kinds, st.booleans(), st.integers(1, 3)), max_size=25))
def test_it_does_what_the_model_does(steps: Sequence[Any]) -> None:
    """Whatever is written, each outcome is the one that the store in memory gives, and a follower misses nothing."""
    direct, model = Direct(), MemoryStore(lambda: 100)
    followers: list[tuple[dict[str, Any], str | None]] = [({}, None)]
    for (kind, item), looks, limit in steps:
        expected: Any = getattr(model, kind)([item], 0.0).result
        assert [seen(one) for one in direct.ask(kind, item)] == [seen(one) for one in expected]
        if looks:
            known, sync = followers[-1]
            followers.append((dict(known), sync))
            (answer,) = direct.ask("changes", ChangesQuery("me", sync, limit))
            apply(known, answer)
            followers[-2] = (known, answer.sync)
    (expected_list,) = model.find([ListQuery("me")], 0.0).result
    assert direct.ask("find", ListQuery("me")) == [expected_list]
    for known, sync in followers:
        more = True
        while more:
            (answer,) = direct.ask("changes", ChangesQuery("me", sync, 2))
            apply(known, answer)
            sync, more = answer.sync, answer.more
        assert living(known) == {one.id: one for one in expected_list}
