"""Reading and writing all that is kept of tasks, removed ones too: for copying from store to store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import StoredTask, TaskNotFound, TaskRef
from twisted_tasks.mongo.client import Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed, check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import reads
from twisted_tasks.service.storage.mongo.access import DatabaseAccess, Place
from twisted_tasks.service.storage.mongo.documents import (
    COLLECTION,
    STORED_FIELDS,
    from_keys,
    to_document,
    to_stored,
)
from twisted_tasks.service.storage.mongo.removed import REMOVED, to_removed
from twisted_tasks.service.storage.mongo.together import run_all


class Copying:
    """Reads and writes what is kept in one database."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    async def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> list[StoredTask]:
        """See ITaskCopy."""
        told: list[StoredTask] = []
        after = None if after_id is None else ObjectId(after_id)
        while len(told) < limit:
            living, gone = await run_all(
                [
                    self._access.commands.find(reads.find_after(after, limit, STORED_FIELDS), deadline),
                    self._access.commands.find(reads.find_after(after, limit, {}, REMOVED), deadline),
                ]
            )
            # Of a collection that has more, nothing is known behind the last document it gave.
            ends = [found[-1]["_id"] for found in (living, gone) if len(found) == limit]
            there = {document["_id"]: self._stored(document) for document in living}
            for document in gone:
                if (one := to_removed(document)) is not None:
                    there.setdefault(document["_id"], one.stored)
            after = min(ends, default=None)
            told += [
                stored
                for task_id, stored in sorted(there.items())
                if stored is not None and (after is None or task_id <= after)
            ]
            if after is None:
                break
        return told[:limit]

    def _stored(self, document: Mapping[str, Any]) -> StoredTask | None:
        stored = to_stored(document)
        if stored is None:
            self._access.skip(document)
        return stored

    async def put(self, stored: Sequence[StoredTask], deadline: float) -> list[Outcome[bool]]:
        """See ITaskCopy."""
        places: list[Place] = [(one.task.id, one.task.user_id) for one in stored]
        living = await self._access.look_up_stored(places, deadline)
        gone = await self._access.look_up_removed(places, deadline)
        newest = {place: one.stored.version for place, one in gone.items()}
        newest |= {place: one.version for place, one in living.items()}
        outcomes: dict[Place, Outcome[bool]] = dict.fromkeys(places, False)
        wanted = [one for one, place in zip(stored, places, strict=True) if newest.get(place, -1) < one.version]
        for collection, is_gone in ((COLLECTION, False), (REMOVED, True)):
            some = [one for one in wanted if (one.removed_ms is not None) is is_gone]
            if some:
                await self._keep(some, collection, outcomes, deadline)
        return [outcomes[place] for place in places]

    async def discard(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[None]]:
        """See ITaskCopy."""
        statements = [{"q": reads.one(*ref), "limit": 1} for ref in dict.fromkeys(refs)]
        for collection in (COLLECTION, REMOVED):
            command = {"delete": collection, "deletes": statements, "ordered": False}
            await self._access.commands.write(command, deadline)
        return [None] * len(refs)

    async def _keep(
        self, stored: Sequence[StoredTask], collection: str, outcomes: dict[Place, Outcome[bool]], deadline: float
    ) -> None:
        """Write some to a collection, and delete what the other one has of them; note what became of each."""
        command = {"update": collection, "updates": [_replace(one) for one in stored], "ordered": False}

        async def attempt(connection: MongoConnection, write: Write) -> list[dict[str, Any]]:
            return check(await self._access.commands.send_write(connection, command, deadline, write))

        errors = {error["index"]: error for error in await self._access.commands.execute_write(attempt, deadline)}
        kept = []
        for number, one in enumerate(stored):
            place = (one.task.id, one.task.user_id)
            if number not in errors:
                outcomes[place] = True
                kept.append(place)
            elif errors[number].get("code") == DUPLICATE_KEY:
                outcomes[place] = TaskNotFound()  # the id is another user's
            else:
                outcomes[place] = self._access.failed(CommandFailed(errors[number]))
        other = REMOVED if collection == COLLECTION else COLLECTION
        if kept:
            statements = [{"q": {"_id": ObjectId(one), "userId": user}, "limit": 1} for one, user in kept]
            await self._access.commands.write({"delete": other, "deletes": statements, "ordered": False}, deadline)


def _replace(stored: StoredTask) -> dict[str, Any]:
    """Return the statement that puts a task, living or removed, in the place of what a collection has of it."""
    document = to_document(stored.task)
    if stored.keys:
        document["keys"] = from_keys(stored.keys)
    if stored.removed_ms is not None:
        document["version"] = Int64(stored.version)
        document["removedOn"] = DatetimeMS(stored.removed_ms)
        document["by"] = ObjectId()
        if stored.is_bare:
            document["bare"] = True
    return {"q": {"_id": document.pop("_id"), "userId": document["userId"]}, "u": document, "upsert": True}
