"""`tasks copy` between real stores, also when it is killed on its way.

Covers `cli.copy`, `cli.copying`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from tests.support.command import PROGRAM, run
from tests.support.daemon import Daemon, environment
from tests.support.mongod import Mongod
from twisted_tasks.model import to_milliseconds

MANY = int(os.environ.get("TASKS_TEST_MANY", "20000"))
MORNING = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)

Kept = dict[str, tuple[str, str, int, bool]]
"""By id: user, name, date in milliseconds, done."""


def in_file(path: Path) -> Kept:
    """Everything in an SQLite store, as SQLite itself reads it."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT id, user_id, name, created_on, done FROM tasks").fetchall()
    finally:
        connection.close()
    return {row[0]: (row[1], row[2], row[3], bool(row[4])) for row in rows}


def in_mongo(uri: str, database: str) -> Kept:
    """Everything in a MongoDB store, as PyMongo reads it."""
    with MongoClient[Any](uri, tz_aware=True) as client:
        return {
            str(one["_id"]): (one["userId"], one["name"], to_milliseconds(one["createdOn"]), one["done"])
            for one in client[database].tasks.find()
        }


def make_file(path: Path, count: int) -> Kept:
    """Make a store of the daemon's with so many tasks of some users."""
    with Daemon(path.parent, "--sqlite", str(path)) as daemon:
        daemon.wait_for("ready: the task store works")
        daemon.kill(15)
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO tasks (id, user_id, name, created_on, done) VALUES (?, ?, ?, ?, ?)",
            (
                (
                    str(ObjectId()),
                    f"user {number % 7}",
                    f"task {number} ☕",
                    to_milliseconds(MORNING + timedelta(seconds=number)),
                    number % 3 == 0,
                )
                for number in range(count)
            ),
        )
    connection.close()
    return in_file(path)


def copied(*arguments: str) -> dict[str, Any]:
    """Run a copy that succeeds, and return its figures."""
    done = run("copy", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_there_and_back(tmp_path: Path, shared_mongod: Mongod) -> None:
    """From a file to MongoDB and back to a file everything arrives, ids and times kept, and a daemon serves it."""
    source, back = tmp_path / "a.sqlite3", tmp_path / "b.sqlite3"
    kept = make_file(source, 2500)
    database = f"copy-{ObjectId()}"
    figures = copied(str(source), shared_mongod.uri, "--to-db", database)
    assert (figures["copied"], figures["same"]) == (2500, 2500)
    assert in_mongo(shared_mongod.uri, database) == kept
    copied(shared_mongod.uri, f"sqlite:{back}", "--from-db", database)
    assert in_file(back) == kept
    with Daemon(tmp_path, "--sqlite", str(back)) as daemon:
        done = run("ls", "--server", f"127.0.0.1:{daemon.port}", "--user", "user 3")
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {
        task_id for task_id, task in kept.items() if task[0] == "user 3"
    }


def test_documents_of_the_tutorial(tmp_path: Path, mongod: Mongod) -> None:
    """What the original tutorial's service wrote is copied, and what is no task of anybody is left."""
    with MongoClient[Any](mongod.uri) as client:
        client["tasks-db"].tasks.insert_many(
            [
                {"_id": ObjectId("1" * 24), "userId": "alice", "name": "tea", "createdOn": MORNING},
                {"_id": "another kind of id", "userId": "alice", "name": "x"},
                {"_id": ObjectId("2" * 24), "name": "nobody's"},
            ]
        )
    path = tmp_path / "a.sqlite3"
    assert copied(mongod.uri, str(path))["copied"] == 1
    assert in_file(path) == {"1" * 24: ("alice", "tea", to_milliseconds(MORNING), False)}


@pytest.mark.parametrize("kind", ["file", pytest.param("mongo", marks=pytest.mark.mongod)])
def test_a_copy_that_is_killed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy that is killed (-9) is run again, goes on with what is missing, and everything is there once."""
    source = tmp_path / "a.sqlite3"
    kept = make_file(source, MANY)
    for number in range(10):  # a machine that stalls may let a copy end before it is killed
        if kind == "mongo":
            to, database = request.getfixturevalue("shared_mongod").uri, f"copy-{ObjectId()}"
            extra, there = ["--to-db", database], partial(in_mongo, to, database)
        else:
            to, extra = str(tmp_path / f"target-{number}.sqlite3"), []
            there = partial(in_file, Path(to))
        before = killed_on_its_way([str(source), to, *extra], there)
        if before < MANY:
            break
    assert 0 < before < MANY
    began = time.monotonic()
    figures = copied(str(source), to, *extra)
    took = time.monotonic() - began
    # What was on its way to a server when the copy was killed may have been written after it was counted.
    assert before <= figures["thereAlready"] < MANY
    assert figures["copied"] == MANY - figures["thereAlready"]
    assert (figures["same"], figures["missing"], figures["differing"]) == (MANY, 0, 0)
    assert there() == kept
    with capsys.disabled():
        sys.stdout.write(f" [killed at {before:,} of {MANY:,}; the rest copied and all verified in {took:.1f} s] ")


def killed_on_its_way(arguments: list[str], there: Callable[[], Kept]) -> int:
    """Run a copy, kill it when the first tasks have arrived, and return how many had then."""
    process = subprocess.Popen([PROGRAM, "copy", *arguments], env=environment(), stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        arrived = 0
        while not arrived:
            assert time.monotonic() < end
            with suppress(sqlite3.OperationalError):  # the file is not there yet, or is being made
                arrived = len(there())
    finally:
        process.kill()
        process.wait()
    return len(there())


def test_what_differs(tmp_path: Path) -> None:
    """A task the target has otherwise is left, and told of with status 1; --verify-only copies nothing."""
    source, target = tmp_path / "a.sqlite3", tmp_path / "b.sqlite3"
    kept = make_file(source, 10)
    assert run("copy", str(source), str(target), "--verify-only").returncode == 5
    copied(str(source), str(target))
    one, other = sorted(kept)[:2]
    connection = sqlite3.connect(target)
    with connection:
        connection.execute("UPDATE tasks SET name = 'mine' WHERE id = ?", (one,))
        connection.execute("DELETE FROM tasks WHERE id = ?", (other,))
    connection.close()
    for arguments, missing in ((["--verify-only"], 1), ([], 0), ([], 0)):
        done = run("copy", str(source), str(target), *arguments)
        assert done.returncode == 1
        assert f"{missing} task" in done.stderr.splitlines()[-1]
        assert one in done.stderr
    assert in_file(target)[one][1] == "mine"


def test_mistakes(tmp_path: Path) -> None:
    """What is not there, or cannot be, is told in one line, no password with it."""
    path = tmp_path / "a.sqlite3"
    make_file(path, 1)
    for status, arguments in (
        (5, (str(tmp_path / "no.sqlite3"), str(path))),
        (2, (str(path), f"sqlite:{path}")),
        (2, (str(path), "mongodb://a:b:c")),
        (4, (str(path), str(tmp_path / "no folder" / "b.sqlite3"))),
        (5, (str(path), "mongodb://me:secret@127.0.0.1:1")),
        (2, (str(path), "mongodb://me:sec/ret@127.0.0.1:1")),
    ):
        done = run("copy", *arguments)
        assert done.returncode == status, done.stderr
        assert done.stderr.splitlines()[-1].startswith("tasks: ")
        assert "sec" not in done.stderr
