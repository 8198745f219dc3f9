"""One store to another, by walking both at once in the order of ids.

    source   a b c d e ...        each piece of the source is held against the same stretch of the target;
    target   a   c     x ...      what the target lacks is added to it, what is there is compared

Where it was broken off need not be remembered: a second run finds what the first one brought, and goes on with what is
missing. The check at the end is the same walk, adding nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.model import DeadlineExceeded, StoreUnavailable, Task, TaskError
from twisted_tasks.storage.interface import Outcome

_T = TypeVar("_T")

PIECE = 1000
"""Tasks that are read, and written, at a time."""
_TIMEOUT = 30.0
"""Seconds for each piece."""
_ATTEMPTS = 6
"""How often a piece is tried before the copy is given up; with pauses of 1, 2, 4, ... s that bridges a restart."""
_MOST_NAMED = 10


class Store(Protocol):
    """What copying needs of a store: parts of ITaskStore and ITaskScan."""

    def add(self, tasks: Sequence[Task], deadline: float) -> Awaitable[list[Outcome[Task]]]: ...
    def scan(self, after_id: str | None, limit: int, deadline: float) -> Awaitable[list[Task]]: ...


@dataclass
class Result:
    """What a walk has come upon so far.

    @ivar copied: tasks that were added to the target.
    @ivar same: tasks the target had already.
    @ivar missing: tasks it lacks, when nothing is to be added.
    @ivar differing: tasks whose id the target has for something else.
    @ivar named: ids of some of the missing and differing ones.
    """

    copied: int = 0
    same: int = 0
    missing: int = 0
    differing: int = 0
    named: list[str] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Tasks of the source so far."""
        return self.copied + self.same + self.missing + self.differing

    def name(self, task: Task) -> None:
        """Note a task that is not as it should be."""
        if len(self.named) < _MOST_NAMED:
            self.named.append(task.id)


class Walk:
    """Walks through two stores side by side.

    @param clock: what the stores' deadlines are told on.
    @param add: whether to add to the target what it lacks.
    @param seen: told how many tasks of the source were dealt with, a piece at a time.
    """

    def __init__(
        self, source: Store, target: Store, clock: IReactorTime, add: bool, seen: Callable[[int], None]
    ) -> None:
        self.result = Result()
        self._source = source
        self._target = target
        self._clock = clock
        self._add = add
        self._seen = seen
        self._ahead: list[Task] = []
        """Tasks of the target that were read and lie beyond the source's piece."""
        self._target_after: str | None = None
        self._target_ended = False

    async def run(self) -> Result:
        """Walk to the end of the source, and return what was found. Raises TaskError when a store fails for long."""
        after: str | None = None
        while True:
            piece = await self._persist(partial(self._source.scan, after, PIECE))
            if piece:
                await self._deal_with(piece)
                self._seen(len(piece))
                after = piece[-1].id
            if len(piece) < PIECE:
                return self.result

    async def _deal_with(self, piece: Sequence[Task]) -> None:
        there = await self._stretch({task.id for task in piece}, piece[-1].id)
        lacking = [task for task in piece if task.id not in there]
        for task in piece:
            if task.id in there:
                self._compare(task, there[task.id])
        if self._add and lacking:
            outcomes = await self._persist(partial(self._added, lacking))
            self.result.copied += sum(task == outcome for task, outcome in zip(lacking, outcomes, strict=True))
            for task, outcome in zip(lacking, outcomes, strict=True):
                if task != outcome:  # somebody added another one under this id, a moment ago
                    self._compare(task, outcome)
        elif lacking:
            self.result.missing += len(lacking)
            for task in lacking:
                self.result.name(task)

    def _compare(self, task: Task, other: Outcome[Task]) -> None:
        if task == other:
            self.result.same += 1
        else:
            self.result.differing += 1
            self.result.name(task)

    async def _added(self, tasks: Sequence[Task], end: float) -> list[Outcome[Task]]:
        outcomes = await self._target.add(tasks, end)
        for outcome in outcomes:
            if isinstance(outcome, StoreUnavailable | DeadlineExceeded):
                raise outcome
        return outcomes

    async def _stretch(self, wanted: set[str], last: str) -> dict[str, Task]:
        """Return those tasks of the target that are wanted, by id, reading on until past the last one."""
        found: dict[str, Task] = {}
        while True:
            beyond = [task for task in self._ahead if task.id > last]
            found.update((task.id, task) for task in self._ahead if task.id in wanted)
            self._ahead = beyond
            if beyond or self._target_ended or (self._target_after is not None and self._target_after >= last):
                return found
            self._ahead = await self._persist(partial(self._target.scan, self._target_after, PIECE))
            self._target_ended = len(self._ahead) < PIECE
            if self._ahead:
                self._target_after = self._ahead[-1].id

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
