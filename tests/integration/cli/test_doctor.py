"""`tasks doctor` on what is well and on what is not.

Covers `cli.doctor.checkup`, `cli.doctor.command`, `cli.doctor.server`, `service.storage.mongo.inspection`.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support.certificates import Authority
from tests.support.command import run
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod, ReplicaSet, running
from twisted_tasks.service.storage.sqlite.schema import SCHEMA


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


def doctor(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run it, and return its status and what it found, by what it is about."""
    done = run("doctor", "--json", *arguments, env=env)
    assert "Traceback" not in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {one["about"]: one for one in found}


def test_a_service_that_is_well(daemon: Daemon) -> None:
    """A service that works, and its file, have nothing bad."""
    status, found = doctor("--server", f"127.0.0.1:{daemon.port}", "--sqlite", str(daemon.folder / "tasks.sqlite3"))
    assert status == 0, found
    assert {"reachable", "tls", "dialect", "ready", "latency", "store", "file", "whole", "index", "disk"} <= set(found)
    assert "framed binary" in found["dialect"]["text"]
    assert not [one for one in found.values() if one["result"] == "bad"]


def test_nobody_there() -> None:
    """A refused connection, and a name nobody knows, are told as such, with what to do."""
    status, found = doctor("--server", "127.0.0.1:1")
    assert status == 1
    assert "refused" in found["reachable"]["text"]
    assert "start the daemon" in found["reachable"]["advice"]
    status, found = doctor("--server", "no-such-host.invalid:1")
    assert (status, found["reachable"]["result"]) == (1, "bad")


