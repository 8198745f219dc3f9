"""What `tasks backup` does: a new file, complete and verified before it has its name."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from twisted_tasks.cli.copying import ShownCopy, begin
from twisted_tasks.cli.files.replacing import sync_folder
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, must_exist, open_store, read_store
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.sqlite.schema import Unusable
from twisted_tasks.reactor import ICommandReactor
from twisted_tasks.service import config
from twisted_tasks.service.storage.copying import Mode, copied
from twisted_tasks.service.storage.sqlite.backup import back_up

_DATE = "%Y-%m-%dT%H%M%SZ"
_DATED = r"-\d{4}-\d\d-\d\dT\d{6}Z"
_PARTIAL = ".part"
"""What a file that is not complete ends with."""


def backup(options: CommandOptions, store: str, file: str, db: str | None, keep: int | None) -> None:
    """Write a backup of a store, and end the process."""
    settings = read_store(store, db, "--db")
    must_exist(settings)
    target = Path(file) if keep is None else dated(Path(file), datetime.now(UTC))
    if target.exists():
        raise click.UsageError(f"{target} is there already: a backup is a new file (--keep adds the date to its name)")
    screen = Screen(options.json)
    partial = target.with_name(target.name + _PARTIAL)

    async def work(reactor: ICommandReactor) -> Status:
        _remove(partial)  # of a backup that was broken off
        try:
            if isinstance(settings, config.SqliteSettings):
                count = _of_file(settings.path, partial, screen)
            else:
                count = await _of_database(settings, partial, reactor, screen)
            partial.rename(target)
            sync_folder(target.parent)  # before older backups are removed
        except (Unusable, OSError, sqlite3.Error) as error:
            raise Trouble(f"no backup was made of {describe(settings)}: {error}", Status.BROKEN) from error
        finally:
            _remove(partial)
        old = [] if keep is None else outdated(Path(file), keep)
        for one in old:
            one.unlink()
        if options.json:
            screen.data({"file": str(target), "tasks": count, "removed": [str(one) for one in old]})
        gone = f"; {counted(len(old), 'older backup')} removed" if old else ""
        screen.note(f"{counted(count, 'task')} in {target}, verified{gone}", "green")
        return Status.OK

    run(options, work)


def dated(file: Path, moment: datetime) -> Path:
    """Return a file's name with a date in it: `tasks-2026-11-25T021500Z.sqlite3`."""
    return file.with_name(f"{file.stem}-{moment.strftime(_DATE)}{file.suffix}")


def outdated(file: Path, keep: int) -> list[Path]:
    """Return those files with a date in their name that are not the newest ones."""
    pattern = re.compile(re.escape(file.stem) + _DATED + re.escape(file.suffix))
    there = sorted(one for one in file.absolute().parent.iterdir() if pattern.fullmatch(one.name))
    return there[:-keep]


def _of_file(path: str, target: Path, screen: Screen) -> int:
    with Meter(screen.err, "copying", None) as meter:
        before = 0

        def progress(left: int, total: int) -> None:
            nonlocal before
            meter.advance(total - left - before)
            before = total - left

        return back_up(path, str(target), progress)


async def _of_database(settings: config.StoreSettings, target: Path, reactor: ICommandReactor, screen: Screen) -> int:
    clock: Any = MonotonicClock(reactor)
    stores = [
        open_store(settings, reactor, clock),
        open_store(config.SqliteSettings(str(target), chosen=True), reactor, clock),
    ]
    try:
        await begin(stores[0], describe(settings), clock)
        await begin(stores[1], str(target), clock)
        walk = ShownCopy(*copied(*stores), clock, screen)
        found = await walk.bring(Mode.COPY)
        await walk.verify(found, False, Mode.MIRROR)
        return found.living
    finally:
        for store in stores:
            await store.close()


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{file}{suffix}").unlink()
