"""What a task is, and what may be asked of those who keep tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from twisted_tasks.model.times import from_milliseconds

REPLY_MAX = 4 << 20
"""Bytes of one page of tasks. One that would be larger holds fewer tasks than its limit."""

_TASK_OVERHEAD = 200
"""Bytes of a task in a reply besides its texts: field headers, two dates, id, version; a little more than there are."""
_TASK_MOST = _TASK_OVERHEAD + 4 * 256 + 64 + 64
"""The same with the longest userId, due and rank, which leaves name and notes."""


class Task(NamedTuple):
    """One task. A tuple, because lists of them are made on the hot path."""

    id: str
    """24 lower-case hexadecimal digits (a MongoDB ObjectId)."""
    user_id: str
    name: str
    created_ms: int
    """Milliseconds since 1970-01-01 UTC, within the years 1 to 9999: what every store keeps."""
    done: bool
    version: int = 0
    """Greater with each change, also by removal and restoration. 0 in documents that have none."""
    updated_ms: int | None = None
    """When it was last changed, as `created_ms`; None: not since it was added."""
    notes: str | None = None
    due: str | None = None
    """A date or a date-time with offset, as it was sent."""
    rank: str | None = None
    """Its place in an order made by hand. Nothing here sorts by it."""

    @property
    def created_on(self) -> datetime:
        """When it was made: aware, in UTC."""
        return from_milliseconds(self.created_ms)

    @property
    def updated_on(self) -> datetime:
        """When it was last changed, or else made: aware, in UTC."""
        return from_milliseconds(self.created_ms if self.updated_ms is None else self.updated_ms)

    def changed(self, change: TaskChange, now_ms: int) -> Task:
        """Return the task after a change: what it gives is set, and the version is one more."""
        return self._replace(
            name=self.name if change.name is None else change.name,
            done=self.done if change.done is None else change.done,
            version=self.version + 1,
            updated_ms=now_ms,
            notes=self.notes if change.notes is None else change.notes or None,
            due=self.due if change.due is None else change.due or None,
            rank=self.rank if change.rank is None else change.rank or None,
        )


class TaskRef(NamedTuple):
    """A task somebody asks for: its id, and the user it has to belong to."""

    id: str
    user_id: str


class Condition(NamedTuple):
    """On what a change depends. It is made only if both parts hold."""

    version: int | None = None
    """The version the task must have; None is any."""
    key: str | None = None
    """The digest of the caller's key (see `model.digest`). A change whose digest the task has already is not made
    again: it has succeeded before. None makes every change."""


ALWAYS = Condition()
"""Depends on nothing."""


class TaskChange(NamedTuple):
    """What to set of a task; None leaves a field as it is, and an empty text clears notes, due and rank."""

    id: str
    user_id: str
    name: str | None = None
    done: bool | None = None
    notes: str | None = None
    due: str | None = None
    rank: str | None = None
    condition: Condition = ALWAYS

    @property
    def sets_nothing(self) -> bool:
        """Whether it gives no field to set."""
        return self.name is None and self.done is None and self.notes is None and self.due is None and self.rank is None


class TaskRemoval(NamedTuple):
    """A task to remove."""

    id: str
    user_id: str
    condition: Condition = ALWAYS


class RemovedTask(NamedTuple):
    """That a task is gone. `version` is greater than any the task had."""

    id: str
    version: int


class Position(NamedTuple):
    """A place in a user's list, which is ordered by (created_ms, id), newest first."""

    created_ms: int
    id: str


class ListQuery(NamedTuple):
    """Which of a user's tasks to list, newest first."""

    user_id: str
    limit: int | None = None
    """At most this many; None is all."""
    after: Position | None = None
    """Only those that come after this place in the list, that is: older ones."""
    done: bool | None = None
    """Only those that are (True) or are not (False) done."""


class ChangesQuery(NamedTuple):
    """What became of a user's tasks since `sync` was handed out."""

    user_id: str
    sync: str | None = None
    """A token the store made; None asks for everything."""
    limit: int = 1000
    """At most so many tasks and removed ones, 1 to 1000."""


class Changes(NamedTuple):
    """The answer to a `ChangesQuery`."""

    tasks: list[Task]
    """Tasks that were added, changed or restored, as they are now."""
    removed: list[RemovedTask]
    """Tasks that are gone. None of them is living."""
    sync: str
    """What to ask with next time."""
    more: bool
    """Whether there is more now: ask again at once."""
    reset: bool
    """Whether the token could not be continued, so that this begins with everything: forget what you know first."""


class UserSync(NamedTuple):
    """Whether a user has anything newer than `sync`; None asks for a token to begin with."""

    user_id: str
    sync: str | None


class UsedKey(NamedTuple):
    """A change that was made under a key: the key's digest, and the version the change made."""

    digest: str
    version: int


KEYS_KEPT = 8
"""How many used keys a task remembers, the latest ones."""


class StoredTask(NamedTuple):
    """All that a store keeps of one task, living or removed: for copying."""

    task: Task
    """As it is, or as it last was."""
    keys: tuple[UsedKey, ...] = ()
    """Those used last, the latest at the end, at most KEYS_KEPT."""
    removed_ms: int | None = None
    """When it was removed; None: it is living."""
    is_bare: bool = False
    """Whether it is removed and its contents are not kept: it cannot be restored."""

    @property
    def version(self) -> int:
        """The task's version; a removal counts as a change."""
        return self.task.version + (self.removed_ms is not None)

    def with_key(self, digest: str | None) -> StoredTask:
        """Return it with a key that made its present version; None adds no key."""
        if digest is None:
            return self
        return self._replace(keys=(*self.keys, UsedKey(digest, self.version))[-KEYS_KEPT:])

    def used(self, digest: str | None) -> bool:
        """Return whether a change was made under this key."""
        return digest is not None and any(key.digest == digest for key in self.keys)


def size_of(task: Task) -> int:
    """Return about how many bytes a task has in a reply, rather too many."""
    texts = (task.user_id, task.name, task.notes, task.due, task.rank)
    return _TASK_OVERHEAD + sum(
        len(text) if text.isascii() else len(text.encode(errors="replace")) for text in texts if text
    )


def fitting(tasks: Sequence[Task]) -> int:
    """Return how many of the first tasks fit into one reply: at least one, if there is any."""
    characters = sum(len(task.name) + len(task.notes or "") for task in tasks)
    if 4 * characters + _TASK_MOST * len(tasks) <= REPLY_MAX:  # nearly always, and told without a look at the texts
        return len(tasks)
    size = 0
    for number, task in enumerate(tasks):
        size += size_of(task)
        if size > REPLY_MAX and number:
            return number
    return len(tasks)
