"""What the types of bodies cannot say: `model`'s rules of a task's fields, ids and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from twisted_tasks import model
from twisted_tasks.gateway.api.problems import BAD_HEADER, NOT_FOUND, Problem, invalid

_KEY = re.compile(rb"[!-~](?:[ -~]*[!-~])?")

_RULES: dict[str, Callable[[str], str]] = {
    "name": model.valid_name,
    "notes": model.valid_notes,
    "due": model.valid_due,
    "rank": model.valid_rank,
}


def fields_of(body: Struct) -> dict[str, Any]:
    """Return the fields of a task that a body sets, as the Tasks service wants them. Raises Problem for a wrong one.

    What is absent is left out, and an empty text clears: `null` in a body becomes that.
    """
    fields: dict[str, Any] = {}
    for name in ("name", "done", "notes", "due", "rank"):
        value = getattr(body, name)
        if value is UNSET:
            continue
        if value is None:
            value = ""
        elif (rule := _RULES.get(name)) is not None:
            value = _obeys(rule, name, value)
        fields[name] = value
    return fields


def _obeys(rule: Callable[[str], str], name: str, value: str) -> str:
    if not value and name in ("due", "rank"):
        raise invalid(f"/{name}", f"{name} is empty: null is none")
    try:
        return rule(value)
    except model.InvalidArgument as error:
        raise invalid(f"/{name}", str(error)) from None


def valid_id(text: str) -> str:
    """Return the id of a task, or raise Problem: there is no task of what is no id."""
    try:
        return model.valid_task_id(text)
    except model.InvalidArgument:
        raise Problem(NOT_FOUND) from None


def key_of(value: bytes | None) -> str | None:
    """Return the value of Idempotency-Key, or None. Raises Problem when it cannot be one."""
    if value is None:
        return None
    if len(value) > model.KEY_MAX or not _KEY.fullmatch(value):
        raise Problem(BAD_HEADER, f"Idempotency-Key has 1 to {model.KEY_MAX} printable ASCII characters")
    return value.decode()
