"""How a call of a client can fail: one class for each code of the contract, and those a client finds out by itself.

All are `TaskError`s: `code` is a number for programs, `str()` a sentence for people. Which ones a client repeats by
itself, inside the deadline, is `REPEATABLE`.
"""

from __future__ import annotations

from twisted_tasks.convert import from_thrift
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import (
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    StoreUnavailable,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    VersionConflict,
)

__all__ = [
    "REPEATABLE",
    "BadReply",
    "DeadlineExceeded",
    "Disconnected",
    "InternalError",
    "InvalidArgument",
    "Overloaded",
    "StoreUnavailable",
    "TaskError",
    "TaskIdTaken",
    "TaskNotFound",
    "UnknownError",
    "Unreachable",
    "VersionConflict",
    "error_of",
]


class InternalError(TaskError):
    """The service met a bug of its own. A write may or may not have been done."""

    code = 500


class BadReply(TaskError):
    """What answers is no Tasks service, or its answer cannot be read. A write may or may not have been done."""

    code = 502


class Unreachable(TaskError):
    """No connection came about within the deadline, or the client is not running: nothing was sent."""

    code = 503


class Disconnected(TaskError):
    """The connection ended before the reply came. A client repeats such a call; its caller never sees this."""

    code = 503


class UnknownError(TaskError):
    """The service failed the call with a code this client does not know."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # the only error whose code is not its class's


_BY_CODE: dict[int, type[TaskError]] = {
    error.code: error
    for error in (
        InvalidArgument,
        TaskNotFound,
        TaskIdTaken,
        Overloaded,
        InternalError,
        StoreUnavailable,
        DeadlineExceeded,
    )
}

REPEATABLE = (Overloaded, StoreUnavailable, DeadlineExceeded, Disconnected)
"""After these a call is worth repeating."""


def error_of(code: int | None, message: str | None, current: ttypes.Task | None = None) -> TaskError:
    """Return the error for what the IDL's exception carries. Raises ValueError when its task makes no sense."""
    text = message or "the service gave no reason"
    if code == VersionConflict.code:
        return VersionConflict(None if current is None else from_thrift(current), text)
    if code is None:
        return BadReply(f"the service failed the call without a code: {text}")
    kind = _BY_CODE.get(code)
    return UnknownError(code, text) if kind is None else kind(text)
