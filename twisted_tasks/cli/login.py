"""`tasks login` and `tasks logout`: being known at a gateway."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.cli.status import Status, Trouble

if TYPE_CHECKING:
    from twisted_tasks.cli.rest.credentials import GatewayCredentials
    from twisted_tasks.reactor import ICommandReactor

_TIMEOUT = 30.0


@click.command()
@click.argument("username", required=False)
@click.option("--token", "has_token", is_flag=True, help="Take a token that was made on the account page.")
@common
@pass_options
def login(options: CommandOptions, username: str | None, has_token: bool) -> None:
    """Log in at a gateway: --server https://HOST.

    The password is asked for, or read from standard input. It is used once, to make a token, which is kept in a file
    that you alone can read. The account page lists the token, and revokes it.
    """
    gateway = _gateway(options)
    if not has_token:
        username = username or _ask("Username", False)
    secret = _ask("Token" if has_token else "Password", True)
    from twisted_tasks.cli.rest import credentials
    from twisted_tasks.cli.rest.login import make_credentials
    from twisted_tasks.cli.run import run
    from twisted_tasks.cli.screen import Screen

    async def work(reactor: ICommandReactor) -> None:
        timeout = options.timeout or _TIMEOUT
        made: GatewayCredentials = await make_credentials(gateway, reactor, timeout, options.tls, username, secret)
        credentials.save(gateway, made)
        Screen(options.json).note(f"Logged in at {gateway}; the token is in {credentials.path()}")

    run(options, work)


@click.command()
@common
@pass_options
def logout(options: CommandOptions) -> None:
    """Forget the token of a gateway: --server https://HOST.

    The token itself holds until it is revoked on the account page.
    """
    gateway = _gateway(options)
    from twisted_tasks.cli.rest import credentials

    if not credentials.forget(gateway):
        raise Trouble(f"not logged in at {gateway}", Status.NOT_FOUND)
    click.echo(f"Logged out at {gateway}. The token holds until it is revoked on the account page.", err=True)


def _gateway(options: CommandOptions) -> str:
    if options.gateway is None:
        raise click.UsageError("log in where? give --server https://HOST, or set TASKS_SERVER")
    return options.gateway


def _ask(what: str, hidden: bool) -> str:
    """Return what somebody types, or the next line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=hidden, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Trouble(f"no {what.lower()} on standard input", Status.USAGE)
    return line


COMMANDS = (login, logout)
