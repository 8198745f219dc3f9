"""The backup and the restore that docs/operations.md describes, done as it says."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from tests.integration.cli.test_copy import in_file, in_mongo
from tests.integration.ops.test_drain import Adder
from tests.support.clients import thriftpy2_client
from tests.support.command import PROGRAM
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod
from tests.support.paths import ROOT

OPERATIONS = (ROOT / "docs/operations.md").read_text()


def follow(kind: str, step: int, folder: Path, names: dict[str, str]) -> None:
    """Run a command of the section on backups, with other names in the place of those it has to have."""
    section = re.search(rf"^### {kind}$(.*?)^##", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert section
    command = re.findall(r"^    (.+)$", section[1], re.MULTILINE)[step]
    assert all(name in command for name in names), command
    names = names | {
        "/backup": str(folder / "backup"),
        "python3": sys.executable,
        "tasks copy": f"{PROGRAM} copy",
        "tasks backup": f"{PROGRAM} backup",
    }
    for name, other in names.items():
        command = command.replace(name, other)
    done = subprocess.run(["sh", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_a_file(tmp_path: Path) -> None:
    """A file that is written to meanwhile is copied whole; what was acknowledged before is there after a restore."""
    (tmp_path / "backup").mkdir()
    with Daemon(tmp_path) as daemon:
        adder = Adder(daemon.port, "task")
        adder.start()
        end = time.monotonic() + 60
        while len(adder.done) < 200:
            assert time.monotonic() < end
            time.sleep(0.01)
        before = set(adder.done)
        follow("SQLite", 0, tmp_path, {})
        adder.going = False
        adder.join(60)
        assert daemon.kill(signal.SIGKILL)  # so that there is a -wal, of another file than what is put in its place
    backup = in_file(tmp_path / "backup/tasks.sqlite3")
    assert before <= {task[1] for task in backup.values()}
    follow("SQLite", 1, tmp_path, {})
    with Daemon(tmp_path) as daemon, thriftpy2_client(daemon.port) as client:
        assert {task.id for task in client.all("me")} == set(backup)
        assert client.add("me", "tea", None).name == "tea"


@pytest.mark.mongod
def test_a_database(tmp_path: Path, shared_mongod: Mongod) -> None:
    """A database that was lost is back as it was, its index and the keys of calls too."""
    database = f"restored-{ObjectId()}"
    names = {"mongodb://db.internal": shared_mongod.uri, "tasks-db": database}
    (tmp_path / "backup").mkdir()
    serving = ["--mongo-uri", shared_mongod.uri, "--mongo-db", database]
    with Daemon(tmp_path, *serving) as daemon, thriftpy2_client(daemon.port) as client:
        daemon.wait_for("made the index")
        task = client.add("me", "tea", "a key")
        for number in range(100):
            client.add(f"user {number % 3}", f"{number} ☕", None)
    kept = in_mongo(shared_mongod.uri, database)
    follow("MongoDB", 0, tmp_path, names)
    with MongoClient[Any](shared_mongod.uri) as mongo:
        mongo.drop_database(database)
        follow("MongoDB", 1, tmp_path, names)
        assert in_mongo(shared_mongod.uri, database) == kept
        with Daemon(tmp_path, *serving) as daemon, thriftpy2_client(daemon.port) as client:
            daemon.wait_for("made the index")
            assert client.add("me", "something else", "a key") == task
            assert len(client.all("user 1")) == 33
        mongo.drop_database(database)
