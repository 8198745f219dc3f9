"""The settings of the gateway, checked against each other. Knows no Twisted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from twisted_tasks.gateway.api.proxies import Network
from twisted_tasks.gateway.config_table import ACCOUNTS, SETTINGS
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.daemon_settings import DaemonSettings, daemon_settings
from twisted_tasks.ops.settings import ConfigError, Given, Options
from twisted_tasks.ops.store_settings import SqliteSettings, store_settings

__all__ = ["SETTINGS", "ConfigError", "GatewaySettings", "SqliteSettings", "StoreSettings", "TasksSettings", "load"]

StoreSettings: TypeAlias = SqliteSettings | MongoOptions
"""Where accounts are kept."""


@dataclass(frozen=True)
class TasksSettings:
    """Where the Tasks service is.

    @ivar addresses: tried in turn.
    @ivar ca: the PEM file of its authority; None speaks no TLS.
    """

    addresses: tuple[str, ...]
    ca: str | None
    certificate: str | None
    key: str | None


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(DaemonSettings):
    """Everything the gateway was told, checked and whole."""

    public_url: str | None
    trusted_proxies: tuple[Network, ...]
    tasks: TasksSettings
    store: StoreSettings
    signup_open: bool
    min_password_length: int
    breached_passwords: str | None
    session_idle: float
    session_lifetime: float
    rate_limit: int
    max_connections: int
    require_if_match: bool
    security_contact: str | None


def load(options: Options, environment: Mapping[str, str]) -> GatewaySettings:
    """Make Settings of what was typed.

    @param options: the command line.
    @param environment: the environment variables.
    @raise ConfigError: for the first thing that makes no sense.
    """
    return settings_of(Given(SETTINGS, options, environment), environment)


def settings_of(given: Given, environment: Mapping[str, str]) -> GatewaySettings:
    """Make Settings of what was given by a table that has the gateway's rows."""
    idle, lifetime = given.get("session-idle"), given.get("session-lifetime")
    if idle > lifetime:
        source = given.source.get("session-idle") or given.source["session-lifetime"]
        raise ConfigError(f"{source}: a session cannot be idle for longer than it lives")
    web = given.get("web") if "web" in given else ("tcp:8080:interface=127.0.0.1",)
    return GatewaySettings(
        **vars(daemon_settings(given, tuple(web))),
        public_url=given.chosen("public-url"),
        trusted_proxies=given.get("trusted-proxies"),
        tasks=_tasks(given),
        store=store_settings(given, environment, MongoOptions, ACCOUNTS),
        signup_open=given.get("signup") == "open",
        min_password_length=given.get("min-password-length"),
        breached_passwords=given.chosen("breached-passwords"),
        session_idle=idle,
        session_lifetime=lifetime,
        rate_limit=given.get("rate-limit"),
        max_connections=given.get("max-connections"),
        require_if_match=given.get("require-if-match"),
        security_contact=given.chosen("security-contact"),
    )


def _tasks(given: Given) -> TasksSettings:
    if "tasks-ca" not in given:
        for option in ("tasks-cert", "tasks-key"):
            if option in given:
                raise ConfigError(f"{given.source[option]}: it needs --tasks-ca beside it")
    if "tasks-key" in given and "tasks-cert" not in given:
        raise ConfigError(f"{given.source['tasks-key']}: it needs --tasks-cert beside it")
    addresses = given.get("tasks") if "tasks" in given else ("127.0.0.1:6001",)
    return TasksSettings(
        tuple(addresses), given.chosen("tasks-ca"), given.chosen("tasks-cert"), given.chosen("tasks-key")
    )
