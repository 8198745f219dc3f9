"""What is asked of the file, in SQL, as functions of a cursor.

Tables and columns are named as in `records`; values are always parameters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from twisted_tasks.gateway.accounts.storage.interface import R, Where
from twisted_tasks.gateway.accounts.storage.records import EXPIRING, TABLES, Record
from twisted_tasks.ops.sqlite.connection import Cursor

_AT_ONCE = 500
"""Values of one condition in one statement; SQLite takes 32,766 parameters."""


def add(cursor: Cursor, record: Record) -> bool:
    """See IAccountStore.add."""
    kind = type(record)
    places = ", ".join("?" * len(record))
    cursor.execute(f"INSERT INTO {_table(kind)} ({_columns(kind)}) VALUES ({places}) ON CONFLICT DO NOTHING", record)
    return cursor.rowcount == 1


def find(cursor: Cursor, kind: type[R], where: Where) -> list[R]:
    """See IAccountStore.find."""
    found: list[R] = []
    for part in _parts(where):
        conditions, values = _conditions(part)
        cursor.execute(f"SELECT {_columns(kind)} FROM {_table(kind)} WHERE {conditions} ORDER BY id", values)
        found += [kind(*row) for row in cursor.fetchall()]
    return found


def change(cursor: Cursor, kind: type[Record], where: Where, values: Mapping[str, Any]) -> int | None:
    """See IAccountStore.change."""
    conditions, parameters = _conditions(where)
    assignments = ", ".join(f"{field} = ?" for field in values)
    try:
        cursor.execute(f"UPDATE {_table(kind)} SET {assignments} WHERE {conditions}", [*values.values(), *parameters])
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            return None
        raise
    return cursor.rowcount


def remove(cursor: Cursor, kind: type[Record], where: Where) -> int:
    """See IAccountStore.remove."""
    conditions, parameters = _conditions(where)
    cursor.execute(f"DELETE FROM {_table(kind)} WHERE {conditions}", parameters)
    return cursor.rowcount


def remove_expired(cursor: Cursor, now_ms: int) -> int:
    """See IAccountStore.remove_expired."""
    count = 0
    for kind in EXPIRING:
        cursor.execute(f"DELETE FROM {_table(kind)} WHERE expires_ms < ?", [now_ms])
        count += cursor.rowcount
    return count


def _table(kind: Any) -> str:
    return TABLES[kind]


def _columns(kind: Any) -> str:
    return ", ".join(kind._fields)


def _conditions(where: Where) -> tuple[str, list[Any]]:
    """Return a WHERE clause and its parameters."""
    texts, parameters = ["1"], []
    for field, wanted in where.items():
        if isinstance(wanted, list):
            texts.append(f"{field} IN ({', '.join('?' * len(wanted))})")
            parameters += wanted
        else:
            texts.append(f"{field} IS ?")
            parameters.append(wanted)
    return " AND ".join(texts), parameters


def _parts(where: Where) -> list[Where]:
    """Return conditions that together are `where`, none with more values than one statement takes."""
    for field, wanted in where.items():
        if isinstance(wanted, list) and len(wanted) > _AT_ONCE:
            values = sorted(wanted)
            return [{**where, field: values[start : start + _AT_ONCE]} for start in range(0, len(values), _AT_ONCE)]
    return [where]
