"""Short ids: the last characters of an id stand for it as long as they fit one task only.

The last ones, since ids that one process made within one second all begin alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client import Task, TasksClient

SHORT = 6
"""Characters that are shown where nothing says that more are needed."""

_ID = re.compile(r"[0-9a-f]{1,24}")
_WHOLE = 24
_MOST_SHOWN = 4


def enough(ids: Iterable[str]) -> int:
    """Return how many characters of these ids tell them apart, at least SHORT."""
    ends = sorted(task_id[::-1] for task_id in ids)
    width = SHORT
    for one, other in pairwise(ends):
        while one[:width] == other[:width] and width < _WHOLE:
            width += 1
    return width


def check(given: str) -> str:
    """Return an id or the end of one in lower case, or fail when it cannot be one."""
    if not _ID.fullmatch(given.lower()):
        raise Trouble(f"{given!r} is no id, nor the end of one (`tasks ls` shows them)", Status.NOT_FOUND)
    return given.lower()


def whole(given: str) -> str:
    """Return a whole id in lower case, or fail when this is only the end of one: what is not there has no others."""
    task_id = check(given)
    if len(task_id) < _WHOLE:
        raise Trouble(f"{given} is the end of an id: a removed task needs the whole one", Status.NOT_FOUND)
    return task_id


async def find(client: TasksClient, user: str, given: Sequence[str]) -> list[Task]:
    """Return the task that each id, or end of one, stands for. Reads the user's list once, if any of them is short.

    @raise Trouble: when one fits no task, or several.
    """
    wanted = list(dict.fromkeys(check(one) for one in given))
    fitting: dict[str, list[Task]] = {one: [] for one in wanted}
    short = [one for one in wanted if len(one) < _WHOLE]
    if short:
        async for task in client.walk(user):
            for one in short:
                if task.id.endswith(one):
                    fitting[one].append(task)
    for one in wanted:
        if len(one) == _WHOLE:
            fitting[one].append(await client.get(one, user))
    found = [_only(one, fitting[one]) for one in wanted]
    return list({task.id: task for task in found}.values())


def _only(given: str, fitting: Sequence[Task]) -> Task:
    if not fitting:
        raise Trouble(f"no task's id ends in {given} (`tasks ls` shows those there are)", Status.NOT_FOUND)
    if len(fitting) > 1:
        width = enough(task.id for task in fitting)
        shown = ", ".join(task.id[-width:] for task in fitting[:_MOST_SHOWN])
        more = ", ..." if len(fitting) > _MOST_SHOWN else ""
        raise Trouble(f"{given} fits {len(fitting)} tasks: {shown}{more} (give more of the id's end)", Status.NOT_FOUND)
    return fitting[0]
