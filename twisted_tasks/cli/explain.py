"""Errors of calls, stores and files in one line that says what to do, and the exit status of each."""

from __future__ import annotations

from twisted_tasks.cli.rest.errors import NotLoggedIn
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client.errors import (
    BadReply,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    Overloaded,
    StoreUnavailable,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    Unreachable,
    VersionConflict,
)
from twisted_tasks.service.storage.interface import StoreMisconfigured

_KINDS: list[tuple[type[Exception], Status, str]] = [
    (TaskNotFound, Status.NOT_FOUND, "`tasks ls` shows those there are"),
    (InvalidArgument, Status.INVALID, ""),
    (TaskIdTaken, Status.INVALID, ""),
    (VersionConflict, Status.INVALID, ""),
    (Unreachable, Status.UNREACHABLE, "is it running, and is --server right? `tasks doctor` looks closer"),
    (Overloaded, Status.UNAVAILABLE, "try again"),
    (StoreUnavailable, Status.UNAVAILABLE, "`tasks doctor` looks closer"),
    (DeadlineExceeded, Status.TIMEOUT, "asking again is safe; `tasks doctor` looks closer"),
    (InternalError, Status.BROKEN, "the service's log has the cause"),
    (BadReply, Status.BROKEN, "`tasks doctor` looks closer"),
    (NotLoggedIn, Status.INVALID, ""),
    (TaskError, Status.BROKEN, ""),
    (StoreMisconfigured, Status.INVALID, ""),
]


def explain(error: Exception) -> tuple[Status, str] | None:
    """Return the exit status for an error and the line for the user; None when it is a bug of this command."""
    if isinstance(error, Trouble):
        return error.status, str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Status.INVALID, f"{where}{error.strerror} (a file that is read or written here, or its disk)"
    for kind, status, advice in _KINDS:
        if isinstance(error, kind):
            text = str(error).removesuffix(", try again") if status == Status.UNAVAILABLE else str(error)
            return status, f"{text} ({advice})" if advice else text
    return None
