"""Where the `tasks` command begins: it has to say something useful also where what it is built on is missing."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command, and end the process with its status. Mistakes on the command line are one line."""
    try:
        import click
        import rich  # noqa: F401  # looked for, not used
    except ImportError as error:
        sys.exit(f"tasks: {error.name} is missing: install twisted-tasks[cli]")
    from twisted_tasks.cli.app import tasks
    from twisted_tasks.cli.status import Status, Trouble, complain

    if isinstance(sys.stdout, TextIOWrapper):  # a name that the terminal's encoding lacks a character of is no bug
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.exit(tasks.main(prog_name="tasks", standalone_mode=False))
    except (click.ClickException, Trouble) as error:
        sys.exit(complain(error))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Status.INTERRUPTED)
