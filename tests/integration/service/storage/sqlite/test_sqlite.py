"""What is particular to the store in an SQLite file.

Covers `ops.sqlite.database`, `service.storage.sqlite.database`.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, capturedLogs

from twisted_tasks.model import DeadlineExceeded, ListQuery, StoreUnavailable, Task, TaskRef, TaskRemoval
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.interface import StoreMisconfigured
from twisted_tasks.service.storage.sqlite import writes
from twisted_tasks.service.storage.sqlite.schema import SCHEMA
from twisted_tasks.service.storage.sqlite.store import SqliteStore

CLOCK = MonotonicClock(reactor)


def in_seconds(seconds: float) -> float:
    return CLOCK.seconds() + seconds


def new_task() -> Task:
    return Task(str(ObjectId()), "me", "tea", 1_767_225_600_000, False)


@pytest_twisted.async_yield_fixture
async def store(tmp_path: Path) -> Any:
    store = SqliteStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK)
    await store.open()
    yield store
    await store.close()


async def why_not(path: Path) -> str:
    """Return why a file cannot be opened."""
    with pytest.raises(StoreMisconfigured) as caught:
        await SqliteStore(str(path), reactor, CLOCK).open()
    message = str(caught.value)
    assert message.startswith(f"cannot use {path} as the task store: ")
    assert "\n" not in message
    return message


@pytest_twisted.ensureDeferred
async def test_a_file_of_a_newer_version(tmp_path: Path, store: SqliteStore) -> None:
    """A file that a later release has upgraded is refused, and unharmed."""
    await store.close()
    path = tmp_path / "tasks.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9999")
    assert "it has version 9999, and this release knows versions up to 2" in await why_not(path)
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (9999,)


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file of something else is refused, and unharmed."""
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 1000)
    assert "file is not a database" in await why_not(path)
    assert path.read_text() == "my notes " * 1000


@pytest_twisted.ensureDeferred
async def test_a_database_of_something_else(tmp_path: Path) -> None:
    """Another application's database is refused, and gets no table of ours."""
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    assert "it is the database of another application" in await why_not(path)
    assert sqlite3.connect(path).execute("SELECT name FROM sqlite_schema").fetchall() == [("notes",)]
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("path", ["/proc/tasks.sqlite3", "/nowhere/at/all/tasks.sqlite3", "/"])
async def test_a_place_that_cannot_be_written(path: str) -> None:
    """A folder that cannot be written, or is not there, is named at start."""
    assert "unable to open database file" in await why_not(Path(path))


@pytest_twisted.ensureDeferred
async def test_a_path_that_cannot_be_looked_at(tmp_path: Path) -> None:
    """A check of a path that no file can have ends with the reason, as a start with it does."""
    for path, reason in ((tmp_path / ("x" * 300), "File name too long"), (Path("/dev/null/tasks"), "Not a directory")):
        with pytest.raises(StoreMisconfigured, match=f": {reason}$"):
            await SqliteStore(str(path), reactor, CLOCK).check(in_seconds(30))
        await why_not(path)


@pytest_twisted.ensureDeferred
async def test_a_python_with_an_old_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SQLite that cannot do what the store asks of it is named at start."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    assert "3.37 is the first that will do" in await why_not(tmp_path / "tasks.sqlite3")


