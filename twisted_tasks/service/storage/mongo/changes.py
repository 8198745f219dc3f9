"""What became of a user's tasks since a token: see `docs/decisions/` for why nothing is left out.

Three kinds of documents make up the changes, merged by the moment of the change and the id:

- tasks that were changed or restored, by `updatedOn`;
- tasks that never were, by `createdOn`;
- removed tasks, by `removedOn`; one whose task is living says nothing.

A listing of everything is the user's list in pages. Every later one begins LOOK_BACK_MS before its predecessor began,
so that what was written meanwhile is told, some of it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    InvalidArgument,
    ListQuery,
    Position,
    RemovedTask,
    Task,
    fitting,
)
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.indexes import Index
from twisted_tasks.mongo.reply import check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import reads, syncs
from twisted_tasks.service.storage.mongo.access import DatabaseAccess
from twisted_tasks.service.storage.mongo.documents import COLLECTION, FIELDS, to_milliseconds, to_task
from twisted_tasks.service.storage.mongo.operations import Operations
from twisted_tasks.service.storage.mongo.removed import REMOVED, to_removed
from twisted_tasks.service.storage.mongo.store_id import StoreId
from twisted_tasks.service.storage.mongo.together import run_all

_MOST_UNDATED = 100
"""Announcements of removals that one listing looks into; there is one for each daemon that died in a removal."""


class _FoundChange(NamedTuple):
    """One change; `item` is None when there is nothing to be told of it."""

    moment: int
    id: str
    item: Task | RemovedTask | None


class ChangeListing:
    """Answers what changed in one database."""

    def __init__(self, access: DatabaseAccess, operations: Operations, store_id: StoreId) -> None:
        self._access = access
        self._operations = operations
        self._store_id = store_id

    async def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> list[Outcome[Changes]]:
        """See ITaskStore."""
        store = await self._store_id.get(deadline)
        return await run_all([self._answer(query, store, deadline) for query in queries])

    async def _answer(self, query: ChangesQuery, store: int, deadline: float) -> Outcome[Changes]:
        try:
            sync = None if query.sync is None else syncs.read(store, query.user_id, query.sync)
        except InvalidArgument as error:
            return error
        now, emptied = await self._look_around(query.user_id, deadline)
        reset = query.sync is not None and (
            sync is None or isinstance(sync, syncs.Counted) or not syncs.is_good(sync, now, emptied)
        )
        if sync is None or reset or isinstance(sync, syncs.Whole | syncs.Counted):
            going_on = sync if isinstance(sync, syncs.Whole) and not reset else None
            tasks, following = await self._everything(query, going_on, now, deadline)
            # What changed between the pages of a listing of everything is told behind it, unless that would be the same
            # listing again.
            behind = going_on is not None and syncs.is_good(following, now, emptied)
            more = isinstance(following, syncs.Whole) or behind
            return Changes(tasks, [], syncs.write(store, query.user_id, following), more, reset)
        page = sync if isinstance(sync, syncs.WithinPages) else _first_page(sync, now)
        told, next_page = await self._some(query, page, deadline)
        done = syncs.Since(page.whole, page.began - syncs.LOOK_BACK_MS)
        return Changes(
            [item for item in told if isinstance(item, Task)],
            [item for item in told if isinstance(item, RemovedTask)],
            syncs.write(store, query.user_id, next_page or done),
            next_page is not None,
            False,
        )

    async def _look_around(self, user_id: str, deadline: float) -> tuple[int, int | None]:
        """Return the server's time, and when everything of the user was last removed."""
        command = {"find": REMOVED, "filter": {"_id": f"emptied {user_id}", "userId": user_id}, "limit": 1}

        async def attempt(connection: MongoConnection) -> tuple[int, int | None]:
            hello = await connection.run("admin", {"hello": 1}, deadline)
            reply = await self._access.commands.send_read(connection, command, deadline)
            check(reply)
            found = reply["cursor"]["firstBatch"]
            return int(hello["localTime"]), to_milliseconds(found[0].get("emptiedOn")) if found else None

        return await self._access.commands.execute(attempt, deadline)

    # Everything.

    async def _everything(
        self, query: ChangesQuery, sync: syncs.Whole | None, now: int, deadline: float
    ) -> tuple[list[Task], syncs.Whole | syncs.Since]:
        """Return the next tasks of a listing of everything, and what to go on with."""
        began, after = (now, None) if sync is None else sync
        (found,) = await self._operations.find([ListQuery(query.user_id, query.limit + 1, after)], deadline)
        assert isinstance(found, list)
        tasks = found[: query.limit]
        tasks = tasks[: fitting(tasks)]
        if len(tasks) < len(found):
            return tasks, syncs.Whole(began, Position(tasks[-1].created_ms, tasks[-1].id))
        return tasks, syncs.Since(began, began - syncs.LOOK_BACK_MS)

    # Some.

    async def _some(
        self, query: ChangesQuery, page: syncs.WithinPages, deadline: float
    ) -> tuple[list[Task | RemovedTask], syncs.WithinPages | None]:
        """Return the next changes, and what to go on with; None after the last one."""
        while True:
            found, ended = await self._read(query, page, deadline)
            told: list[Task | RemovedTask] = []
            size = fitting([one.item for one in found if isinstance(one.item, Task)])
            tasks = 0
            for one in found:
                if isinstance(one.item, Task):
                    if tasks == size:
                        ended = False
                        break
                    tasks += 1
                if one.item is not None:
                    told.append(one.item)
                page = page._replace(moment=one.moment, id=one.id)
            if ended:
                return told, None
            if told:
                return told, page

    async def _read(
        self, query: ChangesQuery, page: syncs.WithinPages, deadline: float
    ) -> tuple[list[_FoundChange], bool]:
        """Return the next `limit` changes after a place, and whether they are the last ones."""
        limit = query.limit
        commands = [
            _after(COLLECTION, {"userId": query.user_id}, "updatedOn", page, limit + 1),
            _after(COLLECTION, {"userId": query.user_id, "updatedOn": NO_DATE}, "createdOn", page, limit + 1),
            _after(REMOVED, {"userId": query.user_id}, "removedOn", page, limit + 1),
            {"find": REMOVED, "filter": {"userId": query.user_id, "removedOn": None}, "limit": _MOST_UNDATED},
        ]
        changed, added, gone, undated = await run_all(
            [self._access.commands.find(command, deadline) for command in commands]
        )
        found = [_changed(document, "updatedOn") for document in changed]
        found += [_changed(document, "createdOn") for document in added]
        found += await self._removals(gone, deadline)
        found.sort(key=lambda one: (one.moment, one.id))
        ended = len(found) <= limit and not await self._date(undated, deadline)
        return found[:limit], ended

    async def _removals(self, documents: Sequence[Mapping[str, Any]], deadline: float) -> list[_FoundChange]:
        gone = [one for document in documents if (one := to_removed(document)) is not None]
        places = [(one.stored.task.id, one.stored.task.user_id) for one in gone]
        living = await self._access.look_up(places, deadline) if places else {}
        return [
            _FoundChange(
                one.stored.removed_ms or 0,
                place[0],
                None if place in living else RemovedTask(place[0], one.stored.version),
            )
            for one, place in zip(gone, places, strict=True)
        ]

    async def _date(self, documents: Sequence[Mapping[str, Any]], deadline: float) -> bool:
        """Date removals of which only the announcement is left, because their daemon died. Return if there were any."""
        announced = [one for document in documents if (one := to_removed(document)) is not None]
        if not announced:
            return False
        places = [(one.stored.task.id, one.stored.task.user_id) for one in announced]
        living = await self._access.look_up(places, deadline)
        statements = [
            {
                "q": {"_id": ObjectId(place[0]), "userId": place[1], "by": one.by, "removedOn": None},
                "u": {"$currentDate": {"removedOn": True}},
            }
            for one, place in zip(announced, places, strict=True)
            if place not in living
        ]
        if not statements:
            return False
        reply = await self._access.commands.write(
            {"update": REMOVED, "updates": statements, "ordered": False}, deadline
        )
        return bool(reply["n"])


