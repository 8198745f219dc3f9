"""Which of many users have anything newer than their token: one question to the database, however many there are.

A token is a tally: of everything that is not older than a moment, how many tasks and removals there are, and the sum of
their versions. Whatever changes, changes the tally: versions only grow. A new token's moment lies LOOK_BACK_MS before
the question, so that what is seen late is in the next tally.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import InvalidArgument, UserSync
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import syncs
from twisted_tasks.service.storage.mongo.access import DatabaseAccess
from twisted_tasks.service.storage.mongo.changes import NO_DATE
from twisted_tasks.service.storage.mongo.documents import COLLECTION
from twisted_tasks.service.storage.mongo.removed import REMOVED
from twisted_tasks.service.storage.mongo.store_id import StoreId


class ChangedUsers:
    """Answers who has anything newer, in one database."""

    def __init__(self, access: DatabaseAccess, store_id: StoreId) -> None:
        self._access = access
        self._store_id = store_id

    async def changed_users(self, asked: Sequence[UserSync], deadline: float) -> list[Outcome[str | None]]:
        """See ITaskStore."""
        store = await self._store_id.get(deadline)
        read: list[syncs.Sync | InvalidArgument | None] = []
        for one in asked:
            try:
                read.append(None if one.sync is None else syncs.read(store, one.user_id, one.sync))
            except InvalidArgument as error:
                read.append(error)
        now = await self._now(deadline)
        recent = now - syncs.LOOK_BACK_MS
        since = [_since(sync, now, recent) for sync in read]
        begun = {(one.user_id, moment) for one, moment in zip(asked, since, strict=True)}
        tallies = await self._count(begun | {(one.user_id, recent) for one in asked}, deadline)
        outcomes: list[Outcome[str | None]] = []
        for one, sync, moment in zip(asked, read, since, strict=True):
            if isinstance(sync, InvalidArgument):
                outcomes.append(sync)
            elif _is_news(sync, now, tallies[one.user_id, moment]):
                outcomes.append(syncs.write(store, one.user_id, tallies[one.user_id, recent]))
            else:
                outcomes.append(None)
        return outcomes

    async def _now(self, deadline: float) -> int:
        async def attempt(connection: MongoConnection) -> int:
            return int((await connection.run("admin", {"hello": 1}, deadline))["localTime"])

        return await self._access.commands.execute(attempt, deadline)

    async def _count(self, begun: set[tuple[str, int]], deadline: float) -> dict[tuple[str, int], syncs.Counted]:
        """Return the tally of each user since each moment."""
        moments: dict[int, list[str]] = {}
        for user_id, moment in sorted(begun):
            moments.setdefault(moment, []).append(user_id)
        tallies = {(user_id, moment): syncs.Counted(moment, 0, 0, 0, 0) for user_id, moment in begun}
        first, *others = (stages for moment, users in moments.items() for stages in _tally(users, moment))
        pipeline: list[dict[str, Any]] = [*first[1]]
        pipeline += [{"$unionWith": {"coll": collection, "pipeline": stages}} for collection, stages in others]
        command = {"aggregate": first[0], "pipeline": pipeline, "cursor": {}}
        for row in await self._access.commands.find(command, deadline):
            place = (row["_id"], int(row["since"]))
            tally = tallies[place]
            number, versions = int(row["number"]), int(row["versions"])
            if row["gone"]:
                tallies[place] = tally._replace(removals=number, removal_versions=versions)
            else:
                tallies[place] = tally._replace(tasks=tally.tasks + number, versions=tally.versions + versions)
        return tallies


def _since(sync: syncs.Sync | InvalidArgument | None, now: int, recent: int) -> int:
    """Return from when on there may be news for a token."""
    if isinstance(sync, syncs.Since | syncs.Counted) and syncs.is_good(sync, now, None):
        return sync.since
    return recent


def _is_news(sync: syncs.Sync | None, now: int, tally: syncs.Counted) -> bool:
    """Return whether there is anything newer than a token.

    @param tally: what there is since the token's moment.
    """
    if not isinstance(sync, syncs.Since | syncs.Counted) or not syncs.is_good(sync, now, None):
        return True  # `changes` would begin anew, or has not told everything yet
    if isinstance(sync, syncs.Counted):
        return tally != sync
    return tally != syncs.Counted(sync.since, 0, 0, 0, 0)


def _tally(users: Sequence[str], moment: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return, by collection, the stages that count what some users have since a moment."""
    mine = {"userId": {"$in": list(users)}}
    date = DatetimeMS(moment)
    version = {"$cond": [{"$isNumber": "$version"}, "$version", 0]}
    # An announcement of a removal counts, but otherwise than the removal: both are news.
    gone = {
        "$switch": {
            "branches": [
                {"case": {"$gt": ["$emptiedOn", None]}, "then": {"$toLong": "$emptiedOn"}},
                {"case": {"$gt": ["$removedOn", None]}, "then": "$version"},
            ],
            "default": 1,
        }
    }
    since_then = {
        "$or": [
            {"removedOn": {"$gte": date}},
            {"emptiedOn": {"$gte": date}},
            {"by": {"$exists": True}, "removedOn": None},
        ]
    }
    return [
        (COLLECTION, [{"$match": {**mine, "updatedOn": {"$gte": date}}}, _group(moment, version, False)]),
        (
            COLLECTION,
            [{"$match": {**mine, "updatedOn": NO_DATE, "createdOn": {"$gte": date}}}, _group(moment, version, False)],
        ),
        (REMOVED, [{"$match": {**mine, **since_then}}, _group(moment, gone, True)]),
    ]


def _group(moment: int, version: Mapping[str, Any], gone: bool) -> dict[str, Any]:
    return {
        "$group": {
            "_id": "$userId",
            "number": {"$sum": 1},
            "versions": {"$sum": version},
            "since": {"$first": {"$literal": moment}},
            "gone": {"$first": {"$literal": gone}},
        }
    }
