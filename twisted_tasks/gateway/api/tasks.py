"""Tasks: list, add, read, change, remove, restore, and what changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from twisted_tasks import model
from twisted_tasks.gateway.api import problems, schemas
from twisted_tasks.gateway.api.answers import NO_CONTENT, Answer, json_answer
from twisted_tasks.gateway.api.conditional import tag_of
from twisted_tasks.gateway.api.present import TaskRow, present, present_rows
from twisted_tasks.gateway.api.problems import Problem
from twisted_tasks.gateway.api.rules import fields_of, key_of, valid_id
from twisted_tasks.gateway.api.table import BASE
from twisted_tasks.model import Task

if TYPE_CHECKING:
    from twisted_tasks.gateway.api.call import ApiCall
    from twisted_tasks.gateway.api.service import Api


def _task(task: Task, status: int = 200, *fields: tuple[bytes, bytes]) -> Answer:
    return json_answer(present(task), status, fields, etag=tag_of(task.version))


def _listing(content: dict[str, Any], *fields: tuple[bytes, bytes]) -> Answer:
    body = msgspec.json.encode(content)
    return Answer(200, body, fields, etag=hashlib.sha256(body).hexdigest()[:24], compressible=True)


async def list_tasks(api: Api, call: ApiCall) -> Answer:
    """Answer a page of tasks, newest first."""
    query = call.query
    limit, done = query.get("limit", model.PAGE_DEFAULT), query.get("done")
    page = await api.tasks.find_rows(TaskRow, call.account_id, limit, query.get("cursor"), done)
    fields = []
    if page.next is not None:
        again: dict[str, Any] = {} if done is None else {"done": str(done).lower()}
        link = urlencode({**again, "limit": limit, "cursor": page.next})
        fields.append((b"Link", f'<{BASE}/tasks?{link}>; rel="next"'.encode()))
    return _listing({"tasks": present_rows(page.tasks), "next": page.next}, *fields)


async def add_task(api: Api, call: ApiCall) -> Answer:
    """Add a task; with an Idempotency-Key only once, however often it is asked."""
    body: schemas.NewTask = call.body
    key = key_of(call.request.field(b"idempotency-key"))
    task = await api.creation.create(call.account_id, fields_of(body), key)
    api.wrote(call.account_id)
    return _task(task, 201, (b"Location", f"{BASE}/tasks/{task.id}".encode()))


async def get_task(api: Api, call: ApiCall) -> Answer:
    """Answer one task."""
    return _task(await api.tasks.get(valid_id(call.id), call.account_id))


async def change_task(api: Api, call: ApiCall) -> Answer:
    """Set fields of a task."""
    fields = fields_of(call.body)
    task_id, key = valid_id(call.id), key_of(call.request.field(b"idempotency-key"))
    version = await _condition(api, call, task_id)
    task = await api.tasks.change(task_id, call.account_id, **fields, version=version, key=key)
    api.wrote(call.account_id)
    return _task(task)


async def remove_task(api: Api, call: ApiCall) -> Answer:
    """Remove a task. It can be restored for 30 days."""
    task_id, key = valid_id(call.id), key_of(call.request.field(b"idempotency-key"))
    version = await _condition(api, call, task_id)
    await api.tasks.remove(task_id, call.account_id, version=version, key=key)
    api.wrote(call.account_id)
    return NO_CONTENT


async def restore_task(api: Api, call: ApiCall) -> Answer:
    """Bring a removed task back."""
    task = await api.tasks.restore(valid_id(call.id), call.account_id)
    api.wrote(call.account_id)
    return _task(task)


async def list_changes(api: Api, call: ApiCall) -> Answer:
    """Answer what became of tasks since a token."""
    limit = call.query.get("limit", model.PAGE_MAX)
    found = await api.tasks.changes_rows(TaskRow, call.account_id, call.query.get("since"), limit)
    return _listing(
        {
            "tasks": present_rows(found.tasks),
            "removed": [schemas.RemovedTask(id, version) for id, version in found.removed],
            "sync": found.sync,
            "more": found.more,
            "reset": found.reset,
        }
    )


async def _condition(api: Api, call: ApiCall, task_id: str) -> int | None:
    """Return the version that a change is for; None is any. Raises Problem when it is none that the task has."""
    tags, unwanted = call.if_match(), call.if_none_match()
    if unwanted is not None:
        current = await api.tasks.get(task_id, call.account_id)
        if unwanted.matches_weakly(tag_of(current.version)):
            raise Problem(problems.VERSION_CONFLICT, current=present(current))
    if tags is None:
        if api.settings.require_if_match:
            raise Problem(problems.PRECONDITION_REQUIRED)
        return None
    if tags.any:
        return None
    versions = tags.versions()
    if len(versions) == 1:
        return versions[0]
    # Of several the service can be told one: that which the task has now, if it is among them.
    current = await api.tasks.get(task_id, call.account_id)
    if current.version not in versions:
        raise Problem(problems.VERSION_CONFLICT, current=present(current))
    return current.version
