"""Bodies: from bytes to a value of the route's type, or to the problem that says which field is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from twisted_tasks.gateway.api import negotiation, problems
from twisted_tasks.gateway.api.call import ApiCall
from twisted_tasks.gateway.api.problems import FieldError, Problem
from twisted_tasks.gateway.api.schemas import Nothing
from twisted_tasks.gateway.api.table import Prepared

_PLACE = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


def decode(call: ApiCall, prepared: Prepared) -> Any:
    """Return a call's body. Raises Problem when it is not what the route takes."""
    request, route = call.request, call.route
    if not request.body:
        if route.body is Nothing:
            return None
        raise Problem(problems.NOT_JSON, "the request has no body")
    if not route.is_unsafe:
        return None  # a body means nothing in a GET: RFC 9110, section 9.3.1
    encoding = request.field(b"content-encoding")
    if not negotiation.is_media_type(request.field(b"content-type"), route.body_types) or encoding is not None:
        raise Problem(problems.UNSUPPORTED_MEDIA_TYPE)
    try:
        return _decoded(request.body, prepared.decode)
    except msgspec.ValidationError as error:
        # msgspec stops at the first wrong field, and what comes after it may be no JSON at all.
        _decoded(request.body, msgspec.json.decode)
        raise _invalid(str(error)) from None


def _decoded(body: bytes, decode: Callable[[bytes], Any]) -> Any:
    try:
        return decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(problems.NOT_JSON, f"the body is not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise Problem(problems.NOT_JSON, "the body is nested too deeply") from None


def _invalid(message: str) -> Problem:
    """Return the problem that msgspec's sentence tells of."""
    place = _PLACE.search(message)
    sentence = message[: place.start()] if place else message
    steps = [name or index for name, index in _STEP.findall(place[1])] if place else []
    for pattern, detail in ((_UNKNOWN, "there is no such field"), (_MISSING, "this field is missing")):
        if (match := pattern.fullmatch(sentence)) is not None:
            steps.append(match[1])
            sentence = detail
    pointer = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)
    return Problem(problems.INVALID, errors=[FieldError(pointer, sentence)])
