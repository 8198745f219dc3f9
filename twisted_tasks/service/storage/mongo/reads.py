"""The commands that read tasks. Values in, values out.

Every command that looks for an `_id` also names the `userId`, so that a router asks one shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import FIRST_MS, LAST_MS, ListQuery, Position
from twisted_tasks.service.storage.mongo.documents import COLLECTION, FIELDS, INDEX

BATCH_SIZE = 1000
"""Tasks in one reply. Fewer mean more replies, and more would keep a connection's others waiting for longer."""
MOST_ITEMS = 500
"""Items in one command: with names of 4,096 characters of four bytes, well within the 16 MiB of one document."""

_NEWEST_FIRST = {"createdOn": -1, "_id": -1}
_GREATEST_ID_FIRST = {"_id": -1}
_NO_LIST = {"$not": {"$type": "array"}}
_FIRST_ID = ObjectId("0" * 24)


def of_user(user_id: str) -> dict[str, Any]:
    """Return what a `userId` is that is this user's alone: equality finds a list that holds the user, too."""
    return {"$eq": user_id, **_NO_LIST}


def one(task_id: str, user_id: str) -> dict[str, Any]:
    """Return what finds a user's task.

    A document of several users is nobody's, like one without a place in a list: what finds tasks to change must not
    find it.
    """
    return {"_id": ObjectId(task_id), "userId": of_user(user_id), "createdOn": _NO_LIST}


def some(places: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what finds the documents of some ids and users. It may find one of them under another of the users."""
    ids, users = (list(dict.fromkeys(parts)) for parts in zip(*places, strict=True))
    if len(ids) == len(users) == 1:
        return {"_id": ObjectId(ids[0]), "userId": users[0]}
    return {"_id": {"$in": [ObjectId(task_id) for task_id in ids]}, "userId": {"$in": users}}


def find_some(
    places: Sequence[tuple[str, str]], fields: Mapping[str, int] = FIELDS, collection: str = COLLECTION
) -> dict[str, Any]:
    """Return the command that finds the documents of some ids and users."""
    size = len(places)
    return {"find": collection, "filter": some(places), "projection": fields, "batchSize": size, "limit": size}


def find_after(
    after: object, limit: int, fields: Mapping[str, int] = FIELDS, collection: str = COLLECTION
) -> dict[str, Any]:
    """Return the command that finds the documents of all users that follow an id, in the order of ids.

    @param after: an ObjectId, or None for the first ones.
    """
    ids = {"$gte": _FIRST_ID} if after is None else {"$gt": after}
    return {**_find({"_id": ids}, {"_id": 1}, limit), "find": collection, "projection": fields}


def find_other_ids(limit: int) -> dict[str, Any]:
    """Return the command that finds documents whose `_id` is no ObjectId."""
    return _find({"_id": {"$not": {"$gte": _FIRST_ID}}}, {"_id": 1}, limit)


def count() -> dict[str, Any]:
    """Return the command that counts the documents that can be tasks. It takes no notice of ids and their order."""
    tasks = {"_id": {"$type": "objectId"}, "userId": {"$type": "string", **_NO_LIST}, "createdOn": _NO_LIST}
    pipeline = [{"$match": tasks}, {"$count": "count"}]
    return {"aggregate": COLLECTION, "pipeline": pipeline, "cursor": {}}


def find_users(users: Sequence[str]) -> dict[str, Any]:
    """Return the command that finds everything of some users, each user's newest first."""
    if len(users) == 1:
        return _find({"userId": users[0]}, _NEWEST_FIRST)
    # In the index's own order, so that nothing is sorted: the users come one after the other.
    return _find({"userId": {"$in": list(users)}}, dict(INDEX.key))


def find_page(query: ListQuery) -> dict[str, Any]:
    """Return the command that finds what a query asks for, in the order of the index: see `paging`."""
    return _find(_of_page(query), _NEWEST_FIRST, query.limit)


def find_pages(queries: Sequence[ListQuery]) -> dict[str, Any]:
    """Return the command that finds what several queries ask for, one after the other; each has a limit."""
    first, *others = (
        [{"$match": _of_page(query)}, {"$sort": _NEWEST_FIRST}, {"$limit": query.limit}, {"$project": FIELDS}]
        for query in queries
    )
    unions = [{"$unionWith": {"coll": COLLECTION, "pipeline": pipeline}} for pipeline in others]
    return {"aggregate": COLLECTION, "pipeline": first + unions, "cursor": {"batchSize": BATCH_SIZE}}


def find_late(query: ListQuery, after: Position | None) -> dict[str, Any]:
    """Return the command that finds the documents of the last date there is, or a later one: the greatest id first."""
    place = {} if after is None else {"_id": {"$lt": ObjectId(after.id)}}
    return _find_part(query, {"createdOn": {"$gte": DatetimeMS(LAST_MS)}}, place, _GREATEST_ID_FIRST)


def find_dated(query: ListQuery, after: Position | None) -> dict[str, Any]:
    """Return the command that finds the documents of a date between the first and the last one: newest first."""
    between = {"createdOn": {"$gt": DatetimeMS(FIRST_MS), "$lt": DatetimeMS(LAST_MS)}}
    return _find_part(query, between, {} if after is None else {"$or": _earlier(after)}, _NEWEST_FIRST)


def find_undated(query: ListQuery, after: Position | None) -> dict[str, Any]:
    """Return the command that finds the documents of no date, or of one no later than the first: greatest id first."""
    place = {} if after is None else {"_id": {"$lt": ObjectId(after.id)}}
    return _find_part(query, {"createdOn": _UNDATED}, place, _GREATEST_ID_FIRST)


_UNDATED = {"$not": {"$gt": DatetimeMS(FIRST_MS)}}


def _find(wanted: Mapping[str, Any], sort: Mapping[str, int], limit: int | None = None) -> dict[str, Any]:
    command = {"find": COLLECTION, "filter": wanted, "projection": FIELDS, "sort": sort, "batchSize": BATCH_SIZE}
    if limit is not None:
        command["limit"] = limit
        command["batchSize"] = min(BATCH_SIZE, limit)
    return command


def _find_part(
    query: ListQuery, part: Mapping[str, Any], place: Mapping[str, Any], sort: Mapping[str, int]
) -> dict[str, Any]:
    base = _of_page(query._replace(after=None))
    return _find({"$and": [base, {"createdOn": _NO_LIST}, part, place]}, sort, query.limit)


def _of_page(query: ListQuery) -> dict[str, Any]:
    wanted: dict[str, Any] = {"userId": of_user(query.user_id), "_id": {"$type": "objectId"}}
    if query.done is not None:
        wanted["done"] = {"$in" if query.done else "$nin": [True, 1]}  # absent is not done
    if query.after is not None:
        # The undated come last in a list, and before and behind all others in the index.
        wanted["$or"] = [*_earlier(query.after), {"createdOn": _UNDATED}]
    return wanted


def _earlier(place: Position) -> list[dict[str, Any]]:
    moment = DatetimeMS(place.created_ms)
    return [{"createdOn": {"$lt": moment}}, {"createdOn": moment, "_id": {"$lt": ObjectId(place.id)}}]
