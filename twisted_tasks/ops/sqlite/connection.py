"""What the threads of a database work with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol


class SqliteConnection(sqlite3.Connection):
    """A connection that knows how long it waits for a lock."""

    patience: int | None = None
    """Milliseconds, once it was told."""

    def wait_for_locks(self, milliseconds: int) -> None:
        """Wait for a lock that another process holds so long, or up to an eighth shorter.

        Nearly all calls have the same time, less what they have waited: rounded, it has to be set but once. Rounded
        down, so that callers and the log are told of the lock, and not of a deadline that passed.
        """
        patience = milliseconds - milliseconds % (1 << max(0, milliseconds.bit_length() - 4))
        if patience != self.patience:
            self.execute(f"PRAGMA busy_timeout = {patience}")
            self.patience = patience


class Cursor(Protocol):
    """What a transaction needs of a DB-API cursor, or of what adbapi wraps around one."""

    connection: SqliteConnection
    rowcount: int

    def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
