"""`tasks doctor`: looks at a server, and at a store, and says what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.service import config

_STORE_SETTINGS = [row for row in config.SETTINGS if row.option == "sqlite" or row.option.startswith("mongo-")]


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
def doctor(options: CommandOptions, no_server: bool, **store: str | None) -> None:
    """Look at the service, and say what is wrong with it and what to do.

    Given the options, or the environment variables, by which the daemon finds its store, look at that too. Nothing is
    changed, but that a MongoDB without the index may get it, as it does from the daemon. The exit status is 1 when
    something does not work.
    """
    settings = _store(store)
    if no_server and settings is None:
        raise click.UsageError("nothing to look at: give the store's options, --sqlite or --mongo-uri")
    from twisted_tasks.cli.doctor.checkup import examine

    examine(options, no_server, settings)


def _store(given: dict[str, str | None]) -> config.StoreSettings | None:
    """Return the settings of the store, or None when nobody named one."""
    options = {name.replace("_", "-"): text for name, text in given.items()}
    try:
        settings = config.load(options, os.environ).store
    except config.ConfigError as error:
        raise Trouble(str(error), Status.USAGE) from error
    if isinstance(settings, config.SqliteSettings) and not settings.chosen:
        return None
    return settings


COMMANDS = (doctor,)
