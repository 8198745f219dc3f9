"""Tasks of Microsoft To Do, as its API (Microsoft Graph) has them, which is what programs that export them write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted_tasks.cli.files.fields import done_of, due_of, notes_of
from twisted_tasks.cli.files.records import Row


def fits(fields: dict[str, Any]) -> bool:
    """Return whether an object is an answer of the API, a list, or a task of Microsoft To Do."""
    if any(isinstance(fields.get(part), list) for part in ("value", "tasks")):
        return True
    return "title" in fields and ("status" in fields or "dueDateTime" in fields or "body" in fields)


def tasks(fields: dict[str, Any], number: int) -> Iterator[Row]:
    """Yield the tasks of an object: an answer of the API, a list, or a single task. Raises ValueError."""
    for part in ("value", "tasks"):
        if isinstance(fields.get(part), list):
            for item in fields[part]:
                if not isinstance(item, dict):
                    raise ValueError(f"an item of {part} is not an object")
                for row in tasks(item, number):
                    number += 1
                    yield row
            return
    if "displayName" in fields and "title" not in fields:  # a list without its tasks
        return
    yield _task(fields, number)


def _task(fields: dict[str, Any], number: int) -> Row:
    title, status = fields.get("title"), str(fields.get("status") or "notStarted")
    if not isinstance(title, str):
        raise ValueError("title is not a text")
    done = done_of(status)
    if done is None:
        raise ValueError(f"status is {status!r}")
    body = fields.get("body")
    text = body.get("content") if isinstance(body, dict) else body
    moment = fields.get("dueDateTime")
    typed = str((moment.get("dateTime") if isinstance(moment, dict) else moment) or "")
    due = due_of(typed.partition("T")[0])  # it keeps days; the time is midnight in the zone it names
    steps = [str(step.get("displayName", "")) for step in fields.get("checklistItems") or [] if isinstance(step, dict)]
    more = [("Step", step) for step in steps] + [("Due", typed if due is None else "")]
    key = f"microsoft-{fields['id']}" if fields.get("id") else None
    return Row(number, title, done, key=key, notes=notes_of(str(text or "").strip() or None, more), due=due)
