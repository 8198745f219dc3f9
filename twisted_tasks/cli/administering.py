"""What `tasks accounts` does: opens the gateway's store, and asks `Administration`."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, clean
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe
from twisted_tasks.gateway import config
from twisted_tasks.gateway.accounts.administration import Administration, Listed
from twisted_tasks.gateway.accounts.errors import AccountError, AccountsUnavailable, NotFound
from twisted_tasks.gateway.accounts.storage.interface import RecordsMisconfigured
from twisted_tasks.gateway.accounts.storage.open import make_store
from twisted_tasks.model import from_milliseconds
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.reactor import ICommandReactor

_TIMEOUT = 10.0
_ANYWHERE = "http://127.0.0.1:8080"
"""Where a gateway is that was told nothing."""

Given = Mapping[str, str | None]
"""Options of the gateway's, named as parameters are."""


def list_accounts(options: CommandOptions, given: Given) -> None:
    """Print all accounts."""

    async def work(admin: Administration, screen: Screen) -> None:
        found = await admin.all()
        if screen.for_people:
            screen.out.print(_table(found)) if found else screen.note("No accounts.")
        for account in () if screen.for_people else found:
            _print(account, screen, options.json)

    _run(options, given, work)


def add(options: CommandOptions, username: str, user_id: str | None, given: Given) -> None:
    """Make an account, and print the link that sets its password."""
    settings = _settings(given)

    async def work(admin: Administration, screen: Screen) -> None:
        account, secret = await admin.add(username, user_id)
        _print_link("Added", account, secret, settings, screen, options.json)

    _run(options, given, work)


def reset_password(options: CommandOptions, username: str, given: Given) -> None:
    """Print the link that sets a new password."""
    settings = _settings(given)

    async def work(admin: Administration, screen: Screen) -> None:
        account, secret = await admin.reset_password(username)
        _print_link("A new password for", account, secret, settings, screen, options.json)

    _run(options, given, work)


def revoke(options: CommandOptions, username: str, given: Given) -> None:
    """End all sessions, tokens and links of an account."""
    _do(options, username, given, Administration.revoke, "Revoked the sessions and tokens of")


def remove(options: CommandOptions, username: str, given: Given) -> None:
    """Mark an account for deletion."""
    _do(options, username, given, Administration.remove, "A gateway that runs deletes, within a minute,")


def _do(
    options: CommandOptions,
    username: str,
    given: Given,
    act: Callable[[Administration, str], Awaitable[Listed]],
    said: str,
) -> None:
    async def work(admin: Administration, screen: Screen) -> None:
        account = await act(admin, username)
        if screen.for_people:
            screen.out.print(Text.assemble((f"{said} ", "green"), clean(account.username)), soft_wrap=True)
        else:
            _print(account, screen, options.json)

    _run(options, given, work)


def _settings(given: Given) -> config.GatewaySettings:
    typed = {name.replace("_", "-"): text for name, text in given.items()}
    try:
        return config.load(typed, os.environ)
    except config.ConfigError as error:
        raise Trouble(str(error), Status.USAGE) from error


def _run(options: CommandOptions, given: Given, work: Callable[[Administration, Screen], Awaitable[None]]) -> None:
    """Run work on the store, which is opened before it and closed after it."""
    settings = _settings(given).store
    if isinstance(settings, config.SqliteSettings) and not Path(settings.path).is_file():
        # Opening it would make an empty one, in the wrong place.
        raise Trouble(f"there is no file {settings.path} (--accounts-sqlite says where it is)", Status.UNREACHABLE)
    screen = Screen(options.json)

    async def whole(reactor: ICommandReactor) -> Status:
        clock: Any = MonotonicClock(reactor)
        try:
            store = make_store(settings, reactor, clock)
            await store.open()
        except (ValueError, RecordsMisconfigured) as error:
            raise Trouble(str(error), Status.INVALID) from error
        try:
            await work(Administration(store, clock, time.time, options.timeout or _TIMEOUT), screen)
        except AccountError as error:
            raise Trouble(*_told(error, describe(settings))) from error
        finally:
            await store.close()
        return Status.OK

    run(options, whole)


def _told(error: AccountError, where: str) -> tuple[str, Status]:
    if isinstance(error, NotFound):
        return f"{error.reason} (`tasks accounts list` shows those there are)", Status.NOT_FOUND
    if isinstance(error, AccountsUnavailable):
        return f"{where} does not answer: is it running?", Status.UNREACHABLE
    return error.reason, Status.INVALID


def _record(account: Listed) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.username,
        "createdOn": _date(account),
        "leaving": account.leaving,
    }


def _date(account: Listed) -> str:
    return from_milliseconds(account.created_ms).isoformat(timespec="milliseconds")


def _print(account: Listed, screen: Screen, as_json: bool, **more: str) -> None:
    """Print one account on a line, for programs: JSON, or id, date, state and username with tabs between."""
    if as_json:
        screen.data({**_record(account), **more})
    else:
        state = "leaving" if account.leaving else "active"
        screen.line(account.id, _date(account), state, clean(account.username), *more.values())


def _print_link(
    said: str, account: Listed, secret: str, settings: config.GatewaySettings, screen: Screen, as_json: bool
) -> None:
    link = f"{settings.public_url or _ANYWHERE}/#reset={secret}"
    if screen.for_people:
        screen.out.print(Text.assemble((f"{said} ", "green"), clean(account.username)), soft_wrap=True)
        screen.out.print(link, soft_wrap=True)
        screen.note("Whoever has this link sets the password: once, within an hour.")
        if settings.public_url is None:
            screen.note("Put the gateway's address in its place, or give --public-url.")
    else:
        _print(account, screen, as_json, link=link)


def _table(found: list[Listed]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("Username", "ID", "Made", ""):
        table.add_column(name, overflow="fold")
    for account in found:
        made = from_milliseconds(account.created_ms).astimezone().strftime("%Y-%m-%d %H:%M")
        state = "being deleted" if account.leaving else ""
        table.add_row(Text(clean(account.username)), clean(account.id), made, state)
    return table
