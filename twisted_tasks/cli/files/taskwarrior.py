"""Tasks as `task export` of Taskwarrior writes them: one object for each task, in an array or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted_tasks.cli.files.fields import due_of, notes_of
from twisted_tasks.cli.files.records import Row


def fits(fields: dict[str, Any]) -> bool:
    """Return whether an object is a task of Taskwarrior."""
    return "description" in fields and "status" in fields and ("uuid" in fields or "entry" in fields)


def tasks(fields: dict[str, Any], number: int) -> Iterator[Row]:
    """Yield the task of an object; none for a deleted one, and for the pattern of a recurring one.

    Raises ValueError with what is wrong.
    """
    name, status = fields["description"], fields["status"]
    if not isinstance(name, str):
        raise ValueError("description is not a text")
    if status in ("deleted", "recurring"):
        return
    typed = str(fields.get("due") or "")
    due = due_of(typed)
    annotations = [str(one.get("description", "")) for one in fields.get("annotations") or [] if isinstance(one, dict)]
    more = [
        ("Project", fields.get("project")),
        ("Tags", ", ".join(map(str, fields.get("tags") or []))),
        ("Priority", fields.get("priority")),
        ("Due", typed if due is None else None),
    ]
    key = f"taskwarrior-{fields['uuid']}" if fields.get("uuid") else None
    notes = notes_of("\n".join(annotations), more)
    yield Row(number, name, status == "completed", key=key, notes=notes, due=due)
