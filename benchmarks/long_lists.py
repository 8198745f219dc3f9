"""`python -m benchmarks.long_lists`: what a list as long as a database's costs everybody else.

One user has 200,000 tasks and asks for all of them, over SQLite and over MongoDB: how much CPU time that takes, how
long a neighbour's `check` waits meanwhile, and how memory grows. Then the same of 40 documents in MongoDB in which some
other program keeps 10 MB each. Aim: a neighbour waits 0.25 s at most.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bson import ObjectId
from pymongo import MongoClient

from benchmarks import frames
from benchmarks.hostile import AIM_SECONDS, MIB, neighbour_of, say
from benchmarks.processes import cpu_seconds, forget_peak, memory
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod, running

LONG = 200_000
FOREIGN, FOREIGN_SIZE = 40, 10_000_000
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_PART = 10_000


def read_all(port: int, call: frames.Call) -> int:
    """Make a call, and return how many bytes its reply has."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(call.frame)
        start, count, length = b"", 0, None
        while length is None or count < length:
            data = connection.recv(2**20)
            if not data:
                raise frames.BadReply("the connection was closed")
            count += len(data)
            if len(start) < 200:
                start += data[:200]
                length = frames.reply_length(start)
        if not start[4:].startswith(call.success):
            raise frames.BadReply(repr(start[:200]))
        return count


def measure(daemon: Daemon, what: str, call: frames.Call) -> bool:
    """Print what a call costs, the second time it is made; return whether a neighbour was served in time."""
    assert daemon.process is not None
    pid = daemon.process.pid
    read_all(daemon.port, frames.all_of("nobody", 0))
    before = memory(pid)
    forget_peak(pid)
    with neighbour_of(daemon.port) as neighbour:
        neighbour.longest, spent = 0.0, cpu_seconds(pid)
        size = read_all(daemon.port, call)
        spent, longest = cpu_seconds(pid) - spent, neighbour.longest
    grown = memory(pid, "VmHWM") - before
    mark = "" if longest <= AIM_SECONDS else "  <- beyond the aim"
    say(f"{spent:6.2f} s CPU, {longest:6.3f} s, {grown / MIB:+5.0f} MiB  {what}: {size:,} bytes{mark}")
    return not mark


def fill_sqlite(daemon: Daemon, path: Path) -> None:
    """Give one user a long list."""
    began = int(_BEGAN.timestamp() * 1000)
    database = sqlite3.connect(path)
    with database:
        database.executemany(
            "INSERT INTO tasks (id, user_id, name, created_on, done, version) VALUES (?, 'long', ?, ?, 0, ?)",
            ((f"{number:024x}", f"task {number}", began + number, began + number) for number in range(LONG)),
        )
    database.close()


def fill_mongodb(client: MongoClient[dict[str, object]]) -> None:
    """Give one user a long list, and another one documents in which somebody else keeps much."""
    tasks = client["tasks-db"]["tasks"]
    for start in range(0, LONG, _PART):
        tasks.insert_many(
            {
                "_id": ObjectId(f"{number:024x}"),
                "userId": "long",
                "name": f"task {number}",
                "createdOn": _BEGAN + timedelta(milliseconds=number),
                "done": False,
            }
            for number in range(start, start + _PART)
        )
    for _ in range(FOREIGN):
        tasks.insert_one({"userId": "foreign", "name": "x", "createdOn": _BEGAN, "blob": "x" * FOREIGN_SIZE})


def main() -> int:
    """Measure, and return 1 when something is beyond the aims."""
    good = True
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "tasks.sqlite3"
        with Daemon(Path(folder), "--sqlite", str(path), "--timeout", "60") as daemon:
            daemon.wait_for("ready: ")
            fill_sqlite(daemon, path)
            good &= measure(daemon, f"SQLite, all of {LONG:,}", frames.all_of("long", LONG))
        mongod = stack.enter_context(running(Mongod(Path(folder) / "mongod")))
        with mongod.client() as client:
            fill_mongodb(client)
        with Daemon(Path(folder), "--mongo-uri", mongod.uri, "--timeout", "60") as daemon:
            good &= measure(daemon, f"MongoDB, all of {LONG:,}", frames.all_of("long", LONG))
            good &= measure(daemon, f"MongoDB, {FOREIGN} documents of 10 MB", frames.all_of("foreign", FOREIGN))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
