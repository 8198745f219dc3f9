"""The settings of both, on one command line. Knows no Twisted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted_tasks.gateway import config as gateway_config
from twisted_tasks.gateway.config_table import ACCOUNT_ROWS, LIMIT_ROWS, WEB_ROWS
from twisted_tasks.ops.daemon_settings import process_rows
from twisted_tasks.ops.settings import ConfigError, Given, Options, Setting
from twisted_tasks.service import config as service_config

_PROCESS = process_rows("TASKS_APP")


def _without(rows: Sequence[Setting], others: Sequence[Setting]) -> tuple[Setting, ...]:
    """Return the rows whose options are not those of others."""
    options = {row.option for row in others}
    return tuple(row for row in rows if row.option not in options)


_SERVICE = _without(service_config.SETTINGS, _PROCESS)

SETTINGS: tuple[Setting, ...] = (
    *WEB_ROWS,
    *_SERVICE,
    *ACCOUNT_ROWS,
    *_without(LIMIT_ROWS, _SERVICE),
    *_PROCESS,
)
"""Rows of both daemons, each with its own variables; the variables of the rows that the process has are TASKS_APP_*."""


@dataclass(frozen=True, kw_only=True)
class AppSettings(gateway_config.GatewaySettings):
    """What concerns the gateway and the process, and apart from it the service."""

    service: service_config.ServiceSettings


def load(options: Options, environment: Mapping[str, str]) -> AppSettings:
    """Make Settings of what was typed.

    @raise ConfigError: for the first thing that makes no sense.
    """
    given = Given(SETTINGS, options, environment)
    if given.get("workers") != 1:
        raise ConfigError(f"{given.source['workers']}: tasks-app is one process; run tasks and tasks-gateway for more")
    service = service_config.settings_of(given, environment)
    gateway = gateway_config.settings_of(given, environment)
    return AppSettings(**vars(gateway), service=service)
