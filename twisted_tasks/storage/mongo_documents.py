"""Tasks as MongoDB's documents and commands, and back. Nothing here does anything: values in, values out.

A document is `{_id: ObjectId, userId: str, name: str, createdOn: date, done: bool}`, as the original tutorial's service
wrote it. That service left `done` out at times, and a date may have been written by anybody, so reading is tolerant: an
absent name is empty, an absent `done` is False, a date outside the years 1 to 9999 is the nearest one within, and an
absent date is the first there is, which is where MongoDB sorts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import FIRST_MS, LAST_MS, ListQuery, Position, Task, TaskChange, TaskRef

COLLECTION = "tasks"
INDEX = {"userId": 1, "createdOn": -1, "_id": -1}
INDEX_NAME = "userId_1_createdOn_-1__id_-1"
BATCH_SIZE = 1000
"""Tasks in one reply. Fewer mean more replies, and more would keep a connection's others waiting for longer."""
MOST_ITEMS = 500
"""Items in one command: with names of 4,096 characters of four bytes, well within the 16 MiB of one document."""

_NEWEST_FIRST = {"createdOn": -1, "_id": -1}


def to_document(task: Task) -> dict[str, Any]:
    """Return the document of a task."""
    return {
        "_id": ObjectId(task.id),
        "userId": task.user_id,
        "name": task.name,
        "createdOn": DatetimeMS(task.created_ms),
        "done": task.done,
    }


def to_task(document: Mapping[str, Any]) -> Task:
    """Return the task a document holds; its dates must have been decoded to DatetimeMS."""
    name = document.get("name")
    return Task(
        str(document["_id"]),
        document["userId"],
        name if type(name) is str else "" if name is None else str(name),
        _milliseconds(document.get("createdOn")),
        document.get("done") == 1,  # True, or the 1 of a client that has no booleans
    )


def is_task(document: Mapping[str, Any]) -> bool:
    """Return whether a document can be a task: with another kind of id or user nobody can ask for it."""
    return type(document["_id"]) is ObjectId and type(document.get("userId")) is str


