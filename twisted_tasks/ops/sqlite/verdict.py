"""Whether reading, or writing, works: judged from what becomes of each transaction, and told to the log."""

from __future__ import annotations

import sqlite3
from math import inf

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

_QUIET = 10.0
"""Seconds before the same cause is logged again. On a full disk small writes succeed now and then between large ones
that fail, and each of them would be a line."""

_WORDS = {
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_BUSY: "another process holds its lock",
    sqlite3.SQLITE_READONLY: "it can only be read",
    sqlite3.SQLITE_IOERR: "its disk reports errors",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is damaged",
}

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Lasts until the file is another one, though transactions that meet other parts of the file succeed."""


class Verdict:
    """What is known of one kind of work on a file.

    @param path: the file.
    @param name: what it is for, as in "the task store".
    @param work: "read" or "written".
    @param clock: tells how long ago something was logged.
    """

    _log = Logger()

    def __init__(self, path: str, name: str, work: str, clock: IReactorTime) -> None:
        self._path = path
        self._name = name
        self._work = work
        self._clock = clock
        self._told: str | None = None
        self._told_at: dict[str | None, float] = {}
        self.trouble: Exception | None = None
        """Why it does not work; None while it does."""

    def worked(self, proven: bool = False) -> None:
        """Called when a transaction succeeded.

        @param proven: whether there was room for a large one.
        """
        if code(self.trouble) in _DAMAGE or (code(self.trouble) == sqlite3.SQLITE_FULL and not proven):
            return
        self.trouble = None
        self._tell(None)

    def failed(self, error: Exception) -> None:
        """Called when a transaction failed in a way that is no caller's fault."""
        self.trouble = error
        self._tell(str(error))

    def sentence(self) -> str:
        """Return what does not work and why, in words for everybody. Called while there is trouble."""
        why = _WORDS.get(code(self.trouble), "the log says why")
        return f"{self._name} cannot be {self._work}: {why}"

    def _tell(self, cause: str | None) -> None:
        now = self._clock.seconds()
        if cause == self._told or now - self._told_at.get(cause, -inf) < _QUIET:
            return
        self._told, self._told_at[cause] = cause, now
        if cause is None:
            self._log.info("the SQLite file {path} can be {work} again", path=self._path, work=self._work)
        else:
            self._log.error(
                "the SQLite file {path} cannot be {work}: {error}", path=self._path, work=self._work, error=cause
            )


def code(error: Exception | None) -> int:
    """Return SQLite's primary result code; 0 when it gave none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
