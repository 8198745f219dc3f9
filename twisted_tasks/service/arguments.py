"""Arguments of calls, as they came -> values of the model, checked. Raises InvalidArgument with a sentence.

Code that is generated for some languages sends every argument with a zero value, so "" for a key, a cursor or a token,
0 for a limit, and an empty struct mean that the argument is absent. In `TaskFields` an empty text is a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bson import ObjectId

from twisted_tasks import model
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import (
    ALWAYS,
    ChangesQuery,
    Condition,
    InvalidArgument,
    ListQuery,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    UserSync,
)

Item: TypeAlias = Task | TaskChange | TaskRemoval | TaskRef
"""One change of a batch: to add, to change, to remove, to restore."""


def task_ref(task_id: str | None, user_id: str | None) -> TaskRef:
    """Return which task is meant."""
    return TaskRef(model.valid_task_id(task_id), model.valid_user_id(user_id))


def new_task(user_id: str | None, name: str | None, key: str | None, now_ms: int, done: bool | None = None) -> Task:
    """Return the task to add: under an id of its own, or that of its key."""
    user = model.valid_user_id(user_id)
    task_id = model.id_of_key(user, model.valid_key(key)) if key else str(ObjectId())
    return Task(task_id, user, model.valid_name(name or ""), now_ms, bool(done), version=now_ms)


def task_of_fields(user_id: str | None, fields: ttypes.TaskFields | None, key: str | None, now_ms: int) -> Task:
    """Return the task to add with these fields."""
    fields = fields or ttypes.TaskFields()
    task = new_task(user_id, fields.name, key, now_ms, fields.done)
    return task._replace(
        notes=model.valid_notes(fields.notes or "") or None,
        due=model.valid_due(fields.due or "") or None,
        rank=model.valid_rank(fields.rank or "") or None,
    )


def task_change(task_id: str | None, user_id: str | None, name: str | None, done: bool | None) -> TaskChange:
    """Return the change of a task's name and whether it is done."""
    ref = task_ref(task_id, user_id)
    return TaskChange(ref.id, ref.user_id, None if name is None else model.valid_name(name), done)


def change_of_fields(
    task_id: str | None, user_id: str | None, fields: ttypes.TaskFields | None, condition: ttypes.Condition | None
) -> TaskChange:
    """Return the change that sets these fields."""
    fields = fields or ttypes.TaskFields()
    change = task_change(task_id, user_id, fields.name, fields.done)
    change = change._replace(
        notes=None if fields.notes is None else model.valid_notes(fields.notes),
        due=None if fields.due is None else model.valid_due(fields.due),
        rank=None if fields.rank is None else model.valid_rank(fields.rank),
    )
    return change._replace(condition=_condition(condition, "change", *change[2:-1]))


def task_removal(task_id: str | None, user_id: str | None, condition: ttypes.Condition | None) -> TaskRemoval:
    """Return which task to remove, and on what that depends."""
    ref = task_ref(task_id, user_id)
    return TaskRemoval(ref.id, ref.user_id, _condition(condition, "remove"))


def _condition(condition: ttypes.Condition | None, *asked: object) -> Condition:
    """Return a condition, its key as a digest of the key and of all that is asked with it."""
    if condition is None or (condition.version is None and not condition.key):
        return ALWAYS
    version = None if condition.version is None else model.valid_version(condition.version)
    key = model.digest(model.valid_key(condition.key), version, *asked) if condition.key else None
    return Condition(version, key)


def list_query(user_id: str | None, limit: int | None, cursor: str | None, done: bool | None) -> ListQuery:
    """Return what a page is made of: one task more than it holds, which tells whether there is a next one."""
    size = model.valid_limit(limit or model.PAGE_DEFAULT)
    after = model.read_cursor(cursor) if cursor else None
    return ListQuery(model.valid_user_id(user_id), size + 1, after, done)


def changes_query(user_id: str | None, sync: str | None, limit: int | None) -> ChangesQuery:
    """Return the question what changed."""
    return ChangesQuery(model.valid_user_id(user_id), sync or None, model.valid_limit(limit or model.PAGE_MAX))


def user_syncs(syncs: Mapping[str, str] | None) -> list[UserSync]:
    """Return the question which of these users have anything newer than their token."""
    if syncs is None:
        return []
    if len(syncs) > model.SYNCS_MAX:
        raise InvalidArgument(f"there are more than {model.SYNCS_MAX} users: ask in several calls")
    return [UserSync(model.valid_user_id(user_id), sync or None) for user_id, sync in syncs.items()]


def batch_items(user_id: str, changes: Sequence[ttypes.Change] | None, now_ms: int) -> list[Item | InvalidArgument]:
    """Return each change of a batch, or why it cannot be made."""
    if changes is None:
        return []
    if len(changes) > model.BATCH_MAX:
        raise InvalidArgument(f"there are more than {model.BATCH_MAX} changes: make them in several calls")
    items: list[Item | InvalidArgument] = []
    for change in changes:
        try:
            items.append(_item(user_id, change, now_ms))
        except InvalidArgument as error:
            items.append(error)
    return items


def _item(user_id: str, change: ttypes.Change, now_ms: int) -> Item:
    kind = change.kind
    if kind == ttypes.ChangeKind.CREATE:
        return task_of_fields(user_id, change.fields, change.condition and change.condition.key, now_ms)
    if kind == ttypes.ChangeKind.CHANGE:
        return change_of_fields(change.taskId, user_id, change.fields, change.condition)
    if kind == ttypes.ChangeKind.REMOVE:
        return task_removal(change.taskId, user_id, change.condition)
    if kind == ttypes.ChangeKind.RESTORE:
        return task_ref(change.taskId, user_id)
    raise InvalidArgument("the change's kind is missing, or none of CREATE, CHANGE, REMOVE and RESTORE")
