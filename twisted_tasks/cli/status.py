"""Exit statuses, and mistakes on the command line in one line."""

from __future__ import annotations

from enum import IntEnum

import click


class Status(IntEnum):
    """What the command's exit status means."""

    OK = 0
    TROUBLE = 1
    """It ran, and something is wrong: lines skipped, tasks that differ, a check that failed, output that was lost."""
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