def to_tasks(documents: Iterable[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks that documents hold, those left out that cannot be tasks."""
    return [to_task(document) for document in documents if is_task(document)]


def by_user(documents: Iterable[Mapping[str, Any]]) -> dict[str, list[Task]]:
    """Return the tasks that documents hold, by user, in the order given."""
    lists: dict[str, list[Task]] = {}
    for task in to_tasks(documents):
        lists.setdefault(task.user_id, []).append(task)
    return lists


def changed(task: Task, change: TaskChange) -> Task:
    """Return the task with what a change gives."""
    return task._replace(
        name=task.name if change.name is None else change.name,
        done=task.done if change.done is None else change.done,
    )


def changes_nothing(change: TaskChange) -> bool:
    """Return whether a change gives nothing to set."""
    return change.name is None and change.done is None


def insert(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the command that adds tasks, each whatever becomes of the others."""
    return {"insert": COLLECTION, "documents": [to_document(task) for task in tasks], "ordered": False}


def update(changes: Sequence[TaskChange]) -> dict[str, Any]:
    """Return the command that makes changes; its reply does not tell which tasks there were."""
    statements = [{"q": _one(change), "u": {"$set": _settings(change)}} for change in changes]
    return {"update": COLLECTION, "updates": statements, "ordered": False}


def update_one(change: TaskChange) -> dict[str, Any]:
    """Return the command that makes one change and answers with the document as it then is."""
    return {"findAndModify": COLLECTION, "query": _one(change), "update": {"$set": _settings(change)}, "new": True}


def delete(refs: Sequence[TaskRef]) -> dict[str, Any]:
    """Return the command that removes tasks; its reply does not tell which there were."""
    statements = [{"q": _one(ref), "limit": 1} for ref in refs]
    return {"delete": COLLECTION, "deletes": statements, "ordered": False}


def delete_one(ref: TaskRef) -> dict[str, Any]:
    """Return the command that removes one task and answers with what it removed."""
    return {"findAndModify": COLLECTION, "query": _one(ref), "remove": True, "fields": {"_id": 1}}


def find_ids(ids: Sequence[str]) -> dict[str, Any]:
    """Return the command that finds tasks by id, whosever they are."""
    wanted = ObjectId(ids[0]) if len(ids) == 1 else {"$in": [ObjectId(one) for one in ids]}
    return {"find": COLLECTION, "filter": {"_id": wanted}, "batchSize": len(ids), "limit": len(ids)}


def find_after(task_id: str | None, limit: int) -> dict[str, Any]:
    """Return the command that finds the tasks of all users that follow one in the order of ids; None: from the first.

    Documents that are no task of anybody are left out: their id, or their userId, is of another kind.
    """
    ids = {"$gte": ObjectId("0" * 24)} if task_id is None else {"$gt": ObjectId(task_id)}
    batch = min(BATCH_SIZE, limit)
    wanted = {"_id": ids, "userId": {"$type": "string"}}
    return {"find": COLLECTION, "filter": wanted, "sort": {"_id": 1}, "limit": limit, "batchSize": batch}


def find_users(users: Sequence[str]) -> dict[str, Any]:
    """Return the command that finds everything of some users, each user's newest first."""
    if len(users) == 1:
        return {"find": COLLECTION, "filter": {"userId": users[0]}, "sort": _NEWEST_FIRST, "batchSize": BATCH_SIZE}
    # In the index's own order, so that nothing is sorted: the users come one after the other.
    return {"find": COLLECTION, "filter": {"userId": {"$in": list(users)}}, "sort": INDEX, "batchSize": BATCH_SIZE}


def find_page(query: ListQuery) -> dict[str, Any]:
    """Return the command that finds what one query asks for."""
    command = {"find": COLLECTION, "filter": _of_page(query), "sort": _NEWEST_FIRST, "batchSize": BATCH_SIZE}
    if query.limit is not None:
        command["limit"] = query.limit
        command["batchSize"] = min(BATCH_SIZE, query.limit)
    return command


def find_pages(queries: Sequence[ListQuery]) -> dict[str, Any]:
    """Return the command that finds what several queries ask for, one after the other; each has a limit."""
    first, *others = (
        [{"$match": _of_page(query)}, {"$sort": _NEWEST_FIRST}, {"$limit": query.limit}] for query in queries
    )
    unions = [{"$unionWith": {"coll": COLLECTION, "pipeline": pipeline}} for pipeline in others]
    return {"aggregate": COLLECTION, "pipeline": first + unions, "cursor": {"batchSize": BATCH_SIZE}}


def find(queries: Sequence[ListQuery]) -> dict[str, Any]:
    """Return the command that finds what queries of one of `shares` ask for, each user's newest first."""
    if is_whole(queries[0]):
        return find_users(list(dict.fromkeys(query.user_id for query in queries)))
    return find_page(queries[0]) if len(queries) == 1 else find_pages(queries)


def is_whole(query: ListQuery) -> bool:
    """Return whether a query asks for all a user has."""
    return query == ListQuery(query.user_id)


def shares(queries: Sequence[ListQuery]) -> list[list[int]]:
    """Return which queries, by their places, are asked in one command, so that its documents tell whose they are.

    Whole lists go together. Pages do when each is of another user, and all they can bring fits into one reply: what
    is more travels beside it, and not after it.
    """
    groups: list[list[int]] = []
    whole: list[int] = []
    users: set[str] = set()  # of the last group of pages
    room = 0
    for place, query in enumerate(queries):
        if is_whole(query):
            if len(whole) % MOST_ITEMS == 0:
                groups.append(whole := [])
            whole.append(place)
            continue
        size = query.limit or BATCH_SIZE
        if size > room or query.user_id in users:
            groups.append(pages := [])
            users, room = set(), BATCH_SIZE
        pages.append(place)
        users.add(query.user_id)
        room -= size
    return groups


def get_more(cursor: int, size: int = BATCH_SIZE) -> dict[str, Any]:
    """Return the command that goes on with a cursor."""
    return {"getMore": cursor, "collection": COLLECTION, "batchSize": size}


def create_index(replicated: bool) -> dict[str, Any]:
    """Return the command that makes the index; it does nothing when there is one."""
    command: dict[str, Any] = {"createIndexes": COLLECTION, "indexes": [{"key": INDEX, "name": INDEX_NAME}]}
    if replicated:
        # The default waits for every member that votes, that is for ever while one is down.
        command["commitQuorum"] = "majority"
    return command


def change_nothing() -> dict[str, Any]:
    """Return an update that no task fits: whoever may do it, and gets it confirmed, can do all that we do."""
    return update([TaskChange("0" * 24, "", None, False)])


def _of_page(query: ListQuery) -> dict[str, Any]:
    # What can be no task must not be counted: a page short of tasks would pass for the last one. Equality alone finds
    # a list that holds the user, too.
    wanted: dict[str, Any] = {
        "userId": {"$eq": query.user_id, "$not": {"$type": "array"}},
        "_id": {"$type": "objectId"},
    }
    if query.done is not None:
        wanted["done"] = {"$in" if query.done else "$nin": [True, 1]}  # absent is not done
    if query.after is not None:
        wanted |= _after(query.after)
    return wanted


def _one(item: TaskRef | TaskChange) -> dict[str, Any]:
    return {"_id": ObjectId(item.id), "userId": item.user_id}


def _settings(change: TaskChange) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if change.name is not None:
        settings["name"] = change.name
    if change.done is not None:
        settings["done"] = change.done
    return settings


def _after(place: Position) -> dict[str, Any]:
    """Return what a document after a place has; absent dates sort after all others."""
    smaller_id = {"_id": {"$lt": ObjectId(place.id)}}
    moment = DatetimeMS(place.created_ms)
    if place.created_ms == FIRST_MS:
        return {"$or": [{"createdOn": moment, **smaller_id}, {"createdOn": None, **smaller_id}]}
    return {
        "$or": [
            {"createdOn": {"$lt": moment}},
            {"createdOn": moment, **smaller_id},
            {"createdOn": None},
        ]
    }


def _milliseconds(value: object) -> int:
    if type(value) is not DatetimeMS:
        return FIRST_MS
    milliseconds = int(value)
    return milliseconds if FIRST_MS <= milliseconds <= LAST_MS else FIRST_MS if milliseconds < 0 else LAST_MS
