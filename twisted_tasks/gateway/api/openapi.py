"""The OpenAPI 3.1 document, made of the table of routes and the types of bodies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from typing import Any

import msgspec

from twisted_tasks.gateway.api import problems, schemas
from twisted_tasks.gateway.api.answers import Answer
from twisted_tasks.gateway.api.credentials import COOKIE
from twisted_tasks.gateway.api.problems import Kind
from twisted_tasks.gateway.api.schemas import Nothing, ProblemContent
from twisted_tasks.gateway.api.table import Access, Route, Table

_REF = "#/components/schemas/{name}"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": _REF.format(name="ProblemContent")}}}

_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.ENTRY: [],
    Access.SESSION: [{"session": []}],
    Access.LEAVING: [{"session": []}],
    Access.READ: [{"session": []}, {"token": []}],
    Access.WRITE: [{"session": []}, {"token": []}],
}

_FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "If-None-Match": ("Answer 304 when this is what there is.", {"type": "string"}),
    "Last-Event-ID": ("The id of the event that was told last.", {"type": "string", "pattern": "^[!-~]{1,100}$"}),
}
_IN_WORDS = {
    "If-Match": "`If-Match`: the entity tag of the version that the change is for; 412 when there is another one.",
    "Idempotency-Key": "`Idempotency-Key`: 1 to 128 characters; the same key and the same request are done once.",
}
"""Fields that only make sense with a value from an answer before, or a new one each time: no type says that, and who
made requests of types alone would meet nothing but 412 and 422."""

_COMMON = (
    problems.BAD_REQUEST,
    problems.NOT_ACCEPTABLE,
    problems.REQUEST_TIMEOUT,
    problems.TOO_LARGE,
    problems.HEAD_TOO_LARGE,
    problems.INTERNAL_ERROR,
    problems.BUSY,
)
_KNOWN = (problems.TWO_CREDENTIALS, problems.UNAUTHENTICATED, problems.TOO_MANY_REQUESTS, problems.UNAVAILABLE)
_UPSTREAM = (problems.BAD_GATEWAY, problems.TIMEOUT, problems.INSUFFICIENT_SCOPE)
_WITH_BODY = (problems.NOT_JSON, problems.UNSUPPORTED_MEDIA_TYPE, problems.INVALID)


def answer(table: Table) -> Answer:
    """Return the answer that is the document of a table."""
    body, etag = _encoded(table)
    return Answer(200, body, etag=etag, compressible=True)


@cache
def _encoded(table: Table) -> tuple[bytes, str]:
    body = msgspec.json.encode(document(table))
    return body, hashlib.sha256(body).hexdigest()[:24]


def document(table: Table) -> dict[str, Any]:
    """Return the document."""
    types = [ProblemContent, *(one for route in table.routes for one in (route.body, route.answer) if _is_struct(one))]
    _, components = msgspec.json.schema_components(list(dict.fromkeys(types)), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in table.routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tasks",
            "version": metadata.version("twisted-tasks"),
            "description": "To-do tasks, with accounts. Errors are problems (RFC 9457).",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _is_struct(type: Any) -> bool:
    return isinstance(type, msgspec.StructMeta) and type is not Nothing


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "security": _SECURITY[route.access],
        "parameters": [*_parameters(route)],
        "responses": _responses(route),
    }
    if words := [_IN_WORDS[name] for name in route.fields if name in _IN_WORDS]:
        operation["description"] = "\n\n".join(words)
    if route.body is not Nothing:
        schema = {"schema": {"$ref": _REF.format(name=route.body.__name__)}}
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(route.body_types, schema)}
    return operation


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    if "{id}" in route.path:
        yield {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$"}}
    for one in route.query:
        yield {"name": one.name, "in": "query", "description": one.description, "schema": one.schema}
    for name in _FIELDS.keys() & set(route.fields):
        description, schema = _FIELDS[name]
        yield {"name": name, "in": "header", "description": description, "schema": schema}


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    if "If-None-Match" in route.fields:
        responses["304"] = {"description": "The client has it already."}
    by_status: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(_kinds(route)):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        names = ", ".join(f"`{kind.name}`" for kind in kinds)
        responses[str(status)] = {"description": f"Problem {names}.", "content": _PROBLEM}
    return responses


def _kinds(route: Route) -> Iterable[Kind]:
    yield from _COMMON
    yield from route.problems
    if route.access is not Access.PUBLIC:
        yield from _KNOWN
        yield from _UPSTREAM
    if route.access is not Access.PUBLIC and route.is_unsafe:
        yield problems.CROSS_SITE
    if route.is_unsafe:
        yield from _WITH_BODY
    yield problems.BAD_QUERY
    yield problems.BAD_HEADER


def _success(route: Route) -> dict[str, Any]:
    response: dict[str, Any] = {"description": route.summary}
    if _is_struct(route.answer):
        response["content"] = {route.media_type: {"schema": {"$ref": _REF.format(name=route.answer.__name__)}}}
    elif route.answer is not None:
        kind = "string" if route.answer is str else "object"
        response["content"] = {route.media_type: {"schema": {"type": kind}}}
    fields: dict[str, Any] = {}
    if route.answer in (schemas.Task, schemas.TaskPage, schemas.Changes):
        fields["ETag"] = {"schema": {"type": "string"}}
    if route.status == 201 and route.answer in (schemas.Task, schemas.MadeToken):
        fields["Location"] = {"schema": {"type": "string"}}
    if fields:
        response["headers"] = fields
    return response
