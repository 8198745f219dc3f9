"""Parameters of a query: what they may be, as text and for OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted_tasks import model
from twisted_tasks.gateway.api.problems import BAD_QUERY, Problem
from twisted_tasks.ops.requests.request import read_query


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    @ivar parse: takes the text; gives the value, or raises ValueError with what it has to be.
    @ivar schema: JSON Schema.
    """

    name: str
    parse: Callable[[str], Any]
    description: str
    schema: Mapping[str, Any] = field(hash=False)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("has to be true or false")
    return text == "true"


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= model.PAGE_MAX:
        raise ValueError(f"has to be a number from 1 to {model.PAGE_MAX}")
    return int(text)


def _text(text: str) -> str:
    if not text or len(text) > 1000 or not text.isascii() or not text.isprintable():
        raise ValueError("has to be one that this API answered")
    return text


_SIZE = {"type": "integer", "minimum": 1, "maximum": model.PAGE_MAX}
_CURSOR = {"type": "string", "pattern": "^[0-9]{1,14}-[0-9a-f]{24}$"}
_TOKEN = {"type": "string", "pattern": r"^[a-z][0-9a-f]{8}(\.-?[0-9a-f]{1,32}){1,16}$"}

DONE = Parameter("done", _boolean, "Only tasks that are done, or that are not.", {"type": "boolean"})
LIMIT = Parameter("limit", _limit, "How many at most.", {**_SIZE, "default": model.PAGE_DEFAULT})
MANY = Parameter("limit", _limit, "How many at most.", {**_SIZE, "default": model.PAGE_MAX})
CURSOR = Parameter("cursor", _text, "The `next` of the page before.", _CURSOR)
SINCE = Parameter("since", _text, "The `sync` of the answer before; absent is from the start.", _TOKEN)


def parse(query: bytes, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the values of a query. Raises Problem for one that is unknown, wrong, or there twice."""
    if not query:
        return {}
    values: dict[str, Any] = {}
    try:
        pairs = read_query(query)
    except ValueError:
        raise Problem(BAD_QUERY, "the query is not percent-encoded UTF-8") from None
    for name, text in pairs:
        parameter = parameters.get(name)
        if parameter is None:
            known = ", ".join(parameters) or "none"
            raise Problem(BAD_QUERY, f"there is no such parameter; those of this path: {known}")
        if name in values:
            raise Problem(BAD_QUERY, f"{name} is there twice")
        try:
            values[name] = parameter.parse(text)
        except ValueError as error:
            raise Problem(BAD_QUERY, f"{name} {error}") from None
    return values
