"""Where the `tasks` command begins. It has something useful to say also where what it is built on is missing."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Run the command, and end the process with its status. Mistakes on the command line are one line."""
    # Before the reactor takes the signal there is nothing to put in order, and an exception may be raised anywhere,
    # where it would be printed and no more.
    signal.signal(signal.SIGINT, _end_at_once)
    sys.exit(_main())


def _end_at_once(number: int, frame: object) -> None:
    with suppress(OSError):
        os.write(2, b"tasks: interrupted\n")
    os._exit(130)


def _main() -> int:
    from twisted_tasks.cli import streams

    out = streams.prepare()
    status = _run()
    streams.flush()
    if out.failure is None or isinstance(out.failure, BrokenPipeError):  # who read has read enough, as `head` does
        return status
    _say(f"standard output: {out.failure.strerror}; the work is done, what it printed is lost in part")
    return status or 1


def _run() -> int:
    try:
        import click
        import rich  # noqa: F401  # looked for, not used
    except ImportError as error:
        _say(f"{error.name} is missing: install twisted-tasks[cli]")
        return 1
    from twisted_tasks.cli.app import tasks
    from twisted_tasks.cli.status import Trouble, complain

    try:
        ended = tasks.main(prog_name="tasks", standalone_mode=False)
    except SystemExit as ending:
        ended = ending.code
    except (click.ClickException, Trouble) as error:
        return complain(error)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return 130
    return int(ended or 0)


def _say(text: str) -> None:
    sys.stderr.write(f"tasks: {text}\n")
