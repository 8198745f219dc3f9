"""`tasks doctor`: looks at a server, and at a store, and says what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
from twisted.internet.threads import deferToThread

from twisted_tasks import config
from twisted_tasks.cli import doctor_mongo, doctor_server, doctor_sqlite
from twisted_tasks.cli.findings import Findings
from twisted_tasks.cli.options import Options, common, pass_options
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, open_store
from twisted_tasks.model import TaskError
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.storage.interface import StoreMisconfigured

_STORE_SETTINGS = [row for row in config.SETTINGS if row.option == "sqlite" or row.option.startswith("mongo-")]
_PATIENCE = 5.0


def _store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for row in reversed(_STORE_SETTINGS):
        text = f"{row.help} [{', '.join(row.variables)}]"
        command = click.option(f"--{row.option}", metavar="VALUE", help=text)(command)
    return command


@click.command()
@click.option("--no-server", is_flag=True, help="Look at the store only.")
@_store_options
@common
@pass_options
def doctor(options: Options, no_server: bool, **store: str | None) -> None:
    """Look at the service, and say what is wrong with it and what to do.

    Given the options, or the environment variables, by which the daemon finds its store, look at that too. Nothing is
    changed, but that a MongoDB without the index may get it, as it does from the daemon. The exit status is 1 when
    something does not work.
    """
    settings = _store(store)
    if no_server and settings is None:
        raise click.UsageError("nothing to look at: give the store's options, --sqlite or --mongo-uri")
    screen = Screen(options.json)
    findings = Findings(screen, options.json)

    async def work(reactor: Any) -> Status:
        if not no_server:
            for server in options.servers:
                await doctor_server.examine(options, server, reactor, findings)
        if settings is not None:
            await _examine_store(settings, reactor, findings)
        if findings.bad:
            return Status.TROUBLE
        screen.note("All is well.", "green")
        return Status.OK

    run(options, work)


def _store(given: dict[str, str | None]) -> config.SqliteSettings | config.MongoSettings | None:
    """Return the settings of the store, or None when nobody named one."""
    options = {name.replace("_", "-"): text for name, text in given.items()}
    try:
        settings = config.load(options, os.environ).store
    except config.ConfigError as error:
        raise Trouble(str(error), Status.USAGE) from error
    if isinstance(settings, config.SqliteSettings) and not settings.chosen:
        return None
    return settings


async def _examine_store(
    settings: config.SqliteSettings | config.MongoSettings, reactor: Any, findings: Findings
) -> None:
    if isinstance(settings, config.SqliteSettings):
        await deferToThread(doctor_sqlite.examine, settings.path, findings)
        return
    await deferToThread(doctor_mongo.examine, settings, findings)
    await _as_the_daemon(settings, reactor, findings)


async def _as_the_daemon(settings: config.MongoSettings, reactor: Any, findings: Findings) -> None:
    """Connect as the daemon does: its driver can do less than the one that looked before."""
    clock: Any = MonotonicClock(reactor)
    try:
        store = open_store(settings, reactor, clock)
    except Trouble as error:
        findings.wrong("daemon", f"the daemon would refuse these settings: {error}", "correct them")
        return
    try:
        await store.open()
        await store.ping(clock.seconds() + _PATIENCE)
        findings.ok("daemon", f"the daemon can work with {describe(settings)}")
    except (StoreMisconfigured, TaskError) as error:
        findings.wrong("daemon", f"the daemon cannot work with it: {error}", "see what is said above")
    finally:
        await store.close()


COMMANDS = {command.name: command for command in (doctor,)}
