"""Tasks and moments, as the API shows them."""

from __future__ import annotations

from msgspec import Struct

from twisted_tasks.gateway.api import schemas
from twisted_tasks.model import Task, to_text


class TaskRow(Struct, gc=False):
    """A task of a list, as the Tasks service sends it and as the API shows it: the client reads it straight into this.

    By way of `Task`, a list of a hundred costs six times the CPU.
    """

    id: str = ""
    name: str = ""
    done: bool = False
    createdOn: str = ""
    updatedOn: str | None = None
    version: int = 0
    notes: str | None = None
    due: str | None = None
    rank: str | None = None


def present_rows(rows: list[TaskRow]) -> list[TaskRow]:
    """Return the tasks of a list as the API shows them: what was never changed was last changed when it was made."""
    for row in rows:
        if row.updatedOn is None:
            row.updatedOn = row.createdOn
    return rows


def present(task: Task) -> schemas.Task:
    """Return a task as the API shows it. Whose it is, is nobody's business."""
    id, _, name, created_ms, done, version, updated_ms, notes, due, rank = task
    created = to_text(created_ms)
    updated = created if updated_ms is None or updated_ms == created_ms else to_text(updated_ms)
    return schemas.Task(id, name, done, created, updated, version, notes, due, rank)


def moment(milliseconds: int | None) -> str | None:
    """Return a moment as text; None for none."""
    return None if milliseconds is None else to_text(milliseconds)
