"""Removing tasks, so that each is kept for a while, and being able to say of each whether this call removed it.

MongoDB changes no two documents at once, unless in a transaction, which a server by itself has not. So, for a batch:

1. look at the tasks, and judge their conditions;
2. announce: write each as a removed one, with the key of the removal and this call's mark, but not yet as gone;
3. delete each, if it still has the version that was looked at, so that no change in between is lost;
4. set the date of those that are gone.

What can go wrong between:

- Somebody changes a task after 1: 3 does not find it, and it is begun with again.
- Somebody else removes it, too: an announcement of the same version is not overwritten, until it is old enough to be
  one whose daemon has died, and never once it has a date. Of several calls, the one removed the task that set the date:
  it does so only where its own mark is. It is of no matter which of them deleted it, or whose reply was lost.
- The daemon dies after 2: the announcement of a living task says nothing. After 3: whoever asks for changes finds an
  announcement of a task that is gone, and does 4. The caller, who repeats the removal with its key, finds the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64, ObjectId
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.model import (
    StoredTask,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskNotFound,
    TaskRemoval,
    VersionConflict,
)
from twisted_tasks.mongo.client import Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed, check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import removed, writes
from twisted_tasks.service.storage.mongo.access import DatabaseAccess, Place

_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds before each round. A task that changes between two rounds of each is more than a coincidence."""
_TAKE_OVER = 4
"""The round from which on another call's announcement is taken for that of a daemon that has died."""


