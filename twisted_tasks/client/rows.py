"""Lists of tasks, read straight into a class of the caller's: for a program that only passes them on.

A `Task` for each task costs more than all else in a long list. A gateway that writes JSON wants an object of its JSON
library: the decoder, which is in C, makes that at once.

A row's class is made without arguments and has attributes named as the fields of `Task` in tasks.thrift (`id`, `name`,
`createdOn`, ...), with the values they have there; what it has no attribute for is not read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from twisted_tasks.client.codec import METHODS, Method
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import RemovedTask

Row = TypeVar("Row")


class RowPage(NamedTuple, Generic[Row]):
    """As `Page`."""

    tasks: list[Row]
    next: str | None


class RowChanges(NamedTuple, Generic[Row]):
    """As `Changes`."""

    tasks: list[Row]
    removed: list[RemovedTask]
    sync: str
    more: bool
    reset: bool


def reading(name: str, row: type) -> Method:
    """Return a method of the contract whose reply has objects of a class in the place of tasks.

    @param name: a method that answers with a struct which has a list of tasks as its first field.
    """
    return _reading(name, row)


@lru_cache(maxsize=64)
def _reading(name: str, row: type) -> Method:
    method = METHODS[name]
    spec: tuple[Any, ...] = method.result.thrift_spec  # type: ignore[attr-defined]  # generated code has it
    struct, fields = spec[0][3]
    element, _, *rest = fields[1][3]
    with_rows = _put(fields, 1, (element, [row, _task_spec(row)], *rest))
    spec = _put(spec, 0, [struct, with_rows])
    return method._replace(result=type(f"{name}_rows", (method.result,), {"thrift_spec": spec}))


def _put(spec: tuple[Any, ...], place: int, types: Any) -> tuple[Any, ...]:
    """Return the specification of a struct with other types for one of its fields."""
    field = spec[place]
    return (*spec[:place], (*field[:3], types, *field[4:]), *spec[place + 1 :])


def _task_spec(row: type) -> tuple[Any, ...]:
    """Return the specification of a task, less the fields that a row has no attribute for."""
    empty = row()
    return tuple(field if field is not None and hasattr(empty, field[2]) else None for field in ttypes.Task.thrift_spec)


def rows_of(tasks: list[Any], row: type[Row]) -> list[Row]:
    """Return the rows of a list that was read with `reading`."""
    if not tasks or type(tasks[0]) is row:
        return tasks
    # Thrift has no decoder in C here, and the one in Python makes nothing but tasks.
    return [_row(task, row) for task in tasks]


def _row(task: ttypes.Task, row: type[Row]) -> Row:
    made = row()
    for field in _task_spec(row):
        if field is not None and (value := getattr(task, field[2])) is not None:
            setattr(made, field[2], value)
    return made


def page_of(struct: ttypes.TaskPage, row: type[Row]) -> RowPage[Row]:
    """Return a page of rows."""
    return RowPage(rows_of(struct.tasks, row), struct.nextCursor)


def changes_of(struct: ttypes.TaskChanges, row: type[Row]) -> RowChanges[Row]:
    """Return what changed, in rows."""
    removed = [RemovedTask(one.id, one.version) for one in struct.removed]
    return RowChanges(rows_of(struct.tasks, row), removed, struct.sync, bool(struct.more), bool(struct.reset))
