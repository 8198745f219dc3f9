"""One store to another, by walking both at once in the order of ids.

    source   a b c d e ...        each piece of the source is held against the same stretch of the target;
    target   a   c     x ...      what the target lacks, or has in an older version, is put there

Removed tasks are walked through like living ones, so that a removal is brought, too. Where it was broken off need not
be remembered: a second run finds what the first one brought, and goes on with what is missing. The check at the end is
the same walk, putting nothing, and a count of both stores that they make without walking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.model import (
    DeadlineExceeded,
    StoredTask,
    StoreUnavailable,
    Task,
    TaskError,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
)
from twisted_tasks.service.storage.interface import ITaskCopy, Outcome

_T = TypeVar("_T")

PIECE = 1000
"""Tasks that are read, and written, at a time."""
_TIMEOUT = 30.0
"""Seconds for each piece."""
_ATTEMPTS = 6
"""How often a piece is tried before the copy is given up; with pauses of 1, 2, 4, ... s that bridges a restart."""
_MOST_NAMED = 10


class Copied(Protocol):
    """What copying needs of a store: see ITaskCopy."""

    def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Awaitable[list[StoredTask]]: ...
    def count(self, deadline: float) -> Awaitable[int]: ...
    def put(self, stored: Sequence[StoredTask], deadline: float) -> Awaitable[list[Outcome[bool]]]: ...
    def discard(self, refs: Sequence[TaskRef], deadline: float) -> Awaitable[list[Outcome[None]]]: ...


class _OnlyLiving:
    """A store of which no more can be copied than its living tasks."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.count = store.count

    async def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> list[StoredTask]:
        return [StoredTask(task) for task in await self._store.scan(after_id, limit, deadline)]

    async def put(self, stored: Sequence[StoredTask], deadline: float) -> list[Outcome[bool]]:
        tasks = [one.task for one in stored]
        outcomes: list[Outcome[Task]] = await self._store.add(tasks, deadline)
        # One that is there otherwise is like another user's: it is left.
        return [
            outcome if isinstance(outcome, TaskError) else True if outcome == task else TaskNotFound()
            for task, outcome in zip(tasks, outcomes, strict=True)
        ]

    async def discard(self, refs: Sequence[TaskRef], deadline: float) -> list[Outcome[None]]:
        outcomes = await self._store.remove([TaskRemoval(*ref) for ref in refs], deadline)
        return [None if isinstance(outcome, TaskNotFound) else outcome for outcome in outcomes]


def copied(source: Any, target: Any) -> tuple[Copied, Copied]:
    """Return two stores as they can be copied: with removed tasks, if both keep those."""
    if ITaskCopy.providedBy(source) and ITaskCopy.providedBy(target):
        return source, target
    return _OnlyLiving(source), _OnlyLiving(target)


class Mode(Enum):
    """What is done about what the target has not as the source has it."""

    COMPARE = "nothing"
    COPY = "bring what it lacks or has in an older version"
    MIRROR = "make it the same, whatever it has"


@dataclass
class FoundTasks:
    """What a walk has come upon so far, in tasks, living and removed.

    @ivar copied: those that were put into the target.
    @ivar same: those that it had already.
    @ivar missing: those that it lacks, or has in an older version.
    @ivar differing: those that it has otherwise, in as new a version.
    @ivar extra: those of the target that the source has not; counted when mirroring only, and gone then.
    @ivar named: ids of some of the missing and differing ones.
    @ivar living: living tasks of the source.
    """

    copied: int = 0
    same: int = 0
    missing: int = 0
    differing: int = 0
    extra: int = 0
    named: list[str] = field(default_factory=list)
    living: int = 0

    def name(self, stored: StoredTask) -> None:
        """Note a task that is not as it should be."""
        if len(self.named) < _MOST_NAMED:
            self.named.append(stored.task.id)