class Removal:
    """Removes tasks from one database, and keeps them.

    @param keeps_contents: whether a removed task is kept with its contents.
    """

    def __init__(self, access: DatabaseAccess, clock: IReactorTime, keeps_contents: bool) -> None:
        self._access = access
        self._clock = clock
        self._keeps_contents = keeps_contents

    async def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> list[Outcome[None]]:
        """See ITaskStore."""
        batch = _Batch(removals, deadline)
        for number, seconds in enumerate(_PAUSES):
            if seconds:
                await deferLater(self._clock, seconds)
            living = await self._judge(batch)
            announced = await self._announce(batch, living, number >= _TAKE_OVER)
            await self._date(batch, await self._delete(batch, announced))
            batch.settle()
            if not batch.left:
                break
        answers: list[Outcome[None]] = []
        for removal in removals:
            place = (removal.id, removal.user_id)
            answers.append(batch.outcomes.get(place, StoreUnavailable()))
            batch.outcomes[place] = TaskNotFound()  # the same one twice in a batch: only one of them removes it
        return answers

    async def was_changed(self, change: TaskChange, deadline: float) -> Outcome[Task]:
        """Answer a change with a condition whose task is not there: it may have been made before the removal."""
        if change.condition.key is None:
            return TaskNotFound()
        place = (change.id, change.user_id)
        found = (await self._access.look_up_removed([place], deadline)).get(place)
        if found is None or found.stored.is_bare or not found.stored.used(change.condition.key):
            return TaskNotFound()
        return found.stored.task

    async def _judge(self, batch: _Batch) -> list[StoredTask]:
        """Return the tasks that may be removed; note what is to be said of the others."""
        living = await self._access.look_up_stored(list(batch.left), batch.deadline)
        missing = [place for place in batch.left if place not in living]
        gone = await self._access.look_up_removed(missing, batch.deadline) if missing else {}
        for place in missing:
            found, key = gone.get(place), batch.left[place].condition.key
            batch.outcomes[place] = None if found is not None and found.stored.used(key) else TaskNotFound()
        allowed = []
        for place, stored in living.items():
            if (condition := batch.left[place].condition) and stored.used(condition.key):
                batch.outcomes[place] = None
            elif condition.version not in (None, stored.task.version):
                batch.outcomes[place] = VersionConflict(stored.task)
            else:
                allowed.append(stored)
        return allowed

    async def _announce(self, batch: _Batch, living: Sequence[StoredTask], take_over: bool) -> list[StoredTask]:
        """Write tasks as removed ones. Return those for which that worked, because nobody else is removing them."""
        if not living:
            return []
        places = [_place(stored) for stored in living]
        there = await self._access.look_up_removed(places, batch.deadline) if take_over else {}
        statements = []
        for stored in living:
            place = _place(stored)
            key = batch.left[place].condition.key
            document = removed.announcement(stored, key, batch.by, self._keeps_contents)
            wanted = {"_id": document.pop("_id"), "userId": document["userId"]}
            before = there.get(place)
            if before is None:
                wanted["$or"] = [{"version": {"$lt": document["version"]}}, {"by": batch.by}]
            elif before.is_known_gone:
                # The task is older than its own removal: another program has put an old document in its place.
                wanted["version"] = before.stored.version
                document["version"] = Int64(max(document["version"], before.stored.version + 1))
            else:
                wanted |= {"by": before.by, "removedOn": None}
            statements.append({"q": wanted, "u": document, "upsert": True})
        command = {"update": removed.REMOVED, "updates": statements, "ordered": False}
        _, errors = await self._write(command, batch.deadline)
        for number, error in errors.items():
            if error.get("code") != DUPLICATE_KEY:
                batch.outcomes[places[number]] = self._access.failed(CommandFailed(error))
        return [stored for number, stored in enumerate(living) if number not in errors]

    async def _delete(self, batch: _Batch, living: Sequence[StoredTask]) -> list[Place]:
        """Delete tasks as they were looked at. Return which of them are gone, removed by whomever."""
        if not living:
            return []
        places = [_place(stored) for stored in living]
        count, errors = await self._write(writes.delete([stored.task for stored in living]), batch.deadline)
        for number, error in errors.items():
            batch.outcomes[places[number]] = self._access.failed(CommandFailed(error))
        if count == len(living):
            return places
        still = await self._access.look_up(places, batch.deadline)
        return [place for number, place in enumerate(places) if place not in still and number not in errors]

    async def _date(self, batch: _Batch, gone: Sequence[Place]) -> None:
        """Set the date of tasks that are gone, where this call's mark is on them: then it has removed them."""
        if not gone:
            return
        statements = [
            {
                "q": {"_id": ObjectId(task_id), "userId": user_id, "by": batch.by},
                "u": {"$currentDate": {"removedOn": True}},
            }
            for task_id, user_id in gone
        ]
        command = {"update": removed.REMOVED, "updates": statements, "ordered": False}
        count, _ = await self._write(command, batch.deadline)
        marked = {} if count == len(gone) else await self._access.look_up_removed(gone, batch.deadline)
        for place in gone:
            if count == len(gone) or ((found := marked.get(place)) is not None and found.by == batch.by):
                batch.outcomes[place] = None

    async def _write(self, command: Mapping[str, Any], deadline: float) -> tuple[int, dict[int, dict[str, Any]]]:
        """Execute a write. Return how many statements found their document, and the errors, by statement."""

        async def attempt(connection: MongoConnection, write: Write) -> tuple[int, dict[int, dict[str, Any]]]:
            reply = await self._access.commands.send_write(connection, command, deadline, write)
            errors = {error["index"]: error for error in check(reply)}
            return reply["n"], errors

        return await self._access.commands.execute_write(attempt, deadline)


class _Batch:
    """Removals that are under way together.

    @ivar left: those about which nothing can be said yet.
    @ivar by: the mark of this call.
    """

    def __init__(self, removals: Sequence[TaskRemoval], deadline: float) -> None:
        self.left = {(removal.id, removal.user_id): removal for removal in reversed(removals)}
        self.outcomes: dict[Place, Outcome[None]] = {}
        self.by = ObjectId()
        self.deadline = deadline

    def settle(self) -> None:
        """Leave those that have an outcome."""
        self.left = {place: removal for place, removal in self.left.items() if place not in self.outcomes}


def _place(stored: StoredTask) -> Place:
    return stored.task.id, stored.task.user_id
