"""Copying one store to another: everything arrives, nothing is lost, and a second run goes on where one ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks.cli import copying
from twisted_tasks.cli.copying import Result, Walk
from twisted_tasks.model import StoreUnavailable, Task, to_milliseconds
from twisted_tasks.storage.memory import MemoryStore

MORNING = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC))


def task(number: int, name: str = "tea") -> Task:
    return Task(f"{number:024x}", f"user {number % 3}", name, MORNING + number * 60_000, number % 2 == 0)


def store(numbers: Any, name: str = "tea") -> MemoryStore:
    made = MemoryStore()
    made.tasks = {one.id: one for one in (task(number, name) for number in numbers)}
    return made


class CopyTests(SynchronousTestCase):
    """Walks over stores in memory, in pieces of three."""

    def setUp(self) -> None:
        self.patch(copying, "PIECE", 3)
        self.clock = Clock()

    def walk(self, source: Any, target: Any, add: bool = True) -> Result:
        seen: list[int] = []
        walk = Walk(source, target, self.clock, add, seen.append)  # type: ignore[arg-type]
        result: Result = self.successResultOf(Deferred.fromCoroutine(walk.run()))
        assert sum(seen) == result.seen == len(source.tasks)
        return result

    def test_everything(self) -> None:
        """Tasks arrive as they are, beside what the target has already."""
        source, target = store(range(0, 20, 2)), store(range(1, 30, 4))
        before = dict(target.tasks)
        assert self.walk(source, target) == Result(copied=10)
        assert target.tasks == {**source.tasks, **before}
        assert self.walk(source, target) == Result(same=10)

    def test_nothing(self) -> None:
        """An empty store is copied in no time."""
        assert self.walk(store([]), store([1])) == Result()
        assert self.walk(store([1]), store([])) == Result(copied=1)

    def test_what_differs(self) -> None:
        """A task the target has otherwise is left alone and named; and so is one that is missing."""
        source, target = store(range(5)), store([1, 2], "coffee")
        result = self.walk(source, target, add=False)
        assert (result.same, result.missing, result.differing) == (0, 3, 2)
        assert sorted(result.named) == [f"{number:024x}" for number in range(5)]
        result = self.walk(source, target)
        assert (result.copied, result.differing) == (3, 2)
        assert target.tasks[task(1).id].name == "coffee"

    def test_a_store_that_fails_for_a_while(self) -> None:
        """A piece is tried again, after pauses; a store that fails for long ends the copy."""
        source, target = store(range(5)), store([])
        target.error = StoreUnavailable()
        copy = Deferred.fromCoroutine(Walk(source, target, self.clock, True, lambda count: None).run())  # type: ignore[arg-type]
        self.clock.advance(1)
        self.assertNoResult(copy)
        target.error = None
        self.clock.advance(2)
        assert self.successResultOf(copy).copied == 5
        source.error = StoreUnavailable()
        copy = Deferred.fromCoroutine(Walk(source, target, self.clock, True, lambda count: None).run())  # type: ignore[arg-type]
        for _ in range(40):
            self.clock.advance(1)
        self.failureResultOf(copy, StoreUnavailable)


@settings(deadline=None)
@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.integers(1, 7))
def test_any_two_stores(ours: set[int], theirs: set[int], piece: int) -> None:
    """Whatever two stores hold, a copy ends with everything in the target, once, and a second one has nothing to do."""
    case = CopyTests("walk")
    case.clock = Clock()
    source, target = store(ours), store(theirs)
    before, copying.PIECE = copying.PIECE, piece
    try:
        result = case.walk(source, target)
        assert (result.copied, result.same) == (len(ours - theirs), len(ours & theirs))
        assert target.tasks.keys() == {f"{number:024x}" for number in ours | theirs}
        assert case.walk(source, target, add=False) == Result(same=len(ours))
    finally:
        copying.PIECE = before
