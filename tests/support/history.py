"""Whether what callers saw of one task could have happened one call after another.

A history is linearisable when each call can be given one moment between its start and its end, so that taken in the
order of these moments the calls answer as the sequential model below says. A call that ended in an error may have
taken effect at any moment after its start, or never. The search is Wing and Gong's, with the states already seen left
out (J. Wing, C. Gong, "Testing and Verifying Concurrent Objects", 1993; G. Lowe, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from twisted_tasks.model import (
    ALWAYS,
    Changes,
    Overloaded,
    StoredTask,
    Task,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    VersionConflict,
)
from twisted_tasks.service.storage import rules
from twisted_tasks.service.storage.interface import ITaskStore
from twisted_tasks.service.storage.rules import Known

NOT_FOUND = "not found"
UNKNOWN = "unknown"

_WRITES = ("add", "update", "remove", "restore")
_TOLD = (TaskNotFound, VersionConflict, TaskIdTaken)
"""Errors that say what a task is. After any other it is not known whether the call took effect."""


@dataclass
class Operation:
    """What one call asked of one task, and saw.

    @ivar start: when it was called, in ticks.
    @ivar end: when it was answered; inf for a call that ended in an error, since it may still take effect.
    @ivar sendings: how often the store was asked, after a batch had failed as a whole. A change that has
        neither a version nor a key may be made each time: it sets what it sets, and the version grows.
    @ivar optional: whether it may also not have happened, though it ended.
    @ivar seen: a Task, NOT_FOUND, the class of another error with the task it tells of, or None for a removal that
        worked; UNKNOWN for a call that ended in an error.
    """

    kind: str
    item: Any
    start: float
    end: float = inf
    seen: Any = UNKNOWN
    sendings: int = 1
    optional: bool = False

    def earlier(self) -> list[Operation]:
        """Return the sendings before the last one, each of which may have taken effect."""
        if self.kind != "update" or self.item.condition != ALWAYS:
            return []
        once = Operation(self.kind, self.item, self.start, self.end, optional=True)
        return [once] * (self.sendings - 1)


def step(known: Known, kind: str, item: Any) -> tuple[Known, Any]:
    """Return what is known of a task after an operation, and what its caller sees."""
    mine = known.of_user(item.user_id)
    if kind == "add":
        if known.living is None:
            task = rules.addition(known, item)
            taken = known.removed is not None and known.removed.task.created_ms != task.created_ms
            known = Known(StoredTask(task), known.removed if taken else None)
        return known, told(_living(known.of_user(item.user_id)))
    if kind == "update":
        outcome, kept = rules.change(mine, item, 0)
        return (known if kept is None else known._replace(living=kept)), told(outcome)
    if kind == "remove":
        removed, kept = rules.removal(mine, item, 0)
        return (known if kept is None else Known(removed=kept)), told(removed)
    if kind == "restore":
        outcome, kept = rules.restoration(mine, 0)
        return (known if kept is None else Known(living=kept)), told(outcome)
    task = _living(mine)
    if kind == "find" and isinstance(task, Task) and item.done not in (None, task.done):
        return known, NOT_FOUND
    return known, told(task)


def _living(known: Known) -> Task | TaskNotFound:
    return TaskNotFound() if known.living is None else known.living.task


def told(outcome: Any) -> Any:
    """Return of an outcome what can be compared: dates of changes are not."""
    if isinstance(outcome, TaskNotFound):
        return NOT_FOUND
    if isinstance(outcome, VersionConflict):
        return VersionConflict, told(outcome.current)
    if isinstance(outcome, TaskIdTaken):
        return TaskIdTaken
    return outcome._replace(updated_ms=None) if isinstance(outcome, Task) else outcome


_MOST_STATES = 20_000
"""States that are looked at for one history, a few seconds of them. Calls that ended in an error may have happened in
any order or not at all, and each that did counts the version on: a history with a dozen of them has too many orders to
try. Those that were answered are tried first, so that an order that fits is found long before."""


def linearisable(operations: Sequence[Operation]) -> bool:
    """Return whether the operations of one task could have happened one after another.

    True as well when that cannot be decided within _MOST_STATES.
    """
    told = [operation for operation in operations if operation.seen is not UNKNOWN or operation.kind in _WRITES]
    told += [once for operation in operations for once in operation.earlier()]
    seen = set()
    stack: list[tuple[frozenset[int], Known]] = [(frozenset(range(len(told))), Known())]
    while stack and len(seen) < _MOST_STATES:
        left, known = stack.pop()
        if (left, known) in seen:
            continue
        seen.add((left, known))
        if all(told[number].seen is UNKNOWN for number in left):
            return True
        stack += _next(told, left, known)
    return bool(stack)


def _next(told: Sequence[Operation], left: frozenset[int], known: Known) -> list[tuple[frozenset[int], Known]]:
    """Return what may be left, and known, after one more operation."""
    first_end = min(told[number].end for number in left)
    answered: list[tuple[frozenset[int], Known]] = []
    others: list[tuple[frozenset[int], Known]] = []
    tried: list[Operation] = []
    for number in left:
        operation = told[number]
        if operation in tried:  # the earlier sendings of one call are all alike: which one it is makes no difference
            continue
        tried.append(operation)
        if operation.start > first_end:  # another one that is left ended before it began
            continue
        after, sees = step(known, operation.kind, operation.item)
        fits = operation.seen == sees
        if fits and operation.kind not in _WRITES:
            # It fits here and nowhere has an effect: wherever else it fits, it may as well be here.
            return [(left - {number}, after)]
        if fits:
            answered.append((left - {number}, after))
        elif operation.seen is UNKNOWN and after != known:
            others.append((left - {number}, after))
        if operation.optional and operation.end == first_end:
            others.append((left - {number}, known))
    return others + answered  # the last one is tried first


@dataclass
class Recorder:
    """Calls a store and writes down, for each task, what was asked and seen.

    @ivar ids: every task there is; a list says of each whether it is in it.
    """

    store: ITaskStore
    ids: Sequence[str]
    operations: dict[str, list[Operation]] = field(default_factory=dict)
    open: int = 0
    ticks: int = 0

    def call(self, kind: str, item: Any, deadline: float) -> Deferred[Any]:
        """Ask for one item; the Deferred fires, with None, when that is answered."""
        self.ticks += 1
        self.open += 1
        ids = self.ids if kind in ("find", "changes") else [item.id]
        operations = [Operation(kind, item, self.ticks) for _ in ids]
        for task_id, operation in zip(ids, operations, strict=True):
            self.operations.setdefault(task_id, []).append(operation)
        ask: Callable[..., Deferred[Any]] = getattr(self.store, kind)
        return ask([item], deadline).addBoth(self._answered, ids, operations)

    def sent_again(self, items: Sequence[Any]) -> None:
        """Note that these items are sent again, if anybody still waits for them."""
        for operations in self.operations.values():
            for operation in operations:
                if operation.end == inf and operation.item in items:
                    operation.sendings += 1

    def _answered(self, result: Any, ids: Sequence[str], operations: Sequence[Operation]) -> None:
        self.ticks += 1
        self.open -= 1
        if isinstance(result, Failure):
            if result.check(Overloaded):  # nothing was done: as if never called
                for task_id, operation in zip(ids, operations, strict=True):
                    self.operations[task_id].remove(operation)
            return
        (outcome,) = result
        if isinstance(outcome, TaskError) and not isinstance(outcome, _TOLD):
            return
        for task_id, operation in zip(ids, operations, strict=True):
            operation.end = self.ticks
            operation.seen = self._seen(outcome, task_id)

    def check(self) -> None:
        """Raise AssertionError unless every task's history is linearisable and every call was answered."""
        assert self.open == 0, f"{self.open} calls were never answered"
        for task_id, operations in self.operations.items():
            assert linearisable(operations), f"task {task_id}:\n" + "\n".join(map(str, operations))

    def _seen(self, outcome: Any, task_id: str) -> Any:
        if isinstance(outcome, Changes):
            outcome = outcome.tasks
        if isinstance(outcome, list):
            outcome = next((task for task in outcome if task.id == task_id), TaskNotFound())
        return told(outcome)
