"""The schema of an SQLite file: which version a file has, and how it gets to the newest one.

The steps are numbered .sql files in a package: NNNN_what.sql brings a file from version NNNN - 1 to NNNN. A file says
by `PRAGMA application_id` whose it is, and by `PRAGMA user_version` how many steps it has taken. A file of another
application is left exactly as it is.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

# The first with STRICT tables. Python 3.11 can be built with older ones: on RHEL 9, for example.
_OLDEST_SQLITE = (3, 37)


class Unusable(Exception):
    """The file cannot be used. One sentence that names the cause, for the operator."""


@dataclass(frozen=True)
class Schema:
    """What an application keeps in its SQLite file.

    @ivar package: the package that holds the .sql files.
    @ivar application_id: marks the application's files; four ASCII characters as a number, which `file` shows.
    @ivar name: what the file is for, as in "cannot use tasks.sqlite3 as the task store".
    @ivar probe: a statement that reads, and works on every file of the newest version.
    @ivar no_change: a statement that changes nothing where the file can be written, and is refused where it can only be
        read: SQLite opens such a file without a word, and even lets it BEGIN IMMEDIATE.
    """

    package: str
    application_id: int
    name: str
    probe: str
    no_change: str

    def steps(self) -> list[tuple[int, str]]:
        """Return the schema's steps as (version it leads to, SQL), in order."""
        files = resources.files(self.package).iterdir()
        found = [(re.fullmatch(r"(\d{4})_.*\.sql", file.name), file) for file in files]
        return sorted((int(match[1]), file.read_text("utf-8")) for match, file in found if match)

    def open(self, path: str) -> None:
        """Make the file if it is missing, and bring it to the newest version. Raise Unusable if that cannot be done."""
        try:
            _create(path)
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                self.prepare(connection)
            # Asked without the write lock, which another process may have for longer than a start should wait.
            if not os.access(path, os.W_OK):
                raise Unusable("it can only be read")
        except (Unusable, sqlite3.Error) as error:
            raise self.unusable(path, error) from None

    def is_behind(self, path: str) -> bool:
        """Return whether the file is one of ours that `open` would have to upgrade, which may take a while."""
        try:
            if not Path(path).is_file():
                return False
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                return 0 < self.known_version(connection) < self.steps()[-1][0]
        except (Unusable, sqlite3.Error, OSError):
            return False  # `open` says why

    def check(self, path: str) -> str:
        """Return in a sentence what `open` would find, and change nothing. Raise Unusable if it would fail."""
        try:
            return self._look(path)
        except (Unusable, sqlite3.Error) as error:
            raise self.unusable(path, error) from None

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Bring the database to the newest version; do nothing when it is there.

        Raises Unusable when the database is another application's or of a newer version of ours.
        `connection` must be in autocommit mode (`isolation_level=None`).
        """
        upgrade = self.known_version(connection) < self.steps()[-1][0]
        connection.execute("PRAGMA journal_mode = WAL")
        if upgrade:
            self._upgrade(connection)
        else:
            connection.execute(self.probe).fetchone()

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        # From here to COMMIT nobody else can upgrade the file; a second process that starts at once finds it done.
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self.known_version(connection)
            for target, sql in self.steps():
                if target > version:
                    for statement in _statements(sql):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {target}")
            connection.execute(f"PRAGMA application_id = {self.application_id}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors have ended it already
                connection.execute("ROLLBACK")
            raise

    def _look(self, path: str) -> str:
        try:
            Path(path).stat()
        except FileNotFoundError:
            if not os.access(Path(path).absolute().parent, os.W_OK | os.X_OK):
                raise Unusable("its folder is not there, or cannot be written") from None
            return f"the SQLite file {path} is not there yet, and will be made"
        except OSError as error:  # a folder that cannot be entered, a name that is too long
            raise Unusable(error.strerror) from None
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            version = self.known_version(connection)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA user_version = {version}")  # a file that can only be read refuses
            connection.execute("ROLLBACK")
            newest = self.steps()[-1][0]
            if version == newest:
                connection.execute(self.probe).fetchone()
        later = "" if version == newest else f", and a start will bring it to {newest}"
        return f"the SQLite file {path} works; it has version {version}{later}"

    def known_version(self, connection: sqlite3.Connection) -> int:
        """Return how many steps a file has taken; raise Unusable when it is another application's or a newer one's."""
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise Unusable(f"this Python has SQLite {sqlite3.sqlite_version}, and 3.37 is the first that will do")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application != self.application_id and (application or version or tables):
            raise Unusable("it is the database of another application")
        newest = self.steps()[-1][0]
        if version > newest:
            raise Unusable(f"it has version {version}, and this release knows versions up to {newest}")
        return int(version)

    def unusable(self, path: str, error: Exception) -> Unusable:
        """Return what to raise when an error keeps the file from being used."""
        return Unusable(f"cannot use {path} as {self.name}: {error}")


def _create(path: str) -> None:
    """Make an empty file if there is none, which its owner alone can read. SQLite gives -wal and -shm the same rights.

    Raises Unusable when it cannot be made.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        folder = Path(path).absolute().parent
        raise Unusable(
            f"unable to open database file: {error.strerror} (user {os.getuid()} needs to write to the folder {folder})"
        ) from None


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
