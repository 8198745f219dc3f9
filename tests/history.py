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

from twisted_tasks.model import ListQuery, Overloaded, Task, TaskChange, TaskError, TaskNotFound, TaskRef
from twisted_tasks.storage.interface import ITaskStore

NOT_FOUND = "not found"
UNKNOWN = "unknown"

_WRITES = ("add", "update", "remove")


@dataclass
class Operation:
    """What one call asked of one task, and saw.

    @ivar start: when it was called, in ticks.
    @ivar end: when it was answered; inf for a call that ended in an error, since it may still take effect.
    @ivar seen: a Task, NOT_FOUND, or None for a removal that worked; UNKNOWN for a call that ended in an error.
    """

    kind: str
    item: Any
    start: float
    end: float = inf
    seen: Any = UNKNOWN


def step(task: Task | None, kind: str, item: Any) -> tuple[Task | None, Any]:
    """Return the task after an operation, and what its caller sees."""
    mine = task is not None and task.user_id == item.user_id
    if kind == "add" and task is None:
        return item, item
    if not mine:
        return task, NOT_FOUND
    assert task is not None
    if kind == "update":
        name = task.name if item.name is None else item.name
        done = task.done if item.done is None else item.done
        task = task._replace(name=name, done=done)
    elif kind == "remove":
        return None, None
    elif kind == "find" and item.done not in (None, task.done):
        return task, NOT_FOUND
    return task, task


def linearisable(operations: Sequence[Operation]) -> bool:
    """Return whether the operations of one task could have happened one after another."""
    known = [operation for operation in operations if operation.seen is not UNKNOWN or operation.kind in _WRITES]
    seen = set()
    stack: list[tuple[frozenset[int], Task | None]] = [(frozenset(range(len(known))), None)]
    while stack:
        left, task = stack.pop()
        if (left, task) in seen:
            continue
        seen.add((left, task))
        if all(known[number].seen is UNKNOWN for number in left):
            return True
        first_end = min(known[number].end for number in left)
        nexts: dict[int, Task | None] = {}
        for number in left:
            operation = known[number]
            if operation.start > first_end:  # another one that is left ended before it began
                continue
            after, sees = step(task, operation.kind, operation.item)
            fits = operation.seen == sees
            if fits and (sees == NOT_FOUND or operation.kind not in _WRITES):
                # It fits here and nowhere has an effect: wherever else it fits, it may as well be here.
                nexts = {number: after}
                break
            if fits or (operation.seen is UNKNOWN and after != task):
                nexts[number] = after
        stack += [(left - {number}, after) for number, after in nexts.items()]
    return False


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

    def call(self, kind: str, item: Task | TaskChange | TaskRef | ListQuery, deadline: float) -> Deferred[Any]:
        """Ask for one item; the Deferred fires, with None, when that is answered."""
        self.ticks += 1
        self.open += 1
        ids = self.ids if isinstance(item, ListQuery) else [item.id]
        operations = [Operation(kind, item, self.ticks) for _ in ids]
        for task_id, operation in zip(ids, operations, strict=True):
            self.operations.setdefault(task_id, []).append(operation)
        ask: Callable[..., Deferred[Any]] = getattr(self.store, kind)
        return ask([item], deadline).addBoth(self._answered, ids, operations)

    def _answered(self, result: Any, ids: Sequence[str], operations: Sequence[Operation]) -> None:
        self.ticks += 1
        self.open -= 1
        if isinstance(result, Failure):
            if result.check(Overloaded):  # nothing was done: as if never called
                for task_id, operation in zip(ids, operations, strict=True):
                    self.operations[task_id].remove(operation)
            return
        (outcome,) = result
        if isinstance(outcome, TaskError) and not isinstance(outcome, TaskNotFound):
            return
        for task_id, operation in zip(ids, operations, strict=True):
            operation.end = self.ticks
            operation.seen = _seen(outcome, task_id)

    def check(self) -> None:
        """Raise AssertionError unless every task's history is linearisable and every call was answered."""
        assert self.open == 0, f"{self.open} calls were never answered"
        for task_id, operations in self.operations.items():
            assert linearisable(operations), f"task {task_id}:\n" + "\n".join(map(str, operations))


def _seen(outcome: Any, task_id: str) -> Any:
    if isinstance(outcome, list):
        return next((task for task in outcome if task.id == task_id), NOT_FOUND)
    return NOT_FOUND if isinstance(outcome, TaskNotFound) else outcome
