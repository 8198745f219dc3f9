"""`tasks import` and `tasks export`: streams of any length between files and the service, in memory that stays flat."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from twisted_tasks.cli.options import Options, common, pass_options
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.records import FIELDS, BadLine, Row, csv_line, csv_record, json_line, key_of, reader_of
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted, to_json
from twisted_tasks.cli.source import pieces
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client import TasksClient
from twisted_tasks.client.errors import InvalidArgument

_WINDOW = 512
"""Rows under way: enough to fill the batches of the store and the time to the service and back."""
_TIMEOUT = 60.0
"""Seconds for each row, trying again meanwhile: a service that restarts does not end an import."""

_format = click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv"]), help="What the file is. [default: by its name's end]"
)


def kind_of(path: str, kind: str | None) -> str:
    """Return what a file is: as told, or by its name; JSON Lines when neither says."""
    return kind or ("csv" if path.lower().endswith(".csv") else "jsonl")


class Import:
    """One import under way.

    @param source: the name of what is imported, which keys are made of.
    @param user: whose tasks; None is what each row says.
    @param skip: whether bad lines are skipped; otherwise the first one ends it.
    """

    def __init__(
        self, client: TasksClient, screen: Screen, meter: Meter, source: str, user: str | None, skip: bool
    ) -> None:
        self.bad = 0
        self._client = client
        self._screen = screen
        self._meter = meter
        self._source = source
        self._user = user
        self._skip = skip
        self._window = DeferredSemaphore(_WINDOW)
        self._failure: Failure | None = None

    async def run(self, data: AsyncIterator[bytes], kind: str) -> None:
        """Import everything. Raises what ended it, when that was not the end of the data; what was sent has ended."""
        splitter, read = reader_of(kind)
        try:
            async for piece in data:
                await self._records(splitter.feed(piece), read)
            await self._records(splitter.end(), read)
        except _Ended:
            pass
        for _ in range(_WINDOW):  # each place in the window is free once its row has ended
            await self._window.acquire()
        if self._failure is not None:
            self._failure.raiseException()

    async def _records(self, records: Iterator[Any], read: Any) -> None:
        for record in records:
            try:
                row = None if isinstance(record, BadLine) else read(record)
            except BadLine as error:
                record = error
            if isinstance(record, BadLine):
                self._complain(record)
            elif row is None:
                self._meter.advance(0, record.size)
            else:
                await self._window.acquire()
                self._send(row)
            if self._failure is not None:
                raise _Ended

    def _send(self, row: Row) -> None:
        user = self._user if self._user is not None else row.user_id or ""
        key = key_of(row, user, self._source)
        adding = self._client.add_done(user, row.name, key, row.done)
        adding.addCallbacks(self._added, self._not_added, callbackArgs=(row,), errbackArgs=(row,))
        adding.addErrback(self._fail)
        adding.addBoth(lambda _: self._window.release())

    def _added(self, _: object, row: Row) -> None:
        self._meter.advance(1, row.size)

    def _not_added(self, failure: Failure, row: Row) -> None:
        if not isinstance(failure.value, InvalidArgument):
            failure.value.args = (f"line {row.number}: {failure.value}",)
            failure.raiseException()
        self._complain(BadLine(row.number, str(failure.value), row.size))

    def _complain(self, error: BadLine) -> None:
        self.bad += 1
        self._meter.advance(0, error.size)
        if not self._skip:
            self._fail(Failure(Trouble(f"{error}; nothing after it was looked at", Status.INVALID)))
        else:
            self._screen.note(str(error), "yellow")

    def _fail(self, failure: Failure) -> None:
        self._failure = self._failure or failure


class _Ended(Exception):
    """There is no use in reading on."""


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@_format
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
    options: Options, file: BinaryIO, kind: str | None, on_error: str, source: str | None, users_from_file: bool
) -> None:
    """Add the tasks of FILE, or of standard input.

    JSON Lines ({"name": "buy tea", "done": false} on each line) or CSV (with a first line that names the columns).
    Run it again with the same file when it was broken off: what is there already is not added twice.
    """
    user = None if users_from_file else options.whose()
    name = getattr(file, "name", "-")
    name = name if isinstance(name, str) and name != "<stdin>" else "-"
    size = os.fstat(file.fileno()).st_size if Path(name).is_file() else None
    screen = Screen(options.json)

    async def work(reactor: Any) -> Status:
        client = options.client(reactor, _TIMEOUT, max_in_flight=_WINDOW)
        client.startService()
        try:
            with Meter(screen.err, "importing", size) as meter:
                importing = Import(client, screen, meter, source or Path(name).name, user, on_error == "skip")
                try:
                    await Deferred.fromCoroutine(importing.run(pieces(file.fileno(), reactor), kind_of(name, kind)))
                except Exception:
                    _summary(screen, importing.bad, meter, options.json, "broken off: run it again to go on")
                    raise
            _summary(screen, importing.bad, meter, options.json, "")
        finally:
            await client.close()
        return Status.TROUBLE if importing.bad else Status.OK

    run(options, work)


def _summary(screen: Screen, bad: int, meter: Meter, as_json: bool, more: str) -> None:
    if as_json:
        figures = {"imported": meter.count, "bad": bad, "seconds": round(meter.seconds, 3), "complete": not more}
        screen.data(figures)
        return
    skipped = f", {counted(bad, 'bad line')}" if bad else ""
    end = f"; {more}" if more else ""
    screen.note(
        f"{counted(meter.count, 'task')} imported{skipped}, in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s{end}"
    )


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, allow_dash=True), default="-")
@_format
@click.option("--done", "done", flag_value=True, type=bool, default=None, help="Only those that are done.")
@click.option("--todo", "done", flag_value=False, type=bool, help="Only those that are not done.")
@common
@pass_options
def export(options: Options, file: str, kind: str | None, done: bool | None) -> None:
    """Write the tasks to FILE, or to standard output, newest first."""
    user = options.whose()
    screen = Screen(options.json)
    as_csv = kind_of(file, kind) == "csv"

    async def work(reactor: Any) -> None:
        client = options.client(reactor, _TIMEOUT)
        client.startService()
        try:
            with Meter(screen.err, "exporting", None) as meter, click.open_file(file, "w", encoding="utf-8") as out:
                if as_csv:
                    out.write(csv_line(FIELDS))
                async for task in client.walk(user, done):
                    out.write(csv_record(to_json(task)) if as_csv else json_line(to_json(task)))
                    meter.advance(1)
        except BrokenPipeError:  # whoever read has read enough
            raise
        except Exception:
            screen.note(f"{counted(meter.count, 'task')} exported; broken off: that is not all")
            raise
        finally:
            await client.close()
        if file != "-" or not sys.stdout.isatty():
            screen.note(f"{counted(meter.count, 'task')} exported, in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s")

    run(options, work)


COMMANDS = {command.name: command for command in (import_, export)}
