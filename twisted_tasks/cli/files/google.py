"""Tasks as Google Takeout hands them out: one document with lists, and tasks in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted_tasks.cli.files.fields import due_of, notes_of
from twisted_tasks.cli.files.records import Row

_LISTS = ("tasks#taskLists", "tasks#taskList", "tasks#tasks")


def fits(fields: dict[str, Any]) -> bool:
    """Return whether an object is a set of lists, a list or a task of Google Tasks."""
    return str(fields.get("kind", "")).startswith("tasks#")


def tasks(fields: dict[str, Any], number: int) -> Iterator[Row]:
    """Yield the tasks of an object: a set of lists, one list, or a single task. Raises ValueError."""
    items = fields.get("items")
    if items is None:
        if fields.get("kind") not in _LISTS:  # a list may be empty
            yield from _task(fields, number)
        return
    if not isinstance(items, list):
        raise ValueError("items is not a list")
    for item in items:
        if not isinstance(item, dict):
            raise ValueError("an item is not an object")
        for row in tasks({"kind": "tasks#task", **item}, number):
            number += 1
            yield row


def _task(fields: dict[str, Any], number: int) -> Iterator[Row]:
    title, notes = fields.get("title", ""), fields.get("notes")
    if not isinstance(title, str) or not isinstance(notes, str | None):
        raise ValueError("title or notes is not a text")
    if fields.get("deleted") or not (title or notes):  # an empty line that was left in a list
        return
    typed = str(fields.get("due") or "")
    # Google keeps a day and writes midnight of it in UTC.
    due = due_of(typed.partition("T")[0])
    key = f"google-{fields['id']}" if fields.get("id") else None
    more = [("Due", typed if due is None else None)]
    yield Row(number, title, fields.get("status") == "completed", key=key, notes=notes_of(notes, more), due=due)
