"""Copying one store to another: everything arrives, nothing is lost, and a second run goes on where one ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.components import proxyForInterface
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks.model import StoredTask, StoreUnavailable, Task, TaskChange, TaskRemoval, UsedKey, to_milliseconds
from twisted_tasks.service.storage import copying
from twisted_tasks.service.storage.copying import FoundTasks, Mode, SideBySide, copied
from twisted_tasks.service.storage.interface import ITaskCopy
from twisted_tasks.service.storage.memory import MemoryStore

MORNING = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC))


def task(number: int, name: str = "tea", version: int = 0) -> Task:
    created = MORNING + number * 60_000
    return Task(f"{number:024x}", f"user {number % 3}", name, created, number % 2 == 0, version)


def store(numbers: Any, name: str = "tea", version: int = 0) -> MemoryStore:
    made = MemoryStore(lambda: MORNING)
    made.tasks.update((one.id, one) for one in (task(number, name, version) for number in numbers))
    return made


def everything(store: MemoryStore) -> list[StoredTask]:
    kept: list[StoredTask] = store.scan_stored(None, 10_000, 0.0).result  # type: ignore[assignment]
    return kept


class CopyTests(SynchronousTestCase):
    """Walks over stores in memory, in pieces of three."""

    def setUp(self) -> None:
        self.patch(copying, "PIECE", 3)
        self.clock = Clock()

    def walk(self, source: Any, target: Any, mode: Mode = Mode.COPY) -> FoundTasks:
        seen: list[int] = []
        walk = SideBySide(source, target, self.clock, mode, seen.append)  # type: ignore[arg-type]
        found: FoundTasks = self.successResultOf(Deferred.fromCoroutine(walk.run()))
        assert sum(seen) == len(everything(source))
        assert found.living == len(source.tasks)
        return found

    def test_everything(self) -> None:
        """Tasks arrive as they are, beside what the target has already."""
        source, target = store(range(0, 20, 2)), store(range(1, 30, 4))
        before = dict(target.tasks)
        assert self.walk(source, target) == FoundTasks(copied=10, living=10)
        assert target.tasks == {**source.tasks, **before}
        assert self.walk(source, target) == FoundTasks(same=10, living=10)

    def test_nothing(self) -> None:
        """An empty store is copied in no time."""
        assert self.walk(store([]), store([1])) == FoundTasks()
        assert self.walk(store([1]), store([])) == FoundTasks(copied=1, living=1)

    def test_what_differs(self) -> None:
        """A task the target has otherwise is left alone and named; and so is one that is missing."""
        source, target = store(range(5)), store([1, 2], "coffee")
        found = self.walk(source, target, Mode.COMPARE)
        assert (found.same, found.missing, found.differing) == (0, 3, 2)
        assert sorted(found.named) == [f"{number:024x}" for number in range(5)]
        found = self.walk(source, target)
        assert (found.copied, found.differing) == (3, 2)
        assert target.tasks[task(1).id].name == "coffee"

    def test_a_copy_can_be_made_again(self) -> None:
        """What was changed, removed or added since the last copy is brought by the next one, keys included."""
        source, target = store(range(6)), store([])
        self.walk(source, target)
        source.update([TaskChange(task(1).id, "user 1", name="coffee")], 0.0)
        source.remove([TaskRemoval(task(2).id, "user 2"), TaskRemoval(task(5).id, "user 2")], 0.0)
        source.put([StoredTask(task(3, version=4), (UsedKey("k", 4),))], 0.0)
        source.add([task(9)], 0.0)
        found = self.walk(source, target, Mode.COMPARE)
        assert (found.same, found.missing, found.differing) == (2, 5, 0)
        found = self.walk(source, target)
        assert (found.copied, found.same, found.differing) == (5, 2, 0)
        assert everything(target) == everything(source)

    def test_what_is_newer_in_the_target(self) -> None:
        """A task that the target has in a newer version is left, and is different."""
        source, target = store([1]), store([1], "coffee", 3)
        assert self.walk(source, target).differing == 1
        assert target.tasks[task(1).id].name == "coffee"

    def test_a_mirror(self) -> None:
        """A mirror is the same afterwards, whatever it had: other tasks, newer ones, removed ones."""
        source, target = store([0, 2, 3, 4, 8]), store([1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13])
        target.update([TaskChange(task(2).id, "user 2", name="newer")], 0.0)
        target.remove([TaskRemoval(task(4).id, "user 1"), TaskRemoval(task(6).id, "user 0")], 0.0)
        found = self.walk(source, target, Mode.MIRROR)
        assert (found.copied, found.differing, found.extra) == (5, 0, 9)
        assert everything(target) == everything(source)
        assert self.walk(source, target, Mode.MIRROR) == FoundTasks(same=5, living=5)

    def test_a_store_that_leaves_out_some(self) -> None:
        """A piece that is shorter than it was asked for is not the end."""

        class Short(proxyForInterface(ITaskCopy)):  # type: ignore[misc]
            """Leaves out a task of each piece when it can."""

            def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Any:
                return self.original.scan_stored(after_id, max(1, limit - 1), deadline)

        source, target = store(range(20)), store([19])
        walk = SideBySide(Short(source), Short(target), self.clock, Mode.COPY, lambda count: None)
        assert self.successResultOf(Deferred.fromCoroutine(walk.run())).copied == 19
        assert target.tasks == source.tasks

    def test_both_count_apart_from_the_walk(self) -> None:
        """How many tasks there are is asked of the stores, so that a walk that ends early is found out."""

        class Ending(proxyForInterface(ITaskCopy)):  # type: ignore[misc]
            """Has a fault: it ends after the first piece."""

            def scan_stored(self, after_id: str | None, limit: int, deadline: float) -> Any:
                return self.original.scan_stored("f" * 24 if after_id else None, limit, deadline)

        source, target = Ending(store(range(20))), store([])
        walk = SideBySide(source, target, self.clock, Mode.COPY, lambda count: None)  # type: ignore[arg-type]
        assert self.successResultOf(Deferred.fromCoroutine(walk.run())).living == 3
        assert self.successResultOf(Deferred.fromCoroutine(walk.count(1.0))) == (20, 3)

    def test_stores_that_keep_no_removed_tasks(self) -> None:
        """Of a store that is older than versions, living tasks are copied."""

        source, target = store(range(6)), store([1], "coffee")
        source.remove([TaskRemoval(task(2).id, "user 2")], 0.0)
        plain = _without_interface(source)
        walk = SideBySide(*copied(plain, target), self.clock, Mode.COPY, lambda count: None)  # type: ignore[arg-type]
        found = self.successResultOf(Deferred.fromCoroutine(walk.run()))
        assert (found.copied, found.differing, found.living) == (4, 1, 5)
        assert not target.removed

    def test_a_store_that_fails_for_a_while(self) -> None:
        """A piece is tried again, after pauses; a store that fails for long ends the copy."""
        source, target = store(range(5)), store([])

        def start() -> Deferred[FoundTasks]:
            walk = SideBySide(source, target, self.clock, Mode.COPY, lambda count: None)  # type: ignore[arg-type]
            return Deferred.fromCoroutine(walk.run())

        target.error = StoreUnavailable()
        copy = start()
        self.clock.advance(1)
        self.assertNoResult(copy)
        target.error = None
        self.clock.advance(2)
        assert self.successResultOf(copy).copied == 5
        source.error = StoreUnavailable()
        copy = start()
        for _ in range(40):
            self.clock.advance(1)
        self.failureResultOf(copy, StoreUnavailable)


def _without_interface(store: MemoryStore) -> Any:
    """Return a store with the same methods that does not declare what it provides."""

    class Undeclared:
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(store, name)

    return Undeclared()


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)), st.integers(1, 7), st.booleans())
def test_any_two_stores(ours: set[int], theirs: set[int], piece: int, mirror: bool) -> None:
    """Whatever two stores hold, a copy ends with everything in the target, once, and a second one has nothing to do."""
    case = CopyTests("walk")
    case.clock = Clock()
    source, target = store(ours), store(theirs)
    before, copying.PIECE = copying.PIECE, piece
    try:
        found = case.walk(source, target, Mode.MIRROR if mirror else Mode.COPY)
        assert (found.copied, found.same) == (len(ours - theirs), len(ours & theirs))
        there = ours if mirror else ours | theirs
        assert target.tasks.keys() == {f"{number:024x}" for number in there}
        assert case.walk(source, target, Mode.COMPARE) == FoundTasks(same=len(ours), living=len(ours))
    finally:
        copying.PIECE = before