def test_somebody_else(tmp_path: Path) -> None:
    """A web server is told as one."""
    program = (
        "import http.server as h, sys\n"
        "class Handler(h.BaseHTTPRequestHandler):\n"
        "    def handle(self):\n"
        "        self.request.sendall(b'HTTP/1.0 400 Bad Request\\r\\n\\r\\n')\n"
        "server = h.HTTPServer(('127.0.0.1', 0), Handler)\n"
        "print(server.server_port, flush=True)\n"
        "server.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        status, found = doctor("--server", f"127.0.0.1:{port}")
        server.kill()
    assert status == 1
    assert "web server" in found["dialect"]["text"]


def test_tls_that_is_not_there(daemon: Daemon, tmp_path: Path) -> None:
    """A service without TLS that is asked for it is told as such."""
    authority = Authority(tmp_path, "authority")
    status, found = doctor("--server", f"127.0.0.1:{daemon.port}", "--ca", str(authority.file))
    assert status == 1
    assert found["tls"]["result"] == "bad"


def test_a_service_without_its_store(tmp_path: Path) -> None:
    """A service whose store is down is reachable and not ready, and its store is told of when it is named."""
    with Daemon(tmp_path, "--mongo-uri", "mongodb://127.0.0.1:1", "--timeout", "0.5") as daemon:
        daemon.wait_for("not ready|does not work|cannot")
        status, found = doctor("--server", f"127.0.0.1:{daemon.port}", "--mongo-uri", "mongodb://127.0.0.1:1")
    assert status == 1
    assert found["ready"]["result"] == "bad"
    assert "no server" in found["reachable"]["text"]
    assert found["daemon"]["result"] == "bad"


def test_files(tmp_path: Path) -> None:
    """A file that is missing, of another kind, somebody else's, without its index, or newer, is told as such."""
    path = tmp_path / "tasks.sqlite3"

    def look() -> dict[str, dict[str, Any]]:
        return doctor("--no-server", "--sqlite", str(path))[1]

    assert "no file" in look()["file"]["text"]
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    assert look()["file"]["result"] == "bad"
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE other (id)").connection.close()
    assert "not one of this service" in look()["file"]["text"]
    path.unlink()
    with Daemon(tmp_path) as daemon:
        daemon.wait_for("ready: the task store works")
    connection = sqlite3.connect(path)
    connection.execute("DROP INDEX tasks_by_user")
    connection.close()
    assert "tasks_by_user: missing" in look()["index"]["text"]
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "has schema 99" in look()["file"]["text"]
    assert "upgrade" in look()["file"]["advice"]


def test_what_a_file_keeps_of_changes(tmp_path: Path) -> None:
    """The index of changes may be missing until it is asked for; what else belongs to changes may not."""
    path = tmp_path / "tasks.sqlite3"

    def look(*statements: str) -> dict[str, dict[str, Any]]:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return doctor("--no-server", "--sqlite", str(path))[1]

    SCHEMA.open(str(path))
    found = look()
    assert found["changes"]["result"] == found["index"]["result"] == "ok"
    assert "first asks" in found["changes"]["text"]
    assert "schema" not in found
    found = look("CREATE INDEX tasks_by_change ON tasks (user_id, seq)")
    assert (found["changes"]["result"], found["changes"]["text"]) == ("ok", "tasks_by_change is there")
    found = look("DROP INDEX removed_by_change", "DROP TRIGGER count_changed", "DROP TABLE emptied_users")
    assert found["index"]["result"] == found["schema"]["result"] == "bad"
    assert found["index"]["text"].startswith("removed_by_change: missing")
    assert found["schema"]["text"].startswith("emptied_users, count_changed: missing")


def test_a_file_of_version_1(tmp_path: Path) -> None:
    """A file that no daemon of this release has opened yet lacks nothing, and keeps no changes."""
    path = tmp_path / "tasks.sqlite3"
    steps = files("twisted_tasks.service.storage.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((steps / "0001_tasks.sql").read_text())
        connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
        connection.execute("PRAGMA user_version = 1")
    status, found = doctor("--no-server", "--sqlite", str(path))
    assert status == 0, found
    assert (found["index"]["result"], found["changes"]["result"]) == ("ok", "note")
    assert "upgrades" in found["changes"]["advice"]


def test_the_variables_of_the_daemon(tmp_path: Path) -> None:
    """The store is looked at when the daemon's own variables name it."""
    found = doctor("--no-server", env={"TASKS_SQLITE": str(tmp_path / "none.sqlite3")})[1]
    assert "no file" in found["file"]["text"]
    assert run("doctor", "--no-server").returncode == 2


def test_a_mongod(shared_mongod: Mongod) -> None:
    """A single mongod without a login is fine, with notes on both."""
    status, found = doctor("--no-server", "--mongo-uri", shared_mongod.uri)
    assert status == 0, found
    assert found["replicas"]["result"] == found["login"]["result"] == "note"
    assert found["version"]["text"].startswith("MongoDB 6.0")
    assert found["daemon"]["result"] == "ok"


def test_an_index_that_is_missing(mongod: Mongod) -> None:
    """A collection with tasks and without the index is told."""
    with MongoClient[Any](mongod.uri) as client:
        client["tasks-db"].tasks.insert_one({"userId": "alice"})
    found = doctor("--no-server", "--mongo-uri", mongod.uri)[1]
    assert found["index"]["result"] == "bad"


def test_what_a_mongod_keeps_of_changes(mongod: Mongod) -> None:
    """The index of changes may be missing until it is asked for; removed tasks have an index, and an end."""

    def look() -> dict[str, dict[str, Any]]:
        return doctor("--no-server", "--mongo-uri", mongod.uri)[1]

    with MongoClient[Any](mongod.uri) as client:
        database = client["tasks-db"]
        database.tasks.create_index({"userId": 1, "createdOn": -1, "_id": -1})
        found = look()
        assert found["changes"]["result"] == "ok"
        assert "first asks" in found["changes"]["text"]
        assert "no collection" in found["removed"]["text"]
        database.tasks.create_index({"userId": 1, "updatedOn": 1, "_id": 1})
        database.drop_collection("removedTasks")
        database.removedTasks.create_index("emptiedOn", expireAfterSeconds=2 * 86400)
        found = look()
        assert found["changes"]["text"] == "their index is there"
        assert (found["removed"]["result"], found["index"]["result"]) == ("bad", "ok")
        database.removedTasks.create_index({"userId": 1, "removedOn": 1, "_id": 1})
        assert look()["removed"]["result"] == "note"
        database.removedTasks.create_index("removedOn")
        assert "for ever" in look()["removed"]["text"]
        database.removedTasks.drop_index("removedOn_1")
        database.removedTasks.create_index("removedOn", expireAfterSeconds=7 * 86400)
        found = look()
        assert (found["removed"]["result"], found["removed"]["text"]) == (
            "ok",
            "removed tasks are forgotten after 7 days",
        )


def test_a_replica_set(shared_replica_set: ReplicaSet) -> None:
    """A set is told with its members; a write concern that can lose writes has a note."""
    status, found = doctor("--no-server", "--mongo-uri", shared_replica_set.uri)
    assert status == 0, found
    assert "3 members" in found["replicas"]["text"]
    assert found["writes"]["result"] == "ok"
    found = doctor("--no-server", "--mongo-uri", shared_replica_set.uri, "--mongo-write-concern", "1")[1]
    assert found["writes"]["result"] == "note"


@pytest.mark.mongod
def test_logins(mongod_with_login: Mongod) -> None:
    """A wrong password, no login, and a user with too few rights are named; no password is ever printed."""
    address = mongod_with_login.address
    for login, status, about, what in (
        ("right:pencil@", 0, "login", "may read and write tasks-db"),
        ("right:pencils@", 1, "login", "the password is wrong"),
        ("", 1, "login", "there is no login"),
        ("reader:pencil@", 1, "login", "has read on tasks-db"),
    ):
        uri = f"mongodb://{login}{address}/?authSource=admin" if login else f"mongodb://{address}"
        done = run("doctor", "--no-server", "--json", "--mongo-uri", uri)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == status, done.stdout
        assert any(one["about"] == about and what in one["text"] for one in found), done.stdout
        assert "pencil" not in done.stdout + done.stderr


@pytest.fixture
def mongod_with_login(tmp_path: Path) -> Iterator[Mongod]:
    """A mongod that asks for a login, and has two users."""
    admin = {"username": "admin", "password": "pencil", "authSource": "admin"}
    with running(Mongod(tmp_path / "mongod", ["--auth"])) as server:
        with MongoClient[Any](server.uri) as client:  # who is first, and local, may make the first user
            client.admin.command("createUser", "admin", pwd="pencil", roles=["root"])
        with MongoClient[Any](server.uri, **admin) as client:
            for name, role in (("right", "readWrite"), ("reader", "read")):
                client.admin.command("createUser", name, pwd="pencil", roles=[{"role": role, "db": "tasks-db"}])
        yield server
