"""A backup of an SQLite file that may be in use: a new file, of one moment, and verified."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from twisted_tasks.ops.sqlite.schema import Unusable
from twisted_tasks.service.storage.sqlite.schema import SCHEMA

_PAGES = 1000
"""Pages that are copied at a time, before progress is told."""


def back_up(source: str, target: str, progress: Callable[[int, int], None]) -> int:
    """Write what a file has now to a new one, verify that, and return how many tasks it has.

    Sync tokens of the source say nothing to the new file: when it is restored, clients begin anew, since what they
    learnt after the backup is not in it.

    @param progress: told how many pages there are left, and how many there are.
    @raise Unusable: when the source is no store of ours, or the new file is not the same.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_connect(source, "ro")) as old, closing(_connect(target, "rw")) as new:
        try:
            SCHEMA.known_version(old)
        except Unusable as error:
            raise SCHEMA.unusable(source, error) from None
        old.execute("BEGIN")  # all of the moment of the first read
        counted = _count(old)
        old.backup(new, pages=_PAGES, progress=lambda status, left, total: progress(left, total))
        old.execute("COMMIT")
        new.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it
        verify(new, counted)
        _rename_sync_tokens(new)
    _sync(target)
    return counted[0]


def verify(connection: sqlite3.Connection, counted: tuple[int, ...]) -> None:
    """Raise Unusable unless a file is whole and has as many rows as were counted."""
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if problems != ["ok"]:
        raise Unusable(f"the backup is damaged, or its source is: {'; '.join(problems)}")
    if _count(connection) != counted:
        raise Unusable(f"the backup has other rows than its source: {_count(connection)}, and not {counted}")


def _connect(path: str, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30)


def _count(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Return the numbers of rows, that of tasks first. A file of an older version has fewer tables."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    counts = (
        connection.execute(f"SELECT count(*) FROM {table} NOT INDEXED").fetchone()[0]
        for table in ("tasks", "removed_tasks", "emptied_users")
        if table in tables
    )
    return tuple(counts)


def _rename_sync_tokens(connection: sqlite3.Connection) -> None:
    if SCHEMA.known_version(connection) >= 2:
        connection.execute("UPDATE store SET mark = random() & 0x7fffffffffffffff")


def _sync(path: str) -> None:
    """Make a file, and that it is there, reach the disk."""
    for place, flags in ((path, os.O_RDWR), (Path(path).absolute().parent, os.O_RDONLY)):
        descriptor = os.open(place, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
