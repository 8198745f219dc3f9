"""The check-up of an SQLite file. Reads only, and blocks while it does."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from twisted_tasks.cli.doctor.findings import Findings

_APPLICATION_ID = 0x5441534B  # "TASK": see service/storage/sqlite/schema.py
_NEWEST = 2
"""The version of the schema, of that module too."""
_INDEXES = {"tasks_by_user": 1, "removed_by_change": 2, "removed_by_age": 2}
"""By name, the first schema that has it."""
_CHANGES_INDEX = "tasks_by_change"
"""The one that is made when somebody first asks for changes."""
_PARTS = dict.fromkeys(
    ("removed_tasks", "emptied_users", "store", "count_added", "count_changed", "count_removed", "versions_grow"), 2
)
"""Tables and triggers, likewise."""
_LITTLE_SPACE = 100 * 2**20
"""Bytes of free disk below which it is time to say so."""
_NO_SPACE = 2**20
"""Bytes of free disk below which a write of several tasks may fail."""


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
    if free < _NO_SPACE:
        findings.wrong("disk", text, "make room: writes are refused, or soon will be")
    elif free < _LITTLE_SPACE:
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
        findings.ok("whole", "its pages and its indexes agree")
    else:
        findings.wrong("whole", f"it is damaged: {found}", "stop the daemon, and restore a backup")
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    _parts(names, version, findings)
    _indexes(names, version, findings)
    mode = one("PRAGMA journal_mode")
    if mode != "wal":
        findings.note("journal", f"its journal is {mode}, not wal", "the daemon sets that at its start")


def _parts(names: Collection[str], version: int, findings: Findings) -> None:
    missing = _missing(_PARTS, names, version)
    if missing:
        text = f"{', '.join(missing)}: missing, so that changes are refused or not told of"
        findings.wrong("schema", text, "stop the daemon, and restore a backup")


def _indexes(names: Collection[str], version: int, findings: Findings) -> None:
    missing = _missing(_INDEXES, names, version)
    if missing:
        text = f"{', '.join(missing)}: missing, so that lists or changes are slow"
        findings.wrong("index", text, "restore a backup, or copy the tasks to a new file")
    else:
        findings.ok("index", "those of its schema are there")
    if version < _INDEXES["removed_by_change"]:
        findings.note("changes", f"schema {version} keeps none of them", "start the daemon: it upgrades the file")
    elif _CHANGES_INDEX in names:
        findings.ok("changes", f"{_CHANGES_INDEX} is there")
    else:
        findings.ok("changes", f"{_CHANGES_INDEX} is made when somebody first asks for changes")


def _missing(wanted: Mapping[str, int], names: Collection[str], version: int) -> list[str]:
    """Return what a file of a schema should have and has not."""
    return [name for name, since in wanted.items() if since <= version and name not in names]