@pytest_twisted.ensureDeferred
async def test_opened_twice(tmp_path: Path, store: SqliteStore) -> None:
    """Two processes may use one file: each sees what the other has written."""
    task = new_task()
    await store.add([task], in_seconds(30))
    second = SqliteStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK)
    await second.open()
    assert await second.find([ListQuery("me")], in_seconds(30)) == [[task]]
    other = new_task()._replace(id="f" * 24)
    await second.add([other], in_seconds(30))
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[other, task]]
    await second.close()


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade happens whole or not at all; the next start takes it up again."""
    connection = sqlite3.connect(tmp_path / "tasks.sqlite3", isolation_level=None)
    SCHEMA.prepare(connection)
    step = "CREATE TABLE labels (text);\nINSERT INTO nowhere VALUES (1);\n"
    steps = "twisted_tasks.ops.sqlite.schema.Schema.steps"
    monkeypatch.setattr(steps, lambda schema: [(2, ""), (3, step)])
    with pytest.raises(sqlite3.OperationalError):
        SCHEMA.prepare(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'labels'").fetchone() == (0,)
    step = "CREATE TABLE labels (text);\n-- And one without a semicolon:\nINSERT INTO labels VALUES (1)\n"
    monkeypatch.setattr(steps, lambda schema: [(2, ""), (3, step)])
    SCHEMA.prepare(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("SELECT * FROM labels").fetchall() == [(1,)]
    connection.close()


@pytest_twisted.ensureDeferred
async def test_durable_settings(tmp_path: Path, store: SqliteStore) -> None:
    """The file is in WAL mode, and the writer syncs every commit."""
    assert sqlite3.connect(tmp_path / "tasks.sqlite3").execute("PRAGMA journal_mode").fetchone() == ("wal",)
    writer: Any = store._database._writer
    assert await writer.runQuery("PRAGMA synchronous") == [(2,)]  # FULL


@pytest_twisted.ensureDeferred
async def test_another_process_writes(tmp_path: Path, store: SqliteStore) -> None:
    """While somebody else holds the write lock a write waits, a read does not; then the write happens."""
    other = sqlite3.connect(tmp_path / "tasks.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    task = new_task()
    added: Deferred[Any] = store.add([task], in_seconds(30))
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]
    assert not added.called
    other.execute("ROLLBACK")
    assert await added == [task]
    other.close()


@pytest_twisted.ensureDeferred
async def test_a_task_that_goes_while_it_is_added(tmp_path: Path, store: SqliteStore) -> None:
    """A task that was in the way of an add, and is removed by another process before it is looked up, is added.

    Nobody sees, and removes, the others of its batch before that: they would be added a second time.
    """
    task = new_task()
    await store.add([task], in_seconds(30))

    class Cursor(sqlite3.Cursor):
        raced = False

        def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
            try:
                return super().execute(sql, parameters)
            finally:
                if sql.startswith("INSERT") and not self.raced:
                    self.raced = True
                    with sqlite3.connect(tmp_path / "tasks.sqlite3") as other:
                        assert other.execute("DELETE FROM tasks RETURNING id").fetchall() == [(task.id,)]

    connection = sqlite3.connect(tmp_path / "tasks.sqlite3", isolation_level=None)
    again = [new_task(), task._replace(name="again")]
    assert writes.add(Cursor(connection), again) == again
    connection.commit()
    connection.close()
    assert await store.get([TaskRef(one.id, "me") for one in again], in_seconds(30)) == again


@pytest_twisted.ensureDeferred
async def test_an_add_that_fails_leaves_nothing(tmp_path: Path, store: SqliteStore) -> None:
    """A batch is written whole or not at all."""
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as other:
        other.execute(
            "CREATE TRIGGER no_coffee BEFORE INSERT ON tasks WHEN NEW.name = 'coffee' BEGIN"
            " SELECT RAISE(ABORT, 'no coffee'); END"
        )
    with pytest.raises(StoreUnavailable):
        await store.add([new_task(), new_task()._replace(name="coffee")], in_seconds(30))
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]


@pytest_twisted.ensureDeferred
async def test_a_removal_that_fails_removes_nothing(tmp_path: Path, store: SqliteStore) -> None:
    """Of a batch of removals, too, all take effect or none."""
    tasks = [new_task(), new_task()._replace(name="coffee")]
    await store.add(tasks, in_seconds(30))
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as other:
        other.execute(
            "CREATE TRIGGER coffee_stays BEFORE DELETE ON tasks WHEN OLD.name = 'coffee' BEGIN"
            " SELECT RAISE(ABORT, 'coffee stays'); END"
        )
    removals = [TaskRemoval(task.id, "me") for task in tasks]
    with pytest.raises(StoreUnavailable):
        await store.remove(removals, in_seconds(30))
    assert await store.get([TaskRef(task.id, "me") for task in tasks], in_seconds(30)) == tasks


@pytest_twisted.ensureDeferred
async def test_locked_beyond_the_deadline(tmp_path: Path, store: SqliteStore) -> None:
    """A write that gets no lock ends at its deadline, with an error that says to try again, and is not done later."""
    other = sqlite3.connect(tmp_path / "tasks.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    # The second one waits behind the first, which waits for the lock.
    calls = [store.add([new_task()], in_seconds(0.3)), store.add([new_task()], in_seconds(0.3))]
    for call in calls:
        with pytest.raises((DeadlineExceeded, StoreUnavailable)):
            await call
    await deferLater(reactor, 0.1, lambda: None)  # type: ignore[arg-type]
    other.execute("ROLLBACK")
    other.close()
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]


@pytest_twisted.ensureDeferred
async def test_reads_are_not_behind_writes(store: SqliteStore) -> None:
    """A read that comes after a write that takes long is answered before it."""
    hold, held = threading.Event(), threading.Event()

    def slowly(cursor: Any, items: Sequence[Task]) -> Sequence[Task]:
        held.set()
        hold.wait(60)
        return items

    written = store._database.write_each(slowly, [new_task()], in_seconds(60))
    await deferToThread(held.wait, 60)
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]
    assert not written.called
    hold.set()
    await written


@pytest_twisted.ensureDeferred
async def test_a_deadline_that_has_passed(store: SqliteStore) -> None:
    """What comes too late is not begun."""
    with pytest.raises(DeadlineExceeded):
        await store.add([new_task()], in_seconds(-1))
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]


@pytest_twisted.ensureDeferred
async def test_trouble_is_logged_once(tmp_path: Path, store: SqliteStore) -> None:
    """A file that stops working is one log line, however many calls meet it; so is its recovery."""
    with sqlite3.connect(tmp_path / "tasks.sqlite3") as other:
        other.execute("ALTER TABLE tasks RENAME TO hidden")
    with capturedLogs() as events:
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as caught:
                await store.find([ListQuery("me")], in_seconds(30))
            assert "table" not in str(caught.value)  # the driver's words are for the log
        with sqlite3.connect(tmp_path / "tasks.sqlite3") as other:
            other.execute("ALTER TABLE hidden RENAME TO tasks")
        for _ in range(3):
            assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]
    levels = [event["log_level"] for event in events if "sqlite" in event["log_namespace"]]
    assert levels == [LogLevel.error, LogLevel.info]


@pytest_twisted.ensureDeferred
async def test_read_only(tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that can only be read fails the ping, a check and a start, though SQLite opens it; it is still read."""
    connect = sqlite3.connect
    # What SQLite does by itself with such a file, unless it runs as root.
    monkeypatch.setattr(sqlite3, "connect", lambda path, **more: connect(f"file:{path}?mode=ro", uri=True, **more))
    for operation in (store.add([new_task()], in_seconds(30)), store.ping(in_seconds(30))):
        with pytest.raises(StoreUnavailable):
            await operation
    assert await store.find([ListQuery("me")], in_seconds(30)) == [[]]
    path = tmp_path / "tasks.sqlite3"
    with pytest.raises(StoreMisconfigured, match="readonly"):
        await SqliteStore(str(path), reactor, CLOCK).check(in_seconds(30))
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert "it can only be read" in await why_not(path)


