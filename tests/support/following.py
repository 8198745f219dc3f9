"""What a follower of `changes` does with an answer, whoever gave it: a store, or a client of the service."""

from __future__ import annotations

from typing import Any

from twisted_tasks.model import Task


def apply(known: dict[str, Any], answer: Any) -> None:
    """Bring what is known of tasks, by id, up to date."""
    if answer.reset:
        known.clear()
    for item in [*answer.tasks, *answer.removed]:
        before = known.get(item.id)
        if before is None or item.version >= before.version:
            known[item.id] = item


def living(known: dict[str, Any], kind: type = Task) -> dict[str, Any]:
    """Return the tasks that are believed to be there: those of this class."""
    return {item.id: item for item in known.values() if isinstance(item, kind)}
