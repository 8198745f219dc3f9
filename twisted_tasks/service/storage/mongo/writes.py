"""The commands that write tasks. Values in, values out.

Every statement that names an `_id` also names the `userId`, so that a router asks one shard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64

from twisted_tasks.model import KEYS_KEPT, Condition, Task, TaskChange
from twisted_tasks.service.storage.mongo.documents import BEYOND_VERSIONS, COLLECTION, STORED_FIELDS, to_added
from twisted_tasks.service.storage.mongo.reads import one

_CLEARABLE = ("notes", "due", "rank")
_NO_LIST = {"$not": {"$type": "array"}}
_BELOW_ALL = Int64(-(2**62))


def insert(tasks: Sequence[Task], now_ms: int) -> dict[str, Any]:
    """Return the command that adds tasks, each whatever becomes of the others."""
    return {"insert": COLLECTION, "documents": [to_added(task, now_ms) for task in tasks], "ordered": False}


def update(changes: Sequence[TaskChange]) -> dict[str, Any]:
    """Return the command that makes changes without a condition; its reply does not tell which tasks there were."""
    statements = [{"q": one(change.id, change.user_id), "u": _modifiers(change)} for change in changes]
    return {"update": COLLECTION, "updates": statements, "ordered": False}


def update_one(change: TaskChange) -> dict[str, Any]:
    """Return the command that makes one change if its condition holds, and answers with the document as it then is."""
    return {
        "findAndModify": COLLECTION,
        "query": {**one(change.id, change.user_id), **holds(change.condition)},
        "update": _modifiers(change),
        "fields": STORED_FIELDS,
        "new": True,
    }


def change_nothing() -> dict[str, Any]:
    """Return an update that no task fits: whoever may do it, and gets it confirmed, can do all that we do."""
    return update([TaskChange("0" * 24, "", None, False)])


def holds(condition: Condition) -> dict[str, Any]:
    """Return what a document has when a condition holds, and was not met by an earlier change."""
    wanted: dict[str, Any] = {}
    if condition.version is not None:
        wanted["version"] = at_version(condition.version)
    if condition.key is not None:
        wanted["keys.k"] = {"$ne": condition.key}
    return wanted


def at_version(version: int) -> Any:
    """Return what finds a version in a document, as `documents` reads it: what is no number there counts as 0."""
    if version >= BEYOND_VERSIONS:
        return Int64(version)
    if version:
        return {"$gte": Int64(version), "$lt": Int64(version + 1), **_NO_LIST}
    return {"$not": {"$gte": Int64(1), "$lt": Int64(BEYOND_VERSIONS), **_NO_LIST}}


def _modifiers(change: TaskChange) -> Any:
    """Return what makes a change. The server stamps it, so that daemons' clocks do not matter."""
    settings: dict[str, Any] = {}
    if change.name is not None:
        settings["name"] = change.name
    if change.done is not None:
        settings["done"] = change.done
    cleared: dict[str, Any] = {}
    for name in _CLEARABLE:
        if (text := getattr(change, name)) is not None:
            (settings if text else cleared)[name] = text
    modifiers: dict[str, Any] = {"$set": settings} if settings else {}
    if cleared:
        modifiers["$unset"] = cleared
    modifiers["$inc"] = {"version": Int64(1)}
    modifiers["$currentDate"] = {"updatedOn": True}
    return modifiers if change.condition.key is None else _with_key(change, settings, cleared)


def _with_key(change: TaskChange, settings: Mapping[str, Any], cleared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the same as a pipeline, which can name the version that it makes: for the key."""
    version = {"$add": [{"$cond": [{"$isNumber": "$version"}, "$version", 0]}, Int64(1)]}
    before = {"$cond": [{"$isArray": "$keys"}, "$keys", []]}
    keys = {"$concatArrays": [before, [{"k": change.condition.key, "v": "$version"}]]}
    literal = {name: {"$literal": value} for name, value in settings.items()}
    stages: list[dict[str, Any]] = [
        {"$set": {**literal, "version": version, "updatedOn": "$$NOW"}},
        {"$set": {"keys": {"$slice": [keys, -KEYS_KEPT]}}},
    ]
    if cleared:
        stages.append({"$unset": list(cleared)})
    return stages


def delete(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the command that deletes tasks that have not changed since they were looked at."""
    statements = [
        {"q": {**one(task.id, task.user_id), "version": at_version(task.version)}, "limit": 1} for task in tasks
    ]
    return {"delete": COLLECTION, "deletes": statements, "ordered": False}


def insert_stamped(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command that inserts a document, with the server's date in `updatedOn`, and answers with it.

    It fails with a duplicate key when the id is there already: no document has a version below all there are.
    """
    fields = {name: value for name, value in document.items() if name not in ("_id", "userId")}
    return {
        "findAndModify": COLLECTION,
        "query": {"_id": document["_id"], "userId": document["userId"], "version": {"$lt": _BELOW_ALL}},
        "update": {"$setOnInsert": fields, "$currentDate": {"updatedOn": True}},
        "upsert": True,
        "new": True,
        "fields": STORED_FIELDS,
    }


def raise_version(task: Task, version: int) -> dict[str, Any]:
    """Return the command that gives a task that has not changed since a greater version."""
    statement = {
        "q": {**one(task.id, task.user_id), "version": at_version(task.version)},
        "u": {"$set": {"version": Int64(version)}, "$currentDate": {"updatedOn": True}},
    }
    return {"update": COLLECTION, "updates": [statement]}
