"""Bringing removed tasks back.

The task is inserted first and the removed one deleted then, so that a daemon that dies between loses nothing: the
removed one of a living task says nothing, and a repeated restoration finds the living task. That the removed one is
still the same when it is deleted tells that nobody removed the task in between; else its version has to be greater than
that removal's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64, ObjectId

from twisted_tasks.model import StoreUnavailable, Task, TaskIdTaken, TaskNotFound, TaskRef
from twisted_tasks.mongo.client import Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed, check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import removed, writes
from twisted_tasks.service.storage.mongo.access import DatabaseAccess, Place
from twisted_tasks.service.storage.mongo.documents import to_task
from twisted_tasks.service.storage.mongo.removed import REMOVED, Removed
from twisted_tasks.service.storage.mongo.together import run_all

_ROUNDS = 5


class Restoring:
    """Restores tasks in one database."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    async def restore(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        unique = list(dict.fromkeys(refs))
        outcomes = dict(zip(unique, await run_all([self._restore(ref, deadline) for ref in unique]), strict=True))
        return [outcomes[ref] for ref in refs]

    async def _restore(self, ref: TaskRef, deadline: float) -> Outcome[Task]:
        place: Place = (ref.id, ref.user_id)
        for _ in range(_ROUNDS):
            living = (await self._access.look_up([place], deadline)).get(place)
            gone = (await self._access.look_up_removed([place], deadline)).get(place)
            if living is not None:
                taken = gone is not None and gone.stored.task.created_ms != living.created_ms
                return TaskIdTaken() if taken else living
            if gone is None or gone.stored.is_bare:
                return TaskNotFound()
            try:
                task = await self._insert(gone, deadline)
            except CommandFailed as error:
                if error.code == DUPLICATE_KEY and error.key == {"_id": 1}:
                    continue  # somebody has restored it meanwhile, or added another one; or the id is another user's
                if error.refused:
                    return self._access.failed(error)
                raise
            return await self._settle(gone, task, deadline)
        return TaskIdTaken()

    async def _insert(self, gone: Removed, deadline: float) -> Task:
        document = removed.restored(gone)
        command = writes.insert_stamped(document)

        async def attempt(connection: MongoConnection, write: Write) -> Mapping[str, Any]:
            reply = await self._access.commands.send_write(connection, command, deadline, write)
            check(reply)
            value: Mapping[str, Any] = reply["value"]
            return value

        task = to_task(await self._access.commands.execute_write(attempt, deadline))
        assert task is not None
        return task

    async def _settle(self, gone: Removed, task: Task, deadline: float) -> Outcome[Task]:
        """Delete the removed one; when it is another one by now, make the task's version greater than that one's."""
        place = (task.id, task.user_id)
        for _ in range(_ROUNDS):
            wanted = {"_id": ObjectId(task.id), "userId": task.user_id}
            statement = {"q": {**wanted, "version": Int64(gone.stored.version)}, "limit": 1}
            await self._access.commands.write({"delete": REMOVED, "deletes": [statement]}, deadline)
            newer = (await self._access.look_up_removed([place], deadline)).get(place)
            if newer is None or newer.stored.version < task.version:
                return task
            gone = newer
            raised = writes.raise_version(task, newer.stored.version + 1)
            await self._access.commands.write(raised, deadline)
            task = task._replace(version=newer.stored.version + 1)
        return StoreUnavailable()
