"""Files of any application's schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from twisted_tasks.ops.sqlite.schema import Schema, Unusable

NOTES = Schema(
    "notes_schema", 0x4E4F5445, "the notebook", "SELECT text FROM notes LIMIT 1", "DELETE FROM notes WHERE 0"
)


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebook's steps; it has one."""
    folder = tmp_path / "notes_schema"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text("-- A comment; with a semicolon.\nCREATE TABLE notes (\n    text TEXT\n);\n")
    (folder / "about.txt").write_text("not a step")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_a_new_file(tmp_path: Path, steps: Path) -> None:
    """A missing file is made, in WAL mode, with the application's number and the newest version."""
    path = tmp_path / "a.sqlite3"
    assert NOTES.check(str(path)) == f"the SQLite file {path} is not there yet, and will be made"
    NOTES.open(str(path))
    assert ask(path, "PRAGMA application_id") == [(0x4E4F5445,)]
    assert ask(path, "PRAGMA user_version") == [(1,)]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert NOTES.check(str(path)) == f"the SQLite file {path} works; it has version 1"


def test_an_older_file(tmp_path: Path, steps: Path) -> None:
    """A file of an older version keeps what it holds, and takes the steps it lacks."""
    path = tmp_path / "a.sqlite3"
    NOTES.open(str(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO notes VALUES ('tea')")
    (steps / "0002_dates.sql").write_text("ALTER TABLE notes ADD COLUMN day TEXT;\nUPDATE notes SET day = 'today';\n")
    NOTES.open(str(path))
    assert ask(path, "SELECT text, day FROM notes") == [("tea", "today")]
    assert ask(path, "PRAGMA user_version") == [(2,)]


def test_a_file_of_another_application(tmp_path: Path, steps: Path) -> None:
    """Two applications of the same package never take each other's files."""
    path = tmp_path / "a.sqlite3"
    NOTES.open(str(path))
    other = Schema("notes_schema", 0x4F544852, "the diary", NOTES.probe, NOTES.no_change)
    for attempt in (other.open, other.check):
        with pytest.raises(Unusable) as caught:
            attempt(str(path))
        assert str(caught.value) == f"cannot use {path} as the diary: it is the database of another application"
    assert ask(path, "PRAGMA application_id") == [(0x4E4F5445,)]


def test_a_file_whose_table_is_gone(tmp_path: Path, steps: Path) -> None:
    """A file that the probing statement fails on is refused, with SQLite's reason."""
    path = tmp_path / "a.sqlite3"
    NOTES.open(str(path))
    ask(path, "DROP TABLE notes")
    for attempt in (NOTES.open, NOTES.check):
        with pytest.raises(Unusable, match="no such table: notes"):
            attempt(str(path))
