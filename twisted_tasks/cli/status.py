"""Exit statuses, and errors in one line that say what to do."""

from __future__ import annotations

from enum import IntEnum

import click

from twisted_tasks.client.errors import (
    BadReply,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    Overloaded,
    StoreUnavailable,
    TaskError,
    TaskNotFound,
    Unreachable,
)
from twisted_tasks.storage.interface import StoreMisconfigured


class Status(IntEnum):
    """What the command's exit status means."""

    OK = 0
    TROUBLE = 1
    """It ran, and found something wrong: lines skipped, tasks that differ, a check that failed."""
    USAGE = 2
    """The command line makes no sense."""
    NOT_FOUND = 3
    """No such task, or several that the short id fits."""
    INVALID = 4
    """The service, the store, or the file system refuses what was given."""
    UNREACHABLE = 5
    """No service, or no store, can be reached there."""
    UNAVAILABLE = 6
    """The service is there and cannot work now. Worth trying again."""
    TIMEOUT = 7
    """No answer in time. What was asked may have been done; asking again is safe."""
    BROKEN = 8
    """A bug: the service's, or this command's; or what answered is no Tasks service."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


class Trouble(Exception):
    """Something the user is told in one line, and the status that goes with it."""

    def __init__(self, message: str, status: Status = Status.TROUBLE) -> None:
        super().__init__(message)
        self.status = status


_KINDS: list[tuple[type[Exception], Status, str]] = [
    (TaskNotFound, Status.NOT_FOUND, "`tasks ls` shows those there are"),
    (InvalidArgument, Status.INVALID, ""),
    (Unreachable, Status.UNREACHABLE, "is it running, and is --server right? `tasks doctor` looks closer"),
    (Overloaded, Status.UNAVAILABLE, "try again"),
    (StoreUnavailable, Status.UNAVAILABLE, "`tasks doctor` looks closer"),
    (DeadlineExceeded, Status.TIMEOUT, "asking again is safe; `tasks doctor` looks closer"),
    (InternalError, Status.BROKEN, "the service's log has the cause"),
    (BadReply, Status.BROKEN, "`tasks doctor` looks closer"),
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


def complain(error: click.ClickException | Trouble) -> int:
    """Print what is wrong with what was asked, in one line, and return the exit status."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return Status.USAGE
    if isinstance(error, Trouble):
        status, text = int(error.status), str(error)
    else:
        status, text = error.exit_code, error.format_message().rstrip(".")
        context = getattr(error, "ctx", None)
        if context is not None:
            text += f" ({context.command_path} --help)"
    click.echo(f"tasks: {' '.join(text.split())}", err=True)
    return status
