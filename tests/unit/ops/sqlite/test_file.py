"""An SQLite file that is in use, and what somebody does to it meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from twisted_tasks.ops.sqlite.file import FileLost, OpenFile


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def make(path: Path, count: int = 10) -> None:
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE notes (text)")
        connection.executemany("INSERT INTO notes VALUES (?)", [("note" * 100,)] * count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "notes.sqlite3"
    path.parent.mkdir()
    make(path)
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as connection:
        connection.execute("SELECT * FROM notes").fetchall()
        yield connection


@pytest.fixture
def file(path: Path, connection: sqlite3.Connection) -> Iterator[OpenFile]:
    file = OpenFile(str(path))
    connection.execute("INSERT INTO notes VALUES ('new')")
    file.check()
    yield file
    connection.close()
    file.close()


def test_ordinary_life(path: Path, connection: sqlite3.Connection, file: OpenFile) -> None:
    """Writes, checkpoints, backups and other processes' connections are nothing to complain of."""
    for number in range(30):
        connection.execute("INSERT INTO notes VALUES (?)", (f"{number}" * 3000,))
        file.check()
        file.check_wal()
        if number % 7 == 0:
            connection.execute("PRAGMA wal_checkpoint")
        if number % 10 == 0:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.check()
        with closing(connect(path)) as other:
            other.execute("INSERT INTO notes VALUES ('other')")
        file.check()
    with closing(connect(path)) as other, closing(connect(path.with_name("backup"))) as backup:
        other.backup(backup)
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.chmod(path, 0o600)
    file.check()


def remove_all(path: Path) -> None:
    for name in path.parent.iterdir():
        name.unlink()


def remove_file(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("other"))


def replace(path: Path) -> None:
    other = path.with_name("other")
    make(other)
    other.rename(path)


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def rename_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize("do", [remove_all, remove_file, rename, replace, remove_folder, rename_folder])
def test_a_path_that_leads_elsewhere(path: Path, file: OpenFile, do: Callable[[Path], None]) -> None:
    """A file that is not where it was, or is another one there, is noticed at once."""
    do(path)
    for _ in range(2):
        with pytest.raises(FileLost, match=r"not there any more|replaced"):
            file.check()


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("again", [False, True])
def test_the_files_beside_it(path: Path, file: OpenFile, suffix: str, again: bool) -> None:
    """A -wal or -shm file that is removed, or is another one, is noticed."""
    beside = path.with_name(path.name + suffix)
    beside.unlink()
    if again:
        beside.write_bytes(b"")
    with pytest.raises(FileLost, match=suffix):
        file.check()


@pytest.mark.parametrize("left", [0, 1, 100])
def test_a_wal_that_is_cut_short(path: Path, connection: sqlite3.Connection, file: OpenFile, left: int) -> None:
    """A -wal file that lost its end is noticed before the next write makes it long again, and stays lost."""
    os.truncate(path.with_name(path.name + "-wal"), left)
    with pytest.raises(FileLost, match="cut short"):
        file.check_wal()
    connection.execute("INSERT INTO notes VALUES ('newer')")
    with pytest.raises(FileLost, match="cut short"):
        file.check()


def test_put_back(path: Path, file: OpenFile) -> None:
    """A file that is renamed and comes back is the file again."""
    path.rename(path.with_name("other"))
    with pytest.raises(FileLost):
        file.check()
    path.with_name("other").rename(path)
    file.check()


def raw_copy(path: Path, backup: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    shutil.copy(path, backup)


def online_backup(path: Path, backup: Path) -> None:
    with closing(connect(path)) as connection, closing(connect(backup)) as target:
        connection.backup(target)


def vacuum_into(path: Path, backup: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))


def another(path: Path, backup: Path) -> None:
    make(backup, 500)


@pytest.mark.parametrize("back_up", [raw_copy, online_backup, vacuum_into, another])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_backup_copied_over_it(
    path: Path, connection: sqlite3.Connection, file: OpenFile, back_up: Callable[[Path, Path], None], checkpoint: bool
) -> None:
    """A file that keeps its place and gets other contents is noticed, and stays lost."""
    backup = path.with_name("backup")
    back_up(path, backup)
    connection.execute("INSERT INTO notes VALUES ('newer')")
    if checkpoint:
        connection.execute("PRAGMA wal_checkpoint")
    file.check()
    path.write_bytes(backup.read_bytes())  # as cp does it: the same file, emptied and filled again
    for _ in range(3):
        with pytest.raises(FileLost, match="something other than SQLite"):
            file.check()


def test_a_file_that_is_emptied(path: Path, file: OpenFile) -> None:
    """A file that is truncated is noticed."""
    os.truncate(path, 0)
    with pytest.raises(FileLost):
        file.check()


def test_locks_survive(path: Path, connection: sqlite3.Connection) -> None:
    """Closing one watch of a file leaves this process's other connections their locks."""
    file = OpenFile(str(path))
    connection.execute("BEGIN IMMEDIATE")
    file.close()
    code = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    assert "locked" in os.popen(f'python3 -c "{code}" 2>&1').read()
    connection.execute("COMMIT")
