"""Records as MongoDB's documents, conditions as its filters, and the indexes there are.

A field is named as MongoDB's users name theirs, and a time is a date: `last_seen_ms` is `lastSeenOn`. `id` is `_id`.
Dates let MongoDB remove what has expired by itself, which its TTL indexes do once a minute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bson import DatetimeMS

from twisted_tasks.gateway.accounts.storage.interface import R, Where
from twisted_tasks.gateway.accounts.storage.records import EXPIRING, TABLES, UNIQUE, Record
from twisted_tasks.mongo.indexes import Index

_MS = "_ms"


def name_of(field: str) -> str:
    """Return what a record's field is called in a document."""
    if field == "id":
        return "_id"
    return re.sub("_([a-z])", lambda match: match[1].upper(), field.removesuffix(_MS) + "_on" * field.endswith(_MS))


def collection(kind: Any) -> str:
    """Return the collection of a kind of record."""
    return name_of(TABLES[kind])


def to_document(record: Record) -> dict[str, Any]:
    """Return the document that keeps a record. What is None is absent."""
    return {name_of(field): _value(field, value) for field, value in record._asdict().items() if value is not None}


def to_record(kind: type[R], document: Mapping[str, Any]) -> R:
    """Return the record that a document keeps."""
    return kind(*(_plain(document.get(name_of(field))) for field in kind._fields))


def to_filter(where: Where) -> dict[str, Any]:
    """Return the filter of conditions."""
    return {
        name_of(field): {"$in": [_value(field, one) for one in wanted]}
        if isinstance(wanted, list)
        else _value(field, wanted)
        for field, wanted in where.items()
    }


def to_update(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the update that sets fields."""
    update: dict[str, Any] = {}
    for field, value in values.items():
        operator = "$unset" if value is None else "$set"
        update.setdefault(operator, {})[name_of(field)] = "" if value is None else _value(field, value)
    return update


def _value(field: str, value: Any) -> Any:
    return DatetimeMS(value) if field.endswith(_MS) and value is not None else value


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, DatetimeMS) else value


def _index(kind: Any, *fields: str, **options: Any) -> Index:
    names = [name_of(field) for field in fields]
    return Index(collection(kind), "_".join(f"{name}_1" for name in names), dict.fromkeys(names, 1), options)


UNIQUE_INDEXES: tuple[Index, ...] = tuple(_index(kind, field, unique=True) for kind, field in UNIQUE.items())
"""Without these no record of their kind may be added or changed."""

INDEXES: tuple[Index, ...] = (
    *UNIQUE_INDEXES,
    *(_index(kind, "expires_ms", expireAfterSeconds=0) for kind in EXPIRING),
    *(_index(kind, "account_id") for kind in TABLES if "account_id" in kind._fields),
    *(_index(kind, "state") for kind in UNIQUE),
)
"""Without the others everything works, only slower, and what has expired stays."""
