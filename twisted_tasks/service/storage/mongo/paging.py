"""Pages of a user's list, whatever the database holds.

A list is ordered by a task's date and id. The index has another order for what is no date within the years 1 to 9999:

    the list:   late dates, by id    | dates, newest first | no date, or an earlier one, by id
    the index:  some that are none   | late, dates, early  | others that are none

So a page is read in the index's order, which is right as long as everything on it has an ordinary date. Otherwise it is
read again, from the three parts of the list in turn. Its end is told by how many documents were found, and not by how
many of them are tasks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import FIRST_MS, LAST_MS, ListQuery, Position, Task
from twisted_tasks.service.storage.mongo import reads
from twisted_tasks.service.storage.mongo.documents import is_ordinary, to_task

Find = Callable[[Mapping[str, Any]], Awaitable[list[dict[str, Any]]]]
"""Executes a find command."""
_Part = Callable[[ListQuery, Position | None], dict[str, Any]]


def is_whole(query: ListQuery) -> bool:
    """Return whether a query asks for all a user has."""
    return query == ListQuery(query.user_id)


def begins_ordinary(query: ListQuery) -> bool:
    """Return whether the page after a query's place can be read in the index's order."""
    return query.after is None or FIRST_MS < query.after.created_ms < LAST_MS


def is_right(tasks: Sequence[Task | None]) -> bool:
    """Return whether a page that was read in the index's order is right."""
    return all(task is not None and is_ordinary(task) for task in tasks)


async def read_parts(query: ListQuery, find: Find, left_out: Callable[[Mapping[str, Any]], None]) -> list[Task]:
    """Return a page, read from the parts of the list in turn.

    @param left_out: told every document that cannot be a task.
    """
    tasks: list[Task] = []
    for part, after in _parts(query.after):
        ended = False
        while not ended and (query.limit is None or len(tasks) < query.limit):
            rest = query if query.limit is None else query._replace(limit=query.limit - len(tasks))
            documents = await find(part(rest, after))
            ended = rest.limit is None or len(documents) < rest.limit
            for document in documents:
                task = to_task(document)
                if task is None:
                    left_out(document)
                else:
                    tasks.append(task)
            if not ended:
                after = _place(documents[-1])
    return tasks


def _parts(after: Position | None) -> list[tuple[_Part, Position | None]]:
    """Return the parts of a list that follow a place, each with the place in it to begin after."""
    parts: list[_Part] = [reads.find_late, reads.find_dated, reads.find_undated]
    if after is not None:
        del parts[: 0 if after.created_ms >= LAST_MS else 1 if after.created_ms > FIRST_MS else 2]
    return [(part, after if part is parts[0] else None) for part in parts]


def _place(document: Mapping[str, Any]) -> Position:
    """Return where a document stands in its part, be it a task or not."""
    task_id = document["_id"]
    assert isinstance(task_id, ObjectId)
    created = document.get("createdOn")
    return Position(int(created) if type(created) is DatetimeMS else FIRST_MS, str(task_id))


def shares(queries: Sequence[ListQuery]) -> list[list[int]]:
    """Return which queries, by their places, are asked in one command, so that its documents tell whose they are.

    Whole lists go together. Pages do when each is of another user, and all they can bring fits into one reply: what
    is more travels beside it, and not after it.
    """
    groups: list[list[int]] = []
    whole: list[int] = []
    users: set[str] = set()  # of the last group of pages
    room = 0
    for place, query in enumerate(queries):
        if is_whole(query):
            if len(whole) % reads.MOST_ITEMS == 0:
                groups.append(whole := [])
            whole.append(place)
            continue
        if not begins_ordinary(query):
            groups.append([place])
            continue
        size = query.limit or reads.BATCH_SIZE
        if size > room or query.user_id in users:
            groups.append(pages := [])
            users, room = set(), reads.BATCH_SIZE
        pages.append(place)
        users.add(query.user_id)
        room -= size
    return groups


def find(queries: Sequence[ListQuery]) -> dict[str, Any]:
    """Return the command that finds what queries of one of `shares` ask for, each user's newest first."""
    if is_whole(queries[0]):
        return reads.find_users(list(dict.fromkeys(query.user_id for query in queries)))
    return reads.find_page(queries[0]) if len(queries) == 1 else reads.find_pages(queries)
