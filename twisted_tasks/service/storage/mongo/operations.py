"""Adding, looking up and listing tasks, and why repeating that is safe.

An insert carries its own `_id`: a duplicate is either itself or a task that was there before, and it does not matter
which, since adding answers with what is there. Where servers take it, every write is numbered (`lsid`, `txnNumber`): a
server recognises a repeated one, does not do it again and answers as it did.

The coroutines raise MongoError when nothing can be said of any item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import ObjectId

from twisted_tasks.model import ListQuery, Task, TaskNotFound, TaskRef
from twisted_tasks.mongo.client import Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed, MongoError, check
from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo import documents, paging, reads, writes
from twisted_tasks.service.storage.mongo.access import DatabaseAccess

_ROUNDS = 3
"""How often adding starts over because the task that was in the way is gone. Each round is one more coincidence; after
so many, what is in the way is somebody else's, who is never named."""


class Operations:
    """The operations, on one database.

    @param now_ms: returns the time in milliseconds since 1970-01-01 UTC.
    """

    def __init__(self, access: DatabaseAccess, now_ms: Callable[[], int]) -> None:
        self._access = access
        self._now_ms = now_ms
        self._commands = access.commands

    async def ping(self, deadline: float) -> None:
        """See ITaskStore. Whoever may change a task that does not exist can do all that the service does."""
        await self._commands.confirm(writes.change_nothing(), deadline)

    async def add(self, tasks: Sequence[Task], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        outcomes: list[Outcome[Task]] = list(tasks)
        left: Sequence[int] = range(len(tasks))
        for _ in range(_ROUNDS):
            tasks = await self._above_removed(tasks, deadline)
            for index in left:
                outcomes[index] = tasks[index]
            duplicates = await self._insert(tasks, left, outcomes, deadline)
            if not duplicates:
                return outcomes
            left = await self._look_up_duplicates(tasks, duplicates, outcomes, deadline)
            if not left:
                return outcomes
        for index in left:
            outcomes[index] = TaskNotFound()
        return outcomes

    async def get(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[Task]]:
        """See ITaskStore."""
        found = await self._access.look_up(refs, deadline)
        return [found.get(ref, TaskNotFound()) for ref in refs]

    async def find(self, queries: Sequence[ListQuery], deadline: float) -> list[Outcome[list[Task]]]:
        """Find what queries ask for that share a command: see `paging.shares`."""
        if paging.is_whole(queries[0]):
            return await self._find_lists(queries, deadline)
        if not paging.begins_ordinary(queries[0]):
            return [await self._find_in_parts(queries[0], deadline)]
        found: dict[str, list[Task | None]] = {}
        for document in await self._commands.find(paging.find(queries), deadline):
            found.setdefault(document["userId"], []).append(documents.to_task(document))
        pages: list[Outcome[list[Task]]] = []
        for query in queries:
            page = found.get(query.user_id, [])
            tasks = [task for task in page if task is not None and documents.is_ordinary(task)]
            pages.append(tasks if len(tasks) == len(page) else await self._find_in_parts(query, deadline))
        return pages

    async def scan(self, after_id: str | None, limit: int, deadline: float) -> list[Task]:
        """See ITaskScan. It ends where the documents end, however many of them are tasks."""
        if after_id is None:
            for document in await self._commands.find(reads.find_other_ids(_MOST_NAMED), deadline):
                self._access.skip(document)
        tasks: list[Task] = []
        after = None if after_id is None else ObjectId(after_id)
        while (wanted := limit - len(tasks)) > 0:
            found = await self._commands.find(reads.find_after(after, wanted), deadline)
            tasks += self._access.tasks(found)
            if len(found) < wanted:
                break
            after = found[-1]["_id"]
        return tasks

    async def count(self, deadline: float) -> int:
        """See ITaskScan."""
        found = await self._commands.find(reads.count(), deadline)
        return int(found[0]["count"]) if found else 0

    # Parts of operations.

    async def _above_removed(self, tasks: Sequence[Task], deadline: float) -> Sequence[Task]:
        """Return the tasks, each with a greater version than a removed one of its id had."""
        places = [(task.id, task.user_id) for task in tasks if not _is_fresh(task)]
        if not places:
            return tasks
        gone = await self._access.look_up_removed(places, deadline)
        if not gone:
            return tasks
        return [
            task
            if (before := gone.get((task.id, task.user_id))) is None or before.stored.version < task.version
            else task._replace(version=before.stored.version + 1, updated_ms=self._now_ms())
            for task in tasks
        ]

    async def _insert(
        self, tasks: Sequence[Task], which: Sequence[int], outcomes: list[Outcome[Task]], deadline: float
    ) -> list[int]:
        """Insert some of the tasks. Return which of them have an id that was there, and note what else went wrong."""
        command = writes.insert([tasks[index] for index in which], self._now_ms())

        async def attempt(connection: MongoConnection, write: Write) -> list[dict[str, Any]]:
            return check(await self._commands.send_write(connection, command, deadline, write))

        duplicates = []
        for error in await self._commands.execute_write(attempt, deadline):
            index = which[error["index"]]
            if is_duplicate_id(error):
                duplicates.append(index)
            else:
                outcomes[index] = self._access.failed(CommandFailed(error))
        return duplicates

    async def _look_up_duplicates(
        self, tasks: Sequence[Task], which: Sequence[int], outcomes: list[Outcome[Task]], deadline: float
    ) -> list[int]:
        """Answer for tasks whose ids are there already. Return which of them are not, or not this user's."""
        places = {index: (tasks[index].id, tasks[index].user_id) for index in which}
        try:
            found = await self._access.look_up(list(places.values()), deadline)
        except MongoError as error:
            told = self._access.failed(error)
            for index in which:  # the others of the batch were added, and are not to fail for these
                outcomes[index] = told
            return []
        for index, place in places.items():
            if place in found:
                outcomes[index] = found[place]
        return [index for index, place in places.items() if place not in found]

    async def _find_lists(self, queries: Sequence[ListQuery], deadline: float) -> list[Outcome[list[Task]]]:
        tasks = await self._commands.find_as(self._access.tasks, paging.find(queries), deadline)
        users = {query.user_id for query in queries}
        if len(users) == 1:
            return [documents.newest_first(tasks)] * len(queries)
        lists: dict[str, list[Task]] = {user: [] for user in users}
        for task in tasks:
            lists[task.user_id].append(task)
        return [documents.newest_first(lists[query.user_id]) for query in queries]

    async def _find_in_parts(self, query: ListQuery, deadline: float) -> list[Task]:
        async def find(command: Mapping[str, Any]) -> list[dict[str, Any]]:
            return await self._commands.find(command, deadline)

        return await paging.read_parts(query, find, self._access.skip)


_MOST_NAMED = 100
"""Documents with an `_id` of another kind that a scan names."""


def _is_fresh(task: Task) -> bool:
    """Return whether a task's id was made with it, and not from a key, so that it cannot have been removed before.

    An ObjectId begins with the second in which it was made. One that is a hash of a key does, too, once in a billion.
    """
    return abs(int(task.id[:8], 16) - task.created_ms // 1000) <= 2


def is_duplicate_id(error: Mapping[str, Any]) -> bool:
    """Return whether an item was refused for its id, and not for a unique index somebody else made."""
    return error.get("code") == DUPLICATE_KEY and error.get("keyPattern", {"_id": 1}) == {"_id": 1}