@pytest_twisted.ensureDeferred
async def test_a_ping_writes_nothing(tmp_path: Path, store: SqliteStore) -> None:
    """Looking whether the store works, every few seconds, leaves its files as they are."""
    await store.add([new_task()], in_seconds(30))
    files = [tmp_path / "tasks.sqlite3", tmp_path / "tasks.sqlite3-wal"]
    before = [file.read_bytes() for file in files]
    await store.ping(in_seconds(30))
    await SqliteStore(str(files[0]), reactor, CLOCK).check(in_seconds(30))
    assert [file.read_bytes() for file in files] == before


def rights(path: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(f"{path.name}*")}


@pytest_twisted.ensureDeferred
async def test_a_new_file_is_private(tmp_path: Path, store: SqliteStore) -> None:
    """A new file, and those beside it, can be read by their owner alone; what rights a file has already it keeps."""
    path = tmp_path / "tasks.sqlite3"
    await store.add([new_task()], in_seconds(30))
    assert rights(path) == {0o600}
    assert len(list(tmp_path.iterdir())) == 3
    await store.close()
    path.chmod(0o640)
    again = SqliteStore(str(path), reactor, CLOCK)
    await again.open()
    await again.add([new_task()], in_seconds(30))
    assert rights(path) == {0o640}
    await again.close()


def remove_all(path: Path) -> None:
    for name in ("", "-wal", "-shm"):
        os.remove(f"{path}{name}")


def rename(path: Path) -> None:
    path.rename(path.with_name("other"))


def overwrite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(path.with_name("backup")),))
    path.write_bytes(path.with_name("backup").read_bytes())


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("do", [remove_all, rename, overwrite])
async def test_a_file_that_is_lost(tmp_path: Path, store: SqliteStore, do: Any) -> None:
    """Nothing is acknowledged that went to a file nobody will find again; one line says why."""
    path = tmp_path / "tasks.sqlite3"
    await store.add([new_task()], in_seconds(30))
    do(path)
    with capturedLogs() as events:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await store.add([new_task()], in_seconds(30))
            with pytest.raises(StoreUnavailable, match="the task store cannot be used: "):
                await store.ping(in_seconds(30))
            with pytest.raises(StoreUnavailable):
                await store.find([ListQuery("me")], in_seconds(30))
    (event,) = [event for event in events if "sqlite" in event["log_namespace"]]
    assert event["log_level"] == LogLevel.error
    assert str(path) in event["error"]


@pytest_twisted.ensureDeferred
async def test_a_file_that_comes_back(tmp_path: Path, store: SqliteStore) -> None:
    """A file that was renamed and has its name again works again."""
    path = tmp_path / "tasks.sqlite3"
    path.rename(path.with_name("other"))
    with pytest.raises(StoreUnavailable):
        await store.ping(in_seconds(30))
    path.with_name("other").rename(path)
    await store.ping(in_seconds(30))
    task = new_task()
    assert await store.add([task], in_seconds(30)) == [task]
