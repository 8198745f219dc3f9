"""Tasks as the gateway's JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from twisted_tasks.client.errors import BadReply
from twisted_tasks.model import Changes, RemovedTask, Task, to_milliseconds


def to_task(record: Any, user_id: str) -> Task:
    """Return the task of an object, or raise BadReply.

    @param user_id: whose it is, which the gateway does not say.
    """
    try:
        return Task(
            str(record["id"]),
            user_id,
            str(record["name"]),
            _milliseconds(record["createdOn"]),
            bool(record["done"]),
            int(record["version"]),
            _milliseconds(record["updatedOn"]),
            record["notes"],
            record["due"],
            record["rank"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadReply(f"the gateway's task cannot be read: {type(error).__name__}: {error}") from None


def to_changes(reply: Any, user_id: str) -> Changes:
    """Return the changes of an object, or raise BadReply. See `to_task`."""
    try:
        return Changes(
            [to_task(task, user_id) for task in reply["tasks"]],
            [RemovedTask(str(removed["id"]), int(removed["version"])) for removed in reply["removed"]],
            str(reply["sync"]),
            bool(reply["more"]),
            bool(reply["reset"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadReply(f"the gateway's changes cannot be read: {type(error).__name__}: {error}") from None


def fields(name: str | None, done: bool | None, more: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the fields that a request sets; "" clears notes, due and rank, which JSON says by null."""
    set_ = {"name": name, "done": done}
    given = {field: value for field, value in set_.items() if value is not None}
    return given | {field: value or None for field, value in more.items() if value is not None}


def _milliseconds(text: str) -> int:
    return to_milliseconds(datetime.fromisoformat(text))
