"""In which order the tasks of a `MemoryStore` changed, and what is newer than a token.

Every task, living or removed, has the number of its last change. It is given when somebody asks, to each task that is
not the one that was numbered before, so that whoever changes the dictionaries need not tell.

A token is (store, base, position): everything up to `position` was told. While the first listing is under way,
removals up to `base`, the last number when the listing began, are not news to whoever reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    InvalidArgument,
    RemovedTask,
    StoredTask,
    Task,
    UserSync,
    fitting,
    read_sync,
    write_sync,
)

_KIND = "t"


class Kept(Protocol):
    """What a log needs of its store: living tasks, and removed ones, by id. Of an id in both, the task is living."""

    @property
    def tasks(self) -> Mapping[str, Task]: ...
    @property
    def removed(self) -> Mapping[str, StoredTask]: ...


class _Place(NamedTuple):
    base: int
    position: int

    @property
    def known(self) -> int:
        """Up to which number nothing that was removed has to be told."""
        return max(self)


class ChangeLog:
    """Numbers changes of tasks, and answers what is newer than a token.

    @param kept: where the tasks are.
    @param store: a number that tells the tokens of this store from those of others.
    """

    def __init__(self, kept: Kept, store: int) -> None:
        self._kept = kept
        self._store = store
        self._last = 0
        self._numbered: dict[str, tuple[Task | StoredTask, int]] = {}
        self._forgotten = 0
        """The greatest number of a removal that is not known any more."""
        self._emptied: dict[str, int] = {}
        """By user, the last number before everything was removed."""

    def changes(self, query: ChangesQuery) -> Changes:
        """Answer a query. Raises InvalidArgument for a token nobody made."""
        self._number()
        place = None if query.sync is None else self._read(query.user_id, query.sync)
        reset = query.sync is not None and place is None
        if place is None:
            place = _Place(self._last, 0)
        found = self._newer(query.user_id, place)
        told = found[: query.limit]
        tasks = [item for _, item in told if isinstance(item, Task)]
        fit = fitting(tasks)
        if fit < len(tasks):
            told = told[: next(at for at, (_, item) in enumerate(told) if item is tasks[fit])]
        more = len(told) < len(found)
        position = told[-1][0] if more else self._last
        return Changes(
            tasks[:fit],
            [RemovedTask(item.task.id, item.version) for _, item in told if isinstance(item, StoredTask)],
            self._write(query.user_id, _Place(place.base, position)),
            more,
            reset,
        )

    def newer(self, sync: UserSync) -> str | None:
        """Return a new token if a user has anything newer than the token. Raises InvalidArgument as `changes` does."""
        self._number()
        place = None if sync.sync is None else self._read(sync.user_id, sync.sync)
        if place is not None and not self._newer(sync.user_id, place):
            return None
        return self._write(sync.user_id, _Place(self._last, self._last))

    def purged(self, stored: StoredTask) -> None:
        """Called before a removed task is forgotten."""
        self._number()
        if stored.task.id not in self._kept.tasks:
            self._forgotten = max(self._forgotten, self._numbered[stored.task.id][1])

    def emptied(self, user_id: str) -> None:
        """Called after everything of a user was removed."""
        self._last += 1
        self._emptied[user_id] = self._last

    def _number(self) -> None:
        there: dict[str, Task | StoredTask] = {**self._kept.removed, **self._kept.tasks}
        for task_id, item in there.items():
            if task_id not in self._numbered or self._numbered[task_id][0] is not item:
                self._last += 1
                self._numbered[task_id] = (item, self._last)
        for task_id in self._numbered.keys() - there.keys():
            del self._numbered[task_id]

    def _newer(self, user_id: str, place: _Place) -> list[tuple[int, Task | StoredTask]]:
        """Return what is newer than a place, with its number, in the order of numbers."""
        found: list[tuple[int, Task | StoredTask]] = []
        for item, number in self._numbered.values():
            if isinstance(item, Task):
                if item.user_id == user_id and number > place.position:
                    found.append((number, item))
            elif item.task.user_id == user_id and number > place.known:
                found.append((number, item))
        return sorted(found, key=lambda one: one[0])

    def _read(self, user_id: str, token: str) -> _Place | None:
        """Return the place a token names; None when it cannot be continued."""
        numbers = read_sync(_KIND, user_id, token)
        if numbers is None or numbers[0] != self._store:
            return None
        if len(numbers) != 3:
            raise InvalidArgument("sync is not a token that changes answered")
        place = _Place(numbers[1], numbers[2])
        oldest = max(self._forgotten, self._emptied.get(user_id, 0))
        return place if oldest <= place.known <= self._last else None

    def _write(self, user_id: str, place: _Place) -> str:
        return write_sync(_KIND, user_id, (self._store, *place))