class SideBySide:
    """Walks through two stores side by side.

    @param clock: what the stores' deadlines are told on.
    @param mode: what to do about differences.
    @param seen: told how many tasks of the source were dealt with, a piece at a time.
    """

    def __init__(
        self, source: Copied, target: Copied, clock: IReactorTime, mode: Mode, seen: Callable[[int], None]
    ) -> None:
        self.found = FoundTasks()
        self._source = source
        self._target = target
        self._clock = clock
        self._mode = mode
        self._seen = seen
        self._ahead: list[StoredTask] = []
        """Tasks of the target that were read and lie beyond the source's piece."""
        self._target_after: str | None = None
        self._target_ended = False

    async def run(self) -> FoundTasks:
        """Walk to the end of both, and return what was found. Raises TaskError when a store fails for long."""
        after: str | None = None
        # Only an empty piece is the end: how many are in it says nothing, whatever a store leaves out of it.
        while piece := await self._persist(partial(self._source.scan_stored, after, PIECE)):
            await self._deal_with(piece)
            self._seen(len(piece))
            after = piece[-1].task.id
        if self._mode is Mode.MIRROR:
            while stretch := await self._stretch(None):
                await self._discard(stretch)
        return self.found

    async def count(self, timeout: float) -> tuple[int, int]:
        """Return how many living tasks the stores have, by their own count.

        @param timeout: seconds that each may take.
        """
        deadline = self._clock.seconds() + timeout
        return await self._source.count(deadline), await self._target.count(deadline)

    async def _deal_with(self, piece: Sequence[StoredTask]) -> None:
        self.found.living += sum(stored.removed_ms is None for stored in piece)
        there = {stored.task.id: stored for stored in await self._stretch(piece[-1].task.id)}
        news: list[StoredTask] = []
        for stored in piece:
            other = there.pop(stored.task.id, None)
            if stored == other:
                self.found.same += 1
            elif self._mode is Mode.MIRROR or other is None or other.version < stored.version:
                news.append(stored)
            else:
                self.found.differing += 1
                self.found.name(stored)
        if self._mode is Mode.MIRROR:
            await self._discard(list(there.values()))
        if self._mode is Mode.COMPARE:
            self.found.missing += len(news)
            for stored in news:
                self.found.name(stored)
        elif news:
            await self._bring(news)

    async def _bring(self, news: Sequence[StoredTask]) -> None:
        if self._mode is Mode.MIRROR:
            refs = [TaskRef(stored.task.id, stored.task.user_id) for stored in news]
            await self._persist(partial(self._written, self._target.discard, refs))
        outcomes = await self._persist(partial(self._written, self._target.put, news))
        for stored, outcome in zip(news, outcomes, strict=True):
            if isinstance(outcome, TaskError):  # somebody else's task has its id
                self.found.differing += 1
                self.found.name(stored)
            elif outcome:
                self.found.copied += 1
            else:  # as new a one came there a moment ago
                self.found.same += 1

    async def _discard(self, extra: Sequence[StoredTask]) -> None:
        if extra:
            refs = [TaskRef(stored.task.id, stored.task.user_id) for stored in extra]
            await self._persist(partial(self._written, self._target.discard, refs))
            self.found.extra += len(extra)

    @staticmethod
    async def _written(
        operation: Callable[[Sequence[_T], float], Awaitable[list[Outcome[Any]]]], items: Sequence[_T], deadline: float
    ) -> list[Outcome[Any]]:
        """Do a write of which every item has to be settled."""
        outcomes = await operation(items, deadline)
        for outcome in outcomes:
            if isinstance(outcome, StoreUnavailable | DeadlineExceeded):
                raise outcome
        return outcomes

    async def _stretch(self, last: str | None) -> list[StoredTask]:
        """Return what the target has from where this ended before up to an id; None is up to its end, in pieces."""
        found: list[StoredTask] = []
        while True:
            found += [stored for stored in self._ahead if last is None or stored.task.id <= last]
            self._ahead = [stored for stored in self._ahead if last is not None and stored.task.id > last]
            if self._ahead or self._target_ended or (last is None and found):
                return found
            if last is not None and self._target_after is not None and self._target_after >= last:
                return found
            self._ahead = await self._persist(partial(self._target.scan_stored, self._target_after, PIECE))
            self._target_ended = not self._ahead
            if self._ahead:
                self._target_after = self._ahead[-1].task.id

    async def _persist(self, attempt: Callable[[float], Awaitable[_T]]) -> _T:
        """Try again while the store cannot work; every operation here is safe to repeat."""
        for number in range(_ATTEMPTS):
            try:
                return await attempt(self._clock.seconds() + _TIMEOUT)
            except TaskError as error:
                if not isinstance(error, StoreUnavailable | DeadlineExceeded) or number == _ATTEMPTS - 1:
                    raise
                await deferLater(self._clock, 2.0**number)
        raise AssertionError("not reached")
