"""What `tasks export` does: page by page to a file or standard output, in memory that stays flat."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from twisted_tasks.cli import streams
from twisted_tasks.cli.files.replacing import replaced
from twisted_tasks.cli.files.writing import FIELDS, csv_line, csv_record, json_line
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted, to_json
from twisted_tasks.reactor import ICommandReactor

_TIMEOUT = 60.0
"""Seconds for each page, trying again meanwhile."""


def export(options: CommandOptions, file: str, as_csv: bool, done: bool | None) -> None:
    """Export a user's tasks, and end the process.

    @param file: the path, or "-" for standard output. A file that was there stays as it was until all is written.
    """
    user = options.whose()
    screen = Screen(options.json)

    async def work(reactor: ICommandReactor) -> None:
        client = options.client(reactor, _TIMEOUT)
        client.startService()
        meter = Meter(screen.err, "exporting", None)
        try:
            with meter, _opened(file) as out:
                if as_csv:
                    out.write(csv_line(FIELDS))
                async for task in client.walk(user, done):
                    out.write(csv_record(to_json(task)) if as_csv else json_line(to_json(task)))
                    meter.advance(1)
                    if out is sys.stdout and streams.lost():
                        return
        except BrokenPipeError:  # who read has read enough
            return
        except Exception:
            kept = "" if file == "-" else f"; {file} is as it was"
            screen.note(f"{counted(meter.count, 'task')} read; broken off: that is not all{kept}")
            raise
        finally:
            await client.close()
        if file != "-" or not sys.stdout.isatty():
            screen.note(f"{counted(meter.count, 'task')} exported, in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s")

    run(options, work)


def _opened(file: str) -> AbstractContextManager[TextIO]:
    if file != "-":
        return replaced(file)
    if sys.stdout.encoding.lower() != "utf-8":  # what the terminal lacks letters for, a file need not
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # ours is a TextIOWrapper
    return nullcontext(sys.stdout)
