"""Changes of one task happen one after another: they stand in line."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol, TypeAlias

from twisted_tasks.service.storage.batching.call import WaitingCall

_Place: TypeAlias = tuple[str, str]
"""A task's id, and the user who asks. The user is part of it, or a stranger's calls for somebody's task, all of them
refused, would hold up its owner's."""


class Leaving(Protocol):
    """Where a call goes whose turn has come."""

    def make_ready(self, call: WaitingCall) -> None: ...
    def pump(self) -> None: ...


class Lines:
    """For each task, the change that is ready or on its way, and those that stand in line behind it.

    Shared by the queues of all operations that change tasks.
    """

    def __init__(self) -> None:
        self._lines: dict[_Place, deque[tuple[Leaving, WaitingCall]] | None] = {}

    def __len__(self) -> int:
        """Return how many tasks a change is ready for, or on its way."""
        return len(self._lines)

    def claim(self, item: Any) -> bool:
        """Return whether the item may go now. If so, `release` has to follow."""
        place = _place(item)
        if place in self._lines:
            return False
        self._lines[place] = None
        return True

    def stand(self, queue: Leaving, call: WaitingCall) -> None:
        """Keep a call whose item may not go now; its queue is told when it may."""
        place = _place(call.item)
        line = self._lines[place]
        if line is None:
            line = self._lines[place] = deque()
        line.append((queue, call))

    def release(self, queue: Leaving, item: Any) -> None:
        """Let the next one of the line go: the item is settled. The queue it was in sends what is ready by itself."""
        place = _place(item)
        line = self._lines[place]
        while line:
            other, call = line.popleft()
            if call.answer is not None:  # it has not expired in line
                other.make_ready(call)
                if other is not queue:
                    other.pump()
                return
        del self._lines[place]


def _place(item: Any) -> _Place:
    return item.id, item.user_id
