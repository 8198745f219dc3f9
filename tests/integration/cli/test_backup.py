"""`tasks backup`, of files and of MongoDB, while a daemon runs; and copies that are made again.

Covers `service.storage.sqlite.backup`.
"""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.integration.cli.test_copy import copied, in_file, make_file
from tests.support.clients import thriftpy2_client
from tests.support.command import run
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod
from twisted_tasks.cli.backing_up import dated, outdated


def backed_up(*arguments: str) -> dict[str, Any]:
    """Make a backup that succeeds, and return what it says."""
    done = run("backup", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_file_in_use(tmp_path: Path) -> None:
    """A backup of a file that a daemon writes to is one private file, has all that was acknowledged, and works."""
    target = tmp_path / "backup" / "tasks.sqlite3"
    target.parent.mkdir()
    with Daemon(tmp_path) as daemon, thriftpy2_client(daemon.port) as client:
        for number in range(20):
            client.add("me", str(number), None)
        said = backed_up(str(tmp_path / "tasks.sqlite3"), str(target))
        assert (said["tasks"], said["file"]) == (20, str(target))
        client.add("me", "later", None)
    assert [file.name for file in target.parent.iterdir()] == ["tasks.sqlite3"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with Daemon(tmp_path, "--sqlite", str(target)) as daemon, thriftpy2_client(daemon.port) as client:
        assert {task.name for task in client.all("me")} == {str(number) for number in range(20)}


def mark(path: Path) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT mark FROM store").fetchone()


def test_sync_tokens_of_a_backup(tmp_path: Path) -> None:
    """Clients of a restored backup begin anew: what they learnt since it was made is not in it."""
    make_file(tmp_path / "a.sqlite3", 3)
    backed_up(str(tmp_path / "a.sqlite3"), str(tmp_path / "b.sqlite3"))
    assert mark(tmp_path / "a.sqlite3") != mark(tmp_path / "b.sqlite3")


def test_a_damaged_file(tmp_path: Path) -> None:
    """A file that is damaged gives no backup, and no file that looks like one; nor does what is no store."""
    source, target = tmp_path / "a.sqlite3", tmp_path / "b.sqlite3"
    make_file(source, 2000)
    data = bytearray(source.read_bytes())
    for page in range(3 * 4096, len(data), 4096):
        data[page : page + 200] = b"x" * 200
    source.write_bytes(data)
    done = run("backup", str(source), str(target))
    assert done.returncode != 0
    assert "no backup was made" in done.stderr
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    done = run("backup", str(tmp_path / "other.sqlite3"), str(target))
    assert done.returncode != 0
    assert "another application" in done.stderr
    assert not list(tmp_path.glob("b.sqlite3*"))


def test_backups_that_are_kept(tmp_path: Path) -> None:
    """With --keep the date is in the name, and the oldest ones go once the new one is there; other files stay."""
    make_file(tmp_path / "a.sqlite3", 3)
    file = tmp_path / "kept" / "tasks.sqlite3"
    file.parent.mkdir()
    old = [dated(file, datetime(2026, 11, day, tzinfo=UTC)) for day in range(1, 5)]
    others = [file.with_name(name) for name in ("tasks.sqlite3", "tasks-2026.sqlite3", f"{old[0].name}.part")]
    for one in [*old, *others]:
        one.write_bytes(b"")
    said = backed_up(str(tmp_path / "a.sqlite3"), str(file), "--keep", "3")
    assert said["removed"] == [str(one) for one in old[:2]]
    assert set(file.parent.iterdir()) == {*old[2:], *others, Path(said["file"])}
    assert outdated(file, 3) == []
    assert run("backup", str(tmp_path / "a.sqlite3"), str(file)).returncode == 2  # it is there already


@pytest.mark.mongod
def test_a_database(tmp_path: Path, shared_mongod: Mongod) -> None:
    """A backup of MongoDB is a file that has everything."""
    kept = make_file(tmp_path / "a.sqlite3", 1500)
    database = f"backup-{ObjectId()}"
    copied(str(tmp_path / "a.sqlite3"), shared_mongod.uri, "--to-db", database)
    target = tmp_path / "b.sqlite3"
    assert backed_up(shared_mongod.uri, str(target), "--db", database)["tasks"] == 1500
    assert in_file(target) == kept
    assert not list(tmp_path.glob("b.sqlite3?*"))


def test_a_copy_that_is_made_again(tmp_path: Path) -> None:
    """A second copy brings what was changed and removed meanwhile, and ends with 0; a mirror removes what is extra."""
    source, target = tmp_path / "a.sqlite3", tmp_path / "b.sqlite3"
    ids = sorted(make_file(source, 10))
    copied(str(source), str(target))
    with Daemon(tmp_path, "--sqlite", str(source)) as daemon, thriftpy2_client(daemon.port) as client:
        users = {task_id: user for task_id, (user, *_) in in_file(source).items()}
        client.update(ids[0], "changed", None, users[ids[0]])
        client.remove(ids[1], users[ids[1]])
    figures = copied(str(source), str(target))
    assert (figures["copied"], figures["same"], figures["differing"]) == (2, 10, 0)
    assert in_file(target) == in_file(source)
    with Daemon(tmp_path, "--sqlite", str(target)) as daemon, thriftpy2_client(daemon.port) as client:
        client.add("somebody", "extra", None)
        client.update(ids[2], "newer", None, users[ids[2]])
    assert run("copy", str(source), str(target)).returncode == 1
    figures = copied(str(source), str(target), "--mirror")
    assert (figures["copied"], figures["removed"]) == (1, 1)
    assert in_file(target) == in_file(source)
    assert run("copy", str(source), str(target), "--mirror", "--verify-only").returncode == 2
