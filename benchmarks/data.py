"""The tasks that are there before anything is measured, and the calls made of them: the same for every server."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks import frames
from benchmarks.frames import Call
from twisted_tasks.model import Position, Task, to_milliseconds, write_cursor
from twisted_tasks.service.storage.mongo.documents import INDEX, to_document
from twisted_tasks.service.storage.sqlite.schema import SCHEMA

DATABASE = "tasks-db"
USERS = 512
"""As many as there are connections at most: each has users of its own, so that no two ever ask the same."""
FEW, MANY = 10, 100
PAGE_OWNERS = (10, 1_000, 100_000)
PAGE_SIZE = 10
_NAME = "Buy oat milk and bread"
_NEWEST = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC))
_MINUTE = 60_000
_CHUNK = 10_000


def _task(user: str, owner: int, number: int) -> Task:
    return Task(f"{owner:08x}{number:016x}", user, _NAME, _NEWEST - number * _MINUTE, False)


def _few(connection: int, number: int) -> Task:
    return _task(f"few {connection:03d}", connection, number)


def _many(connection: int, number: int) -> Task:
    return _task(f"many {connection:03d}", USERS + connection, number)


def _owner(count: int, number: int) -> Task:
    return _task(f"owner of {count}", 2 * USERS + count, number)


def tasks() -> Iterator[Task]:
    """Yield every task there is at the start."""
    for connection in range(USERS):
        yield from (_few(connection, number) for number in range(FEW))
        yield from (_many(connection, number) for number in range(MANY))
    for count in PAGE_OWNERS:
        yield from (_owner(count, number) for number in range(count))


def fill_mongodb(uri: str) -> None:
    """Put the tasks into a MongoDB, with the index: the rivals' calls, which have none of their own, use it too."""
    with MongoClient[dict[str, Any]](uri) as client:
        collection = client[DATABASE].tasks
        collection.create_index(list(INDEX.key.items()), name=INDEX.name)
        chunk = []
        for task in tasks():
            chunk.append(to_document(task))
            if len(chunk) == _CHUNK:
                collection.insert_many(chunk, ordered=False)
                chunk = []
        collection.insert_many(chunk, ordered=False)


def fill_sqlite(path: Path) -> None:
    """Put the tasks into a new SQLite file."""
    connection = sqlite3.connect(path, isolation_level=None)
    SCHEMA.prepare(connection)
    connection.execute("BEGIN")
    rows = ((task.id, task.user_id, task.name, task.created_ms, task.done) for task in tasks())
    connection.executemany("INSERT INTO tasks (id, user_id, name, created_on, done) VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def calls(kind: str, connection: int) -> list[Call]:
    """Return what one connection calls, over and over.

    @param kind: add, all10, all100, update, mix, check, or page/COUNT/first or page/COUNT/middle, of ten tasks each.
    """
    if kind == "add":
        return [frames.add(f"new {connection:03d}", _NAME)]
    if kind == "all10":
        return [frames.all_of(_few(connection, 0).user_id, FEW)]
    if kind == "all100":
        return [frames.all_of(_many(connection, 0).user_id, MANY)]
    if kind == "update":
        return _updates(connection)
    if kind == "mix":
        return _mix(connection)
    if kind == "check":
        return [frames.check()]
    _, count, place = kind.split("/")
    middle = _owner(int(count), int(count) // 2)
    cursor = write_cursor(Position(middle.created_ms, middle.id)) if place == "middle" else None
    return [frames.page(middle.user_id, PAGE_SIZE, cursor)]


def _updates(connection: int) -> list[Call]:
    """Every one changes something, and none the task of the one before."""
    mine = [_few(connection, number) for number in range(FEW)]
    return [frames.update(task.id, f"{_NAME} {done}", done, task.user_id) for done in (True, False) for task in mine]


def _mix(connection: int) -> list[Call]:
    """70 % `all` of ten tasks, 20 % `update`, 10 % `add`, in an order of each connection's own."""
    mixed = calls("all10", connection) * 140 + _updates(connection) * 2 + calls("add", connection) * 20
    random.Random(connection).shuffle(mixed)
    return mixed
