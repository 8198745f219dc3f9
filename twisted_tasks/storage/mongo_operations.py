"""What the operations of the store are made of, and why repeating them is safe.

- An insert carries its own `_id`: a duplicate is either itself or a task that was there before, and it does not matter
  which, since adding answers with what is there.
- Updates set values.
- Where servers take it, every write is numbered (`lsid`, `txnNumber`): a server recognises a repeated one, does not do
  it again and answers as it did. That makes it exact which tasks a removal removed, whatever became of its replies.
- A server that is in no replica set takes no such numbers. There, a removal that finds nothing after a reply to it was
  lost has found its own work done, and is a success.

The coroutines raise MongoError when nothing can be said of any item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted_tasks.model import (
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskError,
    TaskNotFound,
    TaskRef,
)
from twisted_tasks.storage import mongo_documents as documents
from twisted_tasks.storage.interface import Outcome
from twisted_tasks.storage.mongo_client import Client, Write
from twisted_tasks.storage.mongo_commands import Commands
from twisted_tasks.storage.mongo_connection import Connection
from twisted_tasks.storage.mongo_removal import Removal
from twisted_tasks.storage.mongo_reply import DUPLICATE_KEY, CommandFailed, MongoError, TimedOut, check

_ROUNDS = 10
"""How often adding starts over because the task that was in the way is gone, or updating because one has come. Each
round is one more coincidence."""


def task_error(error: MongoError) -> TaskError:
    """Return what a caller is told."""
    return DeadlineExceeded() if isinstance(error, TimedOut) else StoreUnavailable()


class Operations:
    """The operations, on one database.

    @param note: told every error that is not raised because it is one item's.
    """

    def __init__(self, client: Client, note: Callable[[MongoError], None]) -> None:
        self._client = client
        self._commands = Commands(client)
        self._note = note

    async def ping(self, deadline: float) -> None:
        """Write nothing and have it confirmed: that takes a login, the right to write, a primary and its majority."""

        async def attempt(connection: Connection) -> None:
            check(await self._commands.send_write(connection, documents.change_nothing(), deadline))

        await self._client.execute(attempt, deadline)

    async def add(self, tasks: Sequence[Task], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        outcomes: list[Outcome[Task]] = list(tasks)
        left: Sequence[int] = range(len(tasks))
        for _ in range(_ROUNDS):
            duplicates = await self._insert(tasks, left, outcomes, deadline)
            if not duplicates:
                return outcomes
            left = await self._look_up_duplicates(tasks, duplicates, outcomes, deadline)
            if not left:
                return outcomes
        for index in left:
            outcomes[index] = StoreUnavailable()
        return outcomes

    async def update(self, changes: Sequence[TaskChange], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        if len(changes) == 1 and not documents.changes_nothing(changes[0]):
            return [await self._update_one(changes[0], deadline)]
        return await self._update_many(changes, deadline)

    async def get(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        found = await self._look_up([ref.id for ref in refs], deadline)
        return [_of_user(found.get(ref.id), ref.user_id) for ref in refs]

    async def remove(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[None]]:
        """See ITaskStore."""
        removal = Removal(self._commands, list(dict.fromkeys(refs)), deadline)
        gone = await self._commands.execute_write(removal.attempt, deadline)
        failed = {ref: self._failed(error) for ref, error in removal.failed.items()}
        outcomes: list[Outcome[None]] = []
        for ref in refs:
            outcomes.append(None if ref in gone else failed.get(ref, TaskNotFound()))
            gone.discard(ref)  # the same one twice in a batch: only one of them removes it
        return outcomes

    async def find(self, queries: Sequence[ListQuery], deadline: float) -> list[Outcome[list[Task]]]:
        """Find what queries ask for that share a command: see `mongo_documents.shares`."""
        found = await self._commands.find(documents.find(queries), deadline)
        if len(queries) == 1:
            return [documents.to_tasks(found)]
        lists = documents.by_user(found)
        return [lists.get(query.user_id, []) for query in queries]

    async def scan(self, after_id: str | None, limit: int, deadline: float) -> list[Task]:
        """See ITaskScan."""
        return documents.to_tasks(await self._commands.find(documents.find_after(after_id, limit), deadline))

    # Parts of operations.

    async def _insert(
        self, tasks: Sequence[Task], which: Sequence[int], outcomes: list[Outcome[Task]], deadline: float
    ) -> list[int]:
        """Insert some of the tasks. Return which of them have an id that was there, and note what else went wrong."""
        command = documents.insert([tasks[index] for index in which])

        async def attempt(connection: Connection, write: Write) -> list[dict[str, Any]]:
            return check(await self._commands.send_write(connection, command, deadline, write))

        duplicates = []
        for error in await self._commands.execute_write(attempt, deadline):
            index = which[error["index"]]
            if _is_duplicate_id(error):
                duplicates.append(index)
            else:
                outcomes[index] = self._failed(CommandFailed(error))
        return duplicates

    async def _look_up_duplicates(
        self, tasks: Sequence[Task], which: Sequence[int], outcomes: list[Outcome[Task]], deadline: float
    ) -> list[int]:
        """Answer for tasks whose ids are there already. Return which of the ids are free again meanwhile."""
        try:
            found = await self._look_up([tasks[index].id for index in which], deadline)
        except MongoError as error:
            told = self._failed(error)
            for index in which:  # the others of the batch were added, and are not to fail for these
                outcomes[index] = told
            return []
        free = []
        for index in which:
            task = tasks[index]
            if task.id in found:
                outcomes[index] = _of_user(found[task.id], task.user_id)
            else:
                free.append(index)
        return free

    async def _look_up(self, ids: Sequence[str], deadline: float) -> dict[str, Mapping[str, Any]]:
        """Return the documents of ids, whosever they are."""
        found = await self._commands.find(documents.find_ids(list(dict.fromkeys(ids))), deadline)
        return {str(document["_id"]): document for document in found}

    async def _update_one(self, change: TaskChange, deadline: float) -> Outcome[Task]:
        command = documents.update_one(change)

        async def attempt(connection: Connection, write: Write) -> Mapping[str, Any] | None:
            reply = await self._commands.send_write(connection, command, deadline, write)
            check(reply)
            document: Mapping[str, Any] | None = reply.get("value")
            return document

        document = await self._commands.execute_write(attempt, deadline)
        return TaskNotFound() if document is None else documents.to_task(document)

    async def _update_many(self, changes: Sequence[TaskChange], deadline: float) -> list[Outcome[Task]]:
        """Make the changes, then look at what they changed."""
        real = [change for change in changes if not documents.changes_nothing(change)]
        failed: dict[str, TaskError] = {}
        for _ in range(_ROUNDS):
            count = await self._set(real, failed, deadline) if real else 0
            found = await self._look_up([change.id for change in changes], deadline)
            tasks = {change.id: _of_user(found.get(change.id), change.user_id) for change in changes}
            there = [change for change in real if change.id not in failed and isinstance(tasks[change.id], Task)]
            if len(there) <= count:
                break
            # Somebody has added one since its statement found nothing: it is there, and not changed.
        else:
            failed |= {change.id: StoreUnavailable() for change in there}
        outcomes: list[Outcome[Task]] = []
        for change in changes:
            task = tasks[change.id]
            # Somebody else may have changed it since: the answer shows this caller's own change all the same.
            outcome = documents.changed(task, change) if isinstance(task, Task) else task
            outcomes.append(failed.get(change.id, outcome))
        return outcomes

    async def _set(self, changes: Sequence[TaskChange], failed: dict[str, TaskError], deadline: float) -> int:
        """Make changes. Return how many found their task, and note in `failed` those that were refused."""
        command = documents.update(changes)

        async def attempt(connection: Connection, write: Write) -> tuple[int, list[dict[str, Any]]]:
            reply = await self._commands.send_write(connection, command, deadline, write)
            errors = check(reply)
            return reply["n"], errors

        count, errors = await self._commands.execute_write(attempt, deadline)
        for error in errors:
            failed[changes[error["index"]].id] = self._failed(CommandFailed(error))
        return count

    def _failed(self, error: MongoError) -> TaskError:
        self._note(error)
        return task_error(error)


def _of_user(document: Mapping[str, Any] | None, user_id: str) -> Outcome[Task]:
    if document is None or document.get("userId") != user_id:
        return TaskNotFound()
    return documents.to_task(document)


def _is_duplicate_id(error: Mapping[str, Any]) -> bool:
    """Return whether an item was refused for its id, and not for a unique index somebody else made."""
    return error.get("code") == DUPLICATE_KEY and error.get("keyPattern", {"_id": 1}) == {"_id": 1}
