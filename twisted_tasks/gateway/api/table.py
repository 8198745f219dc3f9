"""The form of the table of routes. Dispatch, authorisation, the OpenAPI document and metrics are all made from it.

A route has no default for `access`: one without authorisation cannot be written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from twisted_tasks.gateway.api.answers import Answer
from twisted_tasks.gateway.api.problems import Kind
from twisted_tasks.gateway.api.query import Parameter
from twisted_tasks.gateway.api.schemas import Nothing

BASE = "/api/v1"

KIB = 1024


class Access(Enum):
    """Who may."""

    PUBLIC = "anybody"
    ENTRY = "anybody who wants to get in: a session is replaced, a token is refused"
    SESSION = "a session"
    LEAVING = "a session, also of an account that is being deleted"
    READ = "a session, or a token with tasks:read"
    WRITE = "a session, or a token with tasks:write"


@dataclass(frozen=True)
class Route:
    """One thing the API does.

    @ivar path: below BASE; `{id}` stands for one segment.
    @ivar access: who may.
    @ivar handler: takes the API and the call; gives the answer, or raises Problem or an error that `errors` maps.
    @ivar status: of the answer when all is well.
    @ivar body: the type of the body. `Nothing`: none is needed.
    @ivar answer: the type of the answer's body; None is none.
    @ivar query: the parameters it takes.
    @ivar fields: the fields of the request's head that mean something to it, for OpenAPI.
    @ivar problems: how it can fail besides what every route can.
    @ivar limit: bytes of the body.
    @ivar secret: whether the answer is nobody else's to keep.
    """

    method: str
    path: str
    access: Access
    handler: Callable[[Any, Any], Awaitable[Answer]]
    summary: str
    status: int = 200
    body: type = Nothing
    answer: Any = None
    query: tuple[Parameter, ...] = ()
    fields: tuple[str, ...] = ()
    problems: tuple[Kind, ...] = ()
    limit: int = 64 * KIB
    media_type: str = "application/json"
    body_types: tuple[str, ...] = ("application/json",)

    @property
    def template(self) -> str:
        """The whole path, as metrics and documents have it."""
        return BASE + self.path

    @property
    def is_unsafe(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


class Prepared(NamedTuple):
    """A route with what dispatch needs ready at hand."""

    route: Route
    decode: Callable[[bytes], Any]
    parameters: dict[str, Parameter]


class FoundRoutes(NamedTuple):
    """What a path leads to: the routes by method, and what stands in the place of `{id}`."""

    methods: dict[str, Prepared]
    id: str

    @property
    def allow(self) -> bytes:
        """The value of the field allow."""
        methods = set(self.methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in self.methods else set())
        return ", ".join(sorted(methods)).encode()


class Table:
    """All routes.

    @ivar routes: in the order in which they are documented.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact: dict[tuple[str, ...], dict[str, Prepared]] = {}
        self._with_id: dict[tuple[str, ...], dict[str, Prepared]] = {}
        for route in self.routes:
            segments = tuple(route.template.split("/")[1:])
            where = self._with_id if "{id}" in segments else self._exact
            methods = where.setdefault(segments, {})
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.path}")
            decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(route.body)
            methods[route.method] = Prepared(route, decoder.decode, {one.name: one for one in route.query})

    def find(self, segments: list[str]) -> FoundRoutes | None:
        """Return what a path of these segments leads to, or None."""
        path = tuple(segments)
        if (methods := self._exact.get(path)) is not None:
            return FoundRoutes(methods, "")
        for place, one in enumerate(path):
            template = (*path[:place], "{id}", *path[place + 1 :])
            if one and (methods := self._with_id.get(template)) is not None:
                return FoundRoutes(methods, one)
        return None
