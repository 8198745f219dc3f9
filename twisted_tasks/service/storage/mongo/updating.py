"""Changing tasks, with and without a condition.

A change without a condition is one statement of a batch, and the outcome is found by looking at the tasks afterwards.
It sets values: made twice, it makes the version two more, and the task the same.

A change with a condition is a `findAndModify` of its own: only that tells whether this very statement made it. When it
did not, the task is looked at, and tells why: it has the key, so that it was made before; or it has another version; or
it is gone. Where writes are not numbered, it is by its key that a repeated one finds its own success.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted_tasks.model import ALWAYS, StoreUnavailable, Task, TaskChange, TaskError, TaskNotFound, VersionConflict
from twisted_tasks.mongo.client import Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import CommandFailed, check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import writes
from twisted_tasks.service.storage.mongo.access import DatabaseAccess, Place
from twisted_tasks.service.storage.mongo.documents import to_task
from twisted_tasks.service.storage.mongo.together import run_all

_ROUNDS = 10
"""How often a change starts over because the task came, or got the version it waits for, behind its back. Each round is
one more coincidence."""


class Updating:
    """Changes tasks in one database.

    @param removed: answers a change with a condition whose task is not there.
    """

    def __init__(
        self, access: DatabaseAccess, removed: Callable[[TaskChange, float], Awaitable[Outcome[Task]]]
    ) -> None:
        self._access = access
        self._commands = access.commands
        self._removed = removed

    async def update(self, changes: Sequence[TaskChange], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        plain = [change for change in changes if change.condition == ALWAYS]
        if len(plain) == len(changes):
            return await self._without_conditions(changes, deadline)
        alone = [self._with_condition(change, deadline) for change in changes if change.condition != ALWAYS]
        together = [self._without_conditions(plain, deadline)] if plain else []
        results = await run_all([*together, *alone])
        made = iter(results[0] if plain else ())
        others = iter(results[len(together) :])
        return [next(made if change.condition == ALWAYS else others) for change in changes]

    async def _without_conditions(self, changes: Sequence[TaskChange], deadline: float) -> list[Outcome[Task]]:
        if len(changes) == 1 and not changes[0].sets_nothing:
            return [await self._modify(changes[0], deadline) or TaskNotFound()]
        return await self._many(changes, deadline)

    async def _with_condition(self, change: TaskChange, deadline: float) -> Outcome[Task]:
        place, condition = (change.id, change.user_id), change.condition
        for _ in range(_ROUNDS):
            outcome = None if change.sets_nothing else await self._modify(change, deadline)
            if outcome is not None:
                return outcome
            there = (await self._access.look_up_stored([place], deadline)).get(place)
            if there is None:
                return await self._removed(change, deadline)
            if there.used(condition.key):
                return there.task
            if condition.version not in (None, there.task.version):
                return VersionConflict(there.task)
            if change.sets_nothing:
                return there.task
        return StoreUnavailable()

    async def _modify(self, change: TaskChange, deadline: float) -> Outcome[Task] | None:
        """Make one change, and return the task after it; None when there is none that fits."""
        command = writes.update_one(change)

        async def attempt(connection: MongoConnection, write: Write) -> Mapping[str, Any] | None:
            reply = await self._commands.send_write(connection, command, deadline, write)
            check(reply)
            document: Mapping[str, Any] | None = reply.get("value")
            return document

        try:
            document = await self._commands.execute_write(attempt, deadline)
        except CommandFailed as error:
            if error.refused:  # it is this one that is refused, and not the others of its batch
                return self._access.failed(error)
            raise
        return None if document is None else to_task(document)

    async def _many(self, changes: Sequence[TaskChange], deadline: float) -> list[Outcome[Task]]:
        """Make changes without conditions, then look at the tasks.

        A task that others have changed since is answered as it now is: its fields and its version belong together.
        """
        real = [change for change in changes if not change.sets_nothing]
        failed: dict[Place, TaskError] = {}
        for _ in range(_ROUNDS):
            count = await self._set(real, failed, deadline) if real else 0
            tasks = await self._access.look_up([_place(change) for change in changes], deadline)
            there = [change for change in real if _place(change) not in failed and _place(change) in tasks]
            if len(there) <= count:
                break
            # Somebody has added one since its statement found nothing: it is there, and not changed.
        else:
            failed |= {_place(change): StoreUnavailable() for change in there}
        outcomes: list[Outcome[Task]] = []
        for change in changes:
            place = _place(change)
            outcomes.append(failed[place] if place in failed else tasks.get(place, TaskNotFound()))
        return outcomes

    async def _set(self, changes: Sequence[TaskChange], failed: dict[Place, TaskError], deadline: float) -> int:
        """Make changes. Return how many found their task, and note in `failed` those that were refused."""
        command = writes.update(changes)

        async def attempt(connection: MongoConnection, write: Write) -> tuple[int, list[dict[str, Any]]]:
            reply = await self._commands.send_write(connection, command, deadline, write)
            errors = check(reply)
            return reply["n"], errors

        count, errors = await self._commands.execute_write(attempt, deadline)
        for error in errors:
            failed[_place(changes[error["index"]])] = self._access.failed(CommandFailed(error))
        return count


def _place(change: TaskChange) -> Place:
    return change.id, change.user_id
