"""The shape of the SQLite file: which version it has, and how it gets to the newest one.

`schema/` holds the steps. A file says by `PRAGMA application_id` that it is ours, and by `PRAGMA user_version` how many
steps it has taken. Whatever is not ours is left as it is, to the bit.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from twisted_tasks.storage.interface import StoreMisconfigured

# "TASK" in ASCII: what `file` and PRAGMA application_id know our files by.
APPLICATION_ID = 0x5441534B

# The first with STRICT tables. Python 3.11 is built with older ones, too: on RHEL 9, for one.
_OLDEST_SQLITE = (3, 37)

# What a file that works can be asked.
ANY_TASK = "SELECT id, user_id, name, created_on, done FROM tasks LIMIT 1"

# Refused where a file can only be read, and changes nothing where it can be written. SQLite opens the former without a
# word, and even lets it BEGIN IMMEDIATE.
NO_CHANGE = "UPDATE tasks SET done = done WHERE 0"


def _steps() -> list[tuple[int, str]]:
    """Return the schema's steps as (version it leads to, SQL), in order."""
    files = resources.files("twisted_tasks.storage").joinpath("schema").iterdir()
    found = [(re.fullmatch(r"(\d{4})_.*\.sql", file.name), file) for file in files]
    return sorted((int(match[1]), file.read_text("utf-8")) for match, file in found if match)


def prepare(connection: sqlite3.Connection) -> None:
    """Bring the database to the schema's newest version; do nothing when it is there.

    Raises StoreMisconfigured when the database is another application's or of a newer version of ours.
    `connection` must be in autocommit mode (`isolation_level=None`).
    """
    upgrade = _version(connection) < _steps()[-1][0]
    connection.execute("PRAGMA journal_mode = WAL")
    if not upgrade:
        connection.execute(ANY_TASK).fetchone()
        return
    # From here to COMMIT nobody else can upgrade the file; a second process that starts at once finds it done.
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        for target, sql in _steps():
            if target > version:
                for statement in _statements(sql):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {target}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have ended it already
            connection.execute("ROLLBACK")
        raise


def inspect(path: str) -> str:
    """Return in a sentence what `prepare` would find in a file, and change nothing.

    Raises StoreMisconfigured or sqlite3.Error when it could not be used.
    """
    try:
        Path(path).stat()
    except FileNotFoundError:
        if not os.access(Path(path).absolute().parent, os.W_OK | os.X_OK):
            raise StoreMisconfigured("its folder is not there, or cannot be written") from None
        return f"the SQLite file {path} is not there yet, and will be made"
    except OSError as error:  # a folder that cannot be entered, a name that is too long
        raise StoreMisconfigured(error.strerror) from None
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        version = _version(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version = {version}")  # a file that can only be read refuses
        connection.execute("ROLLBACK")
        if version:
            connection.execute(ANY_TASK).fetchone()
    return f"the SQLite file {path} works; it has version {version}"


def _version(connection: sqlite3.Connection) -> int:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreMisconfigured(f"this Python has SQLite {sqlite3.sqlite_version}, and 3.37 is the first that will do")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreMisconfigured("it is the database of another application")
    newest = _steps()[-1][0]
    if version > newest:
        raise StoreMisconfigured(f"it has version {version}, and this release knows versions up to {newest}")
    return int(version)


def _statements(sql: str) -> list[str]:
    """Split a script, since `executescript` would commit the transaction around it.

    A statement begins on a line of its own. What follows the last semicolon is one more.
    """
    statements, pending = [], ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return [*statements, pending]