SYNC_INDEX = Index(COLLECTION, "userId_1_updatedOn_1__id_1", {"userId": 1, "updatedOn": 1, "_id": 1})
"""What `changes` is read by. It costs every update a third more: it is made when somebody first asks for changes."""
NO_DATE = {"$not": {"$type": "date"}}


def _after(
    collection: str, wanted: Mapping[str, Any], name: str, page: syncs.WithinPages, limit: int
) -> dict[str, Any]:
    """Return the command that finds what has a date behind a place, the oldest first."""
    moment = DatetimeMS(page.moment)
    later = [{name: {"$gt": moment}}, {name: moment, "_id": {"$gt": ObjectId(page.id)}}]
    no_place = [{name: {"$type": "array"}}, {"_id": {"$not": {"$type": "objectId"}}}]
    return {
        "find": collection,
        "filter": {**wanted, "$or": later, "$nor": no_place},
        "projection": FIELDS if collection == COLLECTION else {},
        "sort": {name: 1, "_id": 1},
        "limit": limit,
        "batchSize": min(limit, reads.BATCH_SIZE),
    }


def _first_page(sync: syncs.Since, now: int) -> syncs.WithinPages:
    return syncs.WithinPages(sync.whole, sync.since, now, sync.since - 1, "f" * 24)


def _changed(document: Mapping[str, Any], name: str) -> _FoundChange:
    moment = document.get(name)
    return _FoundChange(int(moment) if type(moment) is DatetimeMS else 0, str(document["_id"]), to_task(document))
