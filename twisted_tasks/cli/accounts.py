"""`tasks accounts`: what an operator does with the gateway's accounts, on the gateway's store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.gateway.config_table import ACCOUNTS, SETTINGS

_F = TypeVar("_F", bound=Callable[..., Any])

_STORE_SETTINGS = [row for row in SETTINGS if row.option.startswith(ACCOUNTS)]
_PUBLIC_URL = next(row for row in SETTINGS if row.option == "public-url")


def _options(*rows: Any) -> Callable[[_F], _F]:
    """Give a command options of the gateway's, which it reads from the same variables."""

    def decorate(command: _F) -> _F:
        for row in reversed(rows):
            text = f"{row.help} [{', '.join(row.variables)}]"
            command = click.option(f"--{row.option}", metavar="VALUE", help=text)(command)
        return command

    return decorate


_store = _options(*_STORE_SETTINGS)
_store_and_url = _options(*_STORE_SETTINGS, _PUBLIC_URL)
_username = click.argument("username")


@click.group()
def accounts() -> None:
    """Look after the accounts of a gateway, in the store where it keeps them.

    The store is found by the options or variables by which the gateway finds it. The gateway may run meanwhile; what is
    ended here is over there within a second.
    """


@accounts.command("list")
@_store
@common
@pass_options
def list_(options: CommandOptions, **given: str | None) -> None:
    """List all accounts, by username."""
    from twisted_tasks.cli import administering

    administering.list_accounts(options, given)


@accounts.command()
@_username
@click.option("--user-id", metavar="ID", help="The tasks of this user of the Tasks service are the account's.")
@_store_and_url
@common
@pass_options
def add(options: CommandOptions, username: str, user_id: str | None, **given: str | None) -> None:
    """Make an account, and print a link by which its owner sets a password.

    The link can be used once, within an hour. With --user-id the account has the tasks that are there already under
    that id; two accounts cannot have the same.
    """
    from twisted_tasks.cli import administering

    administering.add(options, username, user_id, given)


@accounts.command("reset-password")
@_username
@_store_and_url
@common
@pass_options
def reset_password(options: CommandOptions, username: str, **given: str | None) -> None:
    """Print a link by which the account's owner sets a new password.

    The link can be used once, within an hour, and takes the place of links before it. The old password and the sessions
    hold until it is used; then all sessions end.
    """
    from twisted_tasks.cli import administering

    administering.reset_password(options, username, given)


@accounts.command()
@_username
@_store
@common
@pass_options
def revoke(options: CommandOptions, username: str, **given: str | None) -> None:
    """End all sessions, tokens and links of an account. Its password holds."""
    from twisted_tasks.cli import administering

    administering.revoke(options, username, given)


@accounts.command()
@_username
@_store
@common
@pass_options
def remove(options: CommandOptions, username: str, **given: str | None) -> None:
    """Delete an account and its tasks.

    Nobody can use it any more when this ends. A gateway that runs removes the tasks, and then the account, within a
    minute; until then the username stays taken, and `tasks accounts list` shows it.
    """
    from twisted_tasks.cli import administering

    administering.remove(options, username, given)


COMMANDS = (accounts,)
