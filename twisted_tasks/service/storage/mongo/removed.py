"""Removed tasks as documents of a collection of their own, and back. Values in, values out.

    {_id: ObjectId, userId: str, version: int64, keys: [...],     the version is the removal's, one more than the task's
     name, createdOn, done, updatedOn, notes, due, rank,          the task as it last was; less without contents
     bare: true,                                                  when no contents are kept
     by: ObjectId,                                                which attempt to remove the task wrote this
     removedOn: date}                                             absent until the task is known to be gone

    {_id: "emptied USER", userId: str, emptiedOn: date}           everything of a user was removed: see `emptying`

A document without `removedOn` is written before a task is removed. While the task is living, it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bson import Int64, ObjectId

from twisted_tasks.model import KEYS_KEPT, StoredTask, Task, UsedKey
from twisted_tasks.mongo.indexes import Index
from twisted_tasks.service.storage.mongo.documents import from_keys, to_document, to_keys, to_milliseconds, to_task

REMOVED = "removedTasks"
_DAY_SECONDS = 24 * 3600
_LONGEST = 2**31 - 1
"""Seconds: 68 years. MongoDB takes no more."""
TOLD_DAYS = 30
"""How long a removal is known when no contents are kept."""
_EMPTIED_DAYS = 2
"""How long it is known that a user was emptied; tokens of `changes` are good for a day."""

INDEX = Index(REMOVED, "userId_1_removedOn_1__id_1", {"userId": 1, "removedOn": 1, "_id": 1})


def indexes(keep_days: int | None) -> list[Index]:
    """Return the indexes of the collection. Two of them remove what was kept long enough; None keeps all for ever."""
    found = [
        INDEX,
        Index(REMOVED, "emptiedOn_1", {"emptiedOn": 1}, {"expireAfterSeconds": _EMPTIED_DAYS * _DAY_SECONDS}),
    ]
    if keep_days is not None:
        kept = min((keep_days or TOLD_DAYS) * _DAY_SECONDS, _LONGEST)
        found.append(Index(REMOVED, "removedOn_1", {"removedOn": 1}, {"expireAfterSeconds": kept}))
    return found


class Removed(NamedTuple):
    """A removed task as it is kept."""

    stored: StoredTask
    """Its `removed_ms` is 0 as long as the task is not known to be gone."""
    by: ObjectId | None

    @property
    def is_known_gone(self) -> bool:
        """Whether the removal is known to have happened."""
        return bool(self.stored.removed_ms)


def to_removed(document: Mapping[str, Any]) -> Removed | None:
    """Return the removed task a document holds, or None when it holds none."""
    task = to_task(document)
    if task is None:
        return None
    removed_ms = to_milliseconds(document.get("removedOn")) or 0
    by = document.get("by")
    return Removed(
        StoredTask(
            task._replace(version=max(0, task.version - 1)),
            to_keys(document.get("keys")),
            removed_ms,
            is_bare=document.get("bare") is True,
        ),
        by if type(by) is ObjectId else None,
    )


def announcement(stored: StoredTask, key: str | None, by: ObjectId, keeps_contents: bool) -> dict[str, Any]:
    """Return the document to write before a living task is removed.

    @param key: the key of the removal.
    """
    task = stored.task
    version = task.version + 1
    keys: Sequence[UsedKey] = stored.keys
    if key is not None:
        keys = (*keys, UsedKey(key, version))[-KEYS_KEPT:]
    if not keeps_contents:
        task = Task(task.id, task.user_id, "", task.created_ms, False)
    document = {**to_document(task), "version": Int64(version), "keys": from_keys(keys), "by": by}
    return document if keeps_contents else {**document, "bare": True}


def restored(removed: Removed) -> dict[str, Any]:
    """Return what a removed task's document has when it is living again, besides the date of its restoration."""
    task = removed.stored.task
    document = to_document(task._replace(version=task.version + 2, updated_ms=None))
    return {**document, "keys": from_keys(removed.stored.keys)} if removed.stored.keys else document
