"""`tasks import` and `tasks export`: streams of any length between files and the service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.cli.status import Status

if TYPE_CHECKING:
    from twisted_tasks.cli.importing import Import
    from twisted_tasks.cli.progress import Meter
    from twisted_tasks.cli.screen import Screen
    from twisted_tasks.reactor import ICommandReactor

_TIMEOUT = 60.0
"""Seconds for each row, trying again meanwhile: a service that restarts does not end an import."""

_FORMATS = ["jsonl", "json", "csv", "todoist", "google", "microsoft", "taskwarrior", "todotxt"]


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--format", "kind", type=click.Choice(_FORMATS), help="What the file is. [default: seen from its name and content]"
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do about a line that is no task.",
)
@click.option(
    "--as",
    "source",
    metavar="NAME",
    help="What this import is called: a line that was imported under the same name before is not added again."
    " [default: the file's name, - for standard input]",
)
@click.option("--users-from-file", is_flag=True, help="Each line's userId says whose task it is, not --user.")
@common
@pass_options
def import_(
    options: CommandOptions, file: BinaryIO, kind: str | None, on_error: str, source: str | None, users_from_file: bool
) -> None:
    """Add the tasks of FILE, or of standard input.

    JSON Lines ({"name": "buy tea", "done": false} on each line), JSON, CSV (with a first line that names the columns),
    and what Todoist, Google Takeout, Microsoft To Do, Taskwarrior and todo.txt write. Run it again with the same file
    when it was broken off: what is there already is not added twice.
    """
    from twisted_tasks.cli.importing import WINDOW, Import, explain_end
    from twisted_tasks.cli.progress import Meter
    from twisted_tasks.cli.run import run
    from twisted_tasks.cli.screen import Screen
    from twisted_tasks.cli.source import pieces

    user = None if users_from_file else options.whose()
    name = getattr(file, "name", "-")
    name = name if isinstance(name, str) and name != "<stdin>" else "-"
    size = os.fstat(file.fileno()).st_size if Path(name).is_file() else None
    screen = Screen(options.json)

    async def work(reactor: ICommandReactor) -> Status:
        client = options.client(reactor, _TIMEOUT, max_in_flight=WINDOW)
        client.startService()
        try:
            with Meter(screen.err, "importing", size) as meter:
                importing = Import(client, screen, meter, source or Path(name).name, user, on_error == "skip")
                try:
                    await importing.run(pieces(file.fileno(), reactor), kind)
                except Exception as error:
                    _summary(screen, importing, meter, options.json, explain_end(error))
                    raise
            _summary(screen, importing, meter, options.json, "")
        finally:
            await client.close()
        return Status.TROUBLE if importing.bad else Status.OK

    run(options, work)


def _summary(screen: Screen, importing: Import, meter: Meter, as_json: bool, ended: str) -> None:
    from twisted_tasks.cli.screen import counted

    if as_json:
        screen.data(
            {
                "imported": importing.added,
                "thereAlready": importing.there,
                "bad": importing.bad,
                "seconds": round(meter.seconds, 3),
                "complete": not ended,
            }
        )
        return
    there = f", {importing.there:,} there already" if importing.there else ""
    bad = f", {counted(importing.bad, 'bad line')}" if importing.bad else ""
    text = f"{counted(importing.added, 'task')} imported{there}{bad}, in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s"
    screen.note(f"{text}; {ended}" if ended else text)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv"]), help="What to write. [default: by the file's name]"
)
@click.option("--done", "done", flag_value=True, type=bool, default=None, help="Only those that are done.")
@click.option("--todo", "done", flag_value=False, type=bool, help="Only those that are not done.")
@common
@pass_options
def export(options: CommandOptions, file: str, kind: str | None, done: bool | None) -> None:
    """Write the tasks to FILE, or to standard output, newest first."""
    from twisted_tasks.cli.exporting import export as work

    work(options, file, (kind or ("csv" if file.lower().endswith(".csv") else "jsonl")) == "csv", done)


COMMANDS = (import_, export)
