"""The check-up of an SQLite file. Reads only, and blocks while it does."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from twisted_tasks.cli.findings import Findings

_APPLICATION_ID = 0x5441534B  # "TASK": see storage/sqlite_schema.py
_NEWEST = 1
"""The version of the schema, of that module too."""
_INDEX = "tasks_by_user"
_LITTLE_SPACE = 100 * 2**20
"""Bytes of free disk below which it is time to say so."""


def examine(path: str, findings: Findings) -> None:
    """Look at a file."""
    file = Path(path)
    if not file.is_file():
        findings.wrong("file", f"there is no file {path}", "the daemon makes it at its start, in its run directory")
        return
    _around(file, findings)
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=3)
        try:
            _inside(connection, path, findings)
        finally:
            connection.close()
    except sqlite3.Error as error:
        findings.wrong("file", f"{path}: {error}", "is it a store of this service, and whole? restore a backup if not")


def _around(file: Path, findings: Findings) -> None:
    folder = file.absolute().parent
    # It keeps two files beside it, and removes them at times.
    for place, what in ((file, "the file"), (folder, "its folder")):
        if not os.access(place, os.W_OK):
            findings.wrong("rights", f"{what} {place} cannot be written to", "by whoever runs this; see whose it is")
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**20:,.0f} MiB are free on its disk"
    if free < _LITTLE_SPACE:
        findings.note("disk", text, "make room: a full disk refuses every write")
    else:
        findings.ok("disk", text)


def _inside(connection: sqlite3.Connection, path: str, findings: Findings) -> None:
    def one(sql: str) -> object:
        return connection.execute(sql).fetchone()[0]

    if one("PRAGMA application_id") != _APPLICATION_ID:
        findings.wrong("file", f"{path} is an SQLite file, and not one of this service", "give the right one")
        return
    version = int(str(one("PRAGMA user_version")))
    if version > _NEWEST:
        text = f"{path} has schema {version}, and this release knows schemas up to {_NEWEST}"
        findings.wrong("file", text, "a newer release wrote it: upgrade to that one")
        return
    count = one("SELECT count(*) FROM tasks")
    findings.ok("file", f"{path}: {count:,} tasks, schema {version}, SQLite {sqlite3.sqlite_version}")
    found = one("PRAGMA quick_check")
    if found == "ok":
        findings.ok("whole", "its pages and its index agree")
    else:
        findings.wrong("whole", f"it is damaged: {found}", "stop the daemon, and restore a backup")
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    if _INDEX in names:
        findings.ok("index", f"{_INDEX} is there")
    else:
        findings.wrong(
            "index", f"{_INDEX} is missing: lists are slow", "restore a backup, or copy the tasks to a new file"
        )
    mode = one("PRAGMA journal_mode")
    if mode != "wal":
        findings.note("journal", f"its journal is {mode}, not wal", "the daemon sets that at its start")
