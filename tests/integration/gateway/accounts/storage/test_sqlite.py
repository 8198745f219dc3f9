"""What is particular to accounts in an SQLite file.

Covers `gateway.accounts.storage.sqlite.statements`, `gateway.accounts.storage.sqlite.together`.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from twisted_tasks.gateway.accounts.storage.interface import RecordsMisconfigured, RecordsUnavailable
from twisted_tasks.gateway.accounts.storage.records import TABLES, AccountRecord, FamiliarRecord, TokenRecord
from twisted_tasks.gateway.accounts.storage.sqlite.store import SqliteAccountStore
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.service.storage.sqlite.store import SqliteStore

CLOCK = MonotonicClock(reactor)


def soon(seconds: float = 30) -> float:
    return CLOCK.seconds() + seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.sqlite3"


@pytest_twisted.async_yield_fixture
async def store(path: Path) -> Any:
    store = SqliteAccountStore(str(path), reactor, CLOCK)
    await store.open()
    yield store
    await store.close()


def test_for_its_owner_alone(store: SqliteAccountStore, path: Path) -> None:
    """The file, and those beside it, can be read by their owner alone, whatever the process's umask."""
    for name in os.listdir(path.parent):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600, name


def test_the_columns(store: SqliteAccountStore, path: Path) -> None:
    """Each table has a column for each field, in the same order."""
    for kind, table in TABLES.items():
        columns = sqlite3.connect(path).execute(f"PRAGMA table_info({table})").fetchall()
        assert tuple(column[1] for column in columns) == kind._fields


def test_the_indexes(store: SqliteAccountStore, path: Path) -> None:
    """What is asked often goes through an index."""
    connection = sqlite3.connect(path)
    for condition, table in (
        ("name_key = ?", "accounts"),
        ("state = ?", "accounts"),
        *[("account_id = ?", table) for kind, table in TABLES.items() if "account_id" in kind._fields],
        *[("expires_ms < ?", table) for kind, table in TABLES.items() if "expires_ms" in kind._fields],
        *[("id = ?", table) for table in TABLES.values()],
        *[("id IS ?", table) for table in TABLES.values()],
    ):
        ((*_, plan),) = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {condition}", ["x"])
        assert "USING" in plan, f"{table} WHERE {condition}: {plan}"


@pytest_twisted.ensureDeferred
async def test_what_has_expired_goes(store: SqliteAccountStore) -> None:
    """Records that expired before a moment are removed, and those that never expire stay."""
    for number in range(5):
        await store.add(FamiliarRecord(str(number), "a", number), soon())
    token = TokenRecord("t", "d", "a", "n", "s", 0, None, None)
    await store.add(token, soon())
    assert await store.remove_expired(3, soon()) == 3
    assert [record.id for record in await store.find(FamiliarRecord, {}, soon())] == ["3", "4"]
    assert await store.find(TokenRecord, {}, soon()) == [token]


@pytest_twisted.ensureDeferred
async def test_a_file_of_tasks(tmp_path: Path, path: Path) -> None:
    """The file of tasks and that of accounts are never taken for each other."""
    tasks = SqliteStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK)
    await tasks.open()
    await tasks.close()
    with pytest.raises(RecordsMisconfigured, match="as the store of accounts: it is the database of another"):
        await SqliteAccountStore(str(tmp_path / "tasks.sqlite3"), reactor, CLOCK).open()
    with pytest.raises(RecordsMisconfigured, match="unable to open database file"):
        await SqliteAccountStore("/nowhere/at/all/accounts.sqlite3", reactor, CLOCK).open()
    assert "will be made" in await SqliteAccountStore(str(path), reactor, CLOCK).check(soon())
    assert not path.exists()


@pytest_twisted.ensureDeferred
async def test_a_file_that_is_gone(store: SqliteAccountStore, path: Path) -> None:
    """What goes to a file that somebody has removed is not acknowledged."""
    account = AccountRecord("a" * 24, "o", "o", "h", 0, None, "active", 0)
    await store.add(account, soon())
    path.unlink()
    with pytest.raises(RecordsUnavailable):
        await store.add(account._replace(id="b" * 24, name_key="p"), soon())
    with pytest.raises(RecordsUnavailable, match="the store of accounts cannot be used"):
        await store.ping(soon())


@pytest_twisted.ensureDeferred
async def test_written_together(store: SqliteAccountStore, path: Path) -> None:
    """Writes that come at once are committed as few, each with its own outcome, and in the order in which they came."""
    first = [store.add(FamiliarRecord(str(number % 700), "a", 1), soon()) for number in range(1400)]
    then = [store.change(FamiliarRecord, {"id": "7"}, {"expires_ms": number}, soon()) for number in range(5)]
    assert await gatherResults(first) == [True] * 700 + [False] * 700
    assert await gatherResults(then) == [1] * 5
    (seventh,) = await store.find(FamiliarRecord, {"id": "7"}, soon())
    assert seventh.expires_ms == 4


@pytest_twisted.ensureDeferred
async def test_written_together_and_refused(store: SqliteAccountStore, path: Path) -> None:
    """A value that is taken is told to its own writer; the others of the commit are written."""
    names = ["a", "b", "c"]
    for name in names:
        await store.add(AccountRecord(name, name, name, "h", 0, None, "active", 0), soon())
    changes = [
        store.change(AccountRecord, {"id": one}, {"name_key": new}, soon())
        for one, new in (("a", "x"), ("b", "x"), ("c", "y"))
    ]
    assert await gatherResults(changes) == [1, None, 1]
    assert [one.name_key for one in await store.find(AccountRecord, {}, soon())] == ["x", "b", "y"]


@pytest_twisted.ensureDeferred
async def test_a_held_lock(store: SqliteAccountStore, path: Path) -> None:
    """While another process holds the file's lock for long, writes fail by their deadline and reads work."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await store.find(AccountRecord, {}, soon()) == []
    with pytest.raises(RecordsUnavailable):
        await store.add(FamiliarRecord("f", "a", 1), soon(0.2))
    late = [store.add(FamiliarRecord(str(number), "a", 1), soon(0.2)) for number in range(5)]
    for one in late:
        with pytest.raises(RecordsUnavailable):
            await one
    waiting = [store.add(FamiliarRecord(f"w{number}", "a", 1), soon()) for number in range(5)]
    other.execute("ROLLBACK")
    assert await gatherResults(waiting) == [True] * 5
    other.close()
    assert await store.add(FamiliarRecord("f", "a", 1), soon()) is True
