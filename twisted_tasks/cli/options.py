"""Options that every subcommand takes, before its name or after it, and what they come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from twisted_tasks.cli.status import Status, Trouble

if TYPE_CHECKING:
    from twisted_tasks.client import TasksClient
    from twisted_tasks.reactor import INetworkReactor

_F = TypeVar("_F", bound=Callable[..., Any])

DEFAULT_SERVER = "tcp:127.0.0.1:6001"


@dataclass
class CommandOptions:
    """What was given, wherever on the command line; environment variables stand behind it."""

    server: tuple[str, ...] = field(default_factory=lambda: tuple(os.environ.get("TASKS_SERVER", "").split()))
    user: str | None = field(default_factory=lambda: os.environ.get("TASKS_USER") or None)
    json: bool = False
    timeout: float | None = None
    ca: str | None = field(default_factory=lambda: os.environ.get("TASKS_CA") or None)
    cert: str | None = field(default_factory=lambda: os.environ.get("TASKS_CERT") or None)
    key: str | None = field(default_factory=lambda: os.environ.get("TASKS_KEY") or None)
    debug: bool = False

    @property
    def servers(self) -> list[str]:
        """The addresses of the service."""
        return list(self.server) or [DEFAULT_SERVER]

    @property
    def tls(self) -> Callable[[str], Any] | None:
        """What makes TLS options, or None when no file for TLS was given."""
        if self.ca is None and self.cert is None and self.key is None:
            return None
        from twisted_tasks.client import tls_options

        try:
            return tls_options(self.ca, self.cert, self.key)
        except ValueError as error:
            raise Trouble(str(error), Status.USAGE) from error

    @property
    def gateway(self) -> str | None:
        """The address of the gateway, when the server is one: `https://tasks.example`, say."""
        if not any("://" in one for one in self.server):
            return None
        from twisted_tasks.cli.rest.address import read_address

        return read_address(self.server)

    def whose(self) -> str:
        """Return the user, or fail with what to do."""
        if (gateway := self.gateway) is not None:
            from twisted_tasks.cli.rest.credentials import for_gateway

            return for_gateway(gateway).username
        if not self.user:
            raise click.UsageError("whose tasks? give --user NAME, or set TASKS_USER")
        return self.user

    def client(self, reactor: INetworkReactor, default_timeout: float = 10.0, **options: Any) -> TasksClient:
        """Return a client of the service, or of a gateway, not started."""
        timeout = default_timeout if self.timeout is None else self.timeout
        if (gateway := self.gateway) is not None:
            from twisted_tasks.cli.rest.client import gateway_client

            return cast("TasksClient", gateway_client(gateway, reactor, timeout, self.tls))
        from twisted_tasks.client import TasksClient

        try:
            return TasksClient(self.servers, reactor, timeout=timeout, tls=self.tls, **options)
        except ValueError as error:
            raise Trouble(f"--server: {error}", Status.USAGE) from error


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and value != ():
        assert parameter.name is not None
        setattr(context.ensure_object(CommandOptions), parameter.name, value)


def _option(*names: str, **settings: Any) -> Callable[[_F], _F]:
    return click.option(*names, expose_value=False, callback=_remember, **settings)


_FILE = click.Path(exists=True, dir_okay=False)

_COMMON = [
    _option(
        "--server",
        multiple=True,
        metavar="ADDRESS",
        help="Where the service is: HOST:PORT, or a client endpoint of Twisted; several are tried in turn."
        " Or https://HOST, a gateway: see `tasks login`."
        f" [TASKS_SERVER; default: {DEFAULT_SERVER}]",
    ),
    _option("--user", metavar="NAME", help="Whose tasks. [TASKS_USER]"),
    _option("--json", is_flag=True, flag_value=True, default=None, help="Print JSON, one object a line, for scripts."),
    _option(
        "--timeout",
        type=click.FloatRange(0.01, 3600),
        metavar="SECONDS",
        help="How long to wait for an answer, trying again meanwhile.",
    ),
    _option("--ca", type=_FILE, help="Speak TLS, trusting these authorities (PEM). [TASKS_CA]"),
    _option("--cert", type=_FILE, help="Speak TLS, showing this certificate (PEM). [TASKS_CERT]"),
    _option("--key", type=_FILE, help="Its key, when it is in a file of its own. [TASKS_KEY]"),
    _option("--debug", is_flag=True, flag_value=True, default=None, help="Print what goes on, and whole tracebacks."),
]


def common(command: _F) -> _F:
    """Give a command the options that all have."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


pass_options = click.make_pass_decorator(CommandOptions, ensure=True)
