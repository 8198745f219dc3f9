"""What every operation on the database needs: a way to ask it, and where to report what it meets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from twisted_tasks.model import DeadlineExceeded, StoredTask, StoreUnavailable, Task, TaskError, TaskRefused
from twisted_tasks.mongo.commands import Commands
from twisted_tasks.mongo.reply import CommandFailed, MongoError, TimedOut
from twisted_tasks.service.storage.mongo import reads
from twisted_tasks.service.storage.mongo.documents import STORED_FIELDS, to_stored, to_task
from twisted_tasks.service.storage.mongo.removed import REMOVED, Removed, to_removed

_T = TypeVar("_T")

Place = tuple[str, str]
"""An id and a user: what tells a task. Several users may name one id, of which one owns the task."""


def task_error(error: MongoError) -> TaskError:
    """Return what a caller is told."""
    if isinstance(error, TimedOut):
        return DeadlineExceeded()
    return TaskRefused() if isinstance(error, CommandFailed) and error.refused else StoreUnavailable()


class DatabaseAccess(NamedTuple):
    """A database, as operations use it."""

    commands: Commands
    note: Callable[[MongoError], None]
    """Told every error that is not raised because it is one item's."""
    skip: Callable[[Mapping[str, Any]], None]
    """Told every document that cannot be a task."""

    def failed(self, error: MongoError) -> TaskError:
        """Report an error that is one item's, and return what its caller is told."""
        self.note(error)
        return task_error(error)

    def tasks(self, documents: Iterable[Mapping[str, Any]]) -> list[Task]:
        """Return the tasks that documents hold; those that cannot be tasks are reported and left out."""
        tasks = []
        for document in documents:
            if (task := to_task(document)) is None:
                self.skip(document)
            else:
                tasks.append(task)
        return tasks

    async def look_up(self, places: Sequence[Place], deadline: float) -> dict[Place, Task]:
        """Return the tasks of some ids and users, by id and user."""
        found = await self.commands.find_as(self.tasks, reads.find_some(places), deadline)
        return _asked(places, {(task.id, task.user_id): task for task in found})

    async def look_up_stored(self, places: Sequence[Place], deadline: float) -> dict[Place, StoredTask]:
        """Return the same, each with the keys of the changes made last."""
        found = await self.commands.find(reads.find_some(places, STORED_FIELDS), deadline)
        stored = [one for document in found if (one := to_stored(document)) is not None]
        return _asked(places, {(one.task.id, one.task.user_id): one for one in stored})

    async def look_up_removed(self, places: Sequence[Place], deadline: float) -> dict[Place, Removed]:
        """Return the removed tasks of some ids and users, by id and user, also those that may yet be living."""
        found = await self.commands.find(reads.find_some(places, {}, REMOVED), deadline)
        gone = [one for document in found if (one := to_removed(document)) is not None]
        return _asked(places, {(one.stored.task.id, one.stored.task.user_id): one for one in gone})


def _asked(places: Sequence[Place], found: dict[Place, _T]) -> dict[Place, _T]:
    """Return what was asked for: a command for several users may find one's id under another one."""
    return found if len(places) == 1 else {place: found[place] for place in places if place in found}
