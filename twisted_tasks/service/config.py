"""The settings of the Tasks service, checked against each other. Knows no Twisted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.daemon_settings import DaemonSettings, TlsSettings, daemon_settings
from twisted_tasks.ops.settings import ConfigError, Given, Options, Setting
from twisted_tasks.ops.store_settings import LINK_HOSTS, LINK_PORTS, LINK_URL, SqliteSettings, store_settings
from twisted_tasks.ops.values import AUTO
from twisted_tasks.service.config_table import DATABASE, SETTINGS, WIRE_LIMITS

__all__ = [
    "AUTO",
    "DATABASE",
    "LINK_HOSTS",
    "LINK_PORTS",
    "LINK_URL",
    "SETTINGS",
    "WIRE_LIMITS",
    "ConfigError",
    "MongoOptions",
    "ServiceSettings",
    "Setting",
    "SqliteSettings",
    "StoreSettings",
    "TlsSettings",
    "load",
]

StoreSettings: TypeAlias = SqliteSettings | MongoOptions
"""Where tasks are kept."""


@dataclass(frozen=True)
class BatchSettings:
    """How calls go to the store together."""

    max_items: int
    """1 is each by itself."""
    max_bytes: int
    in_flight: int


@dataclass(frozen=True, kw_only=True)
class ServiceSettings(DaemonSettings):
    """Everything the daemon was told, checked and whole."""

    store: StoreSettings
    keep_removed: int
    """Days for which removed tasks are kept; 0 keeps nothing of their contents."""
    sync: bool
    """Whether to make MongoDB's index of changes at the start, and not when somebody first asks for changes."""
    batches: BatchSettings
    max_in_flight: int
    limits: Mapping[str, Any]
    """What one client may ask of the wire layer, by the names of `wire.limits.Limits`."""


def load(options: Options, environment: Mapping[str, str]) -> ServiceSettings:
    """Make Settings of what was typed.

    @param options: the command line.
    @param environment: the environment variables.
    @raise ConfigError: for the first thing that makes no sense.
    """
    return settings_of(Given(SETTINGS, options, environment), environment)


def settings_of(given: Given, environment: Mapping[str, str]) -> ServiceSettings:
    """Make Settings of what was given by a table that has the service's rows."""
    return ServiceSettings(
        **vars(daemon_settings(given)),
        store=store_settings(given, environment, MongoOptions),
        keep_removed=given.get("keep-removed"),
        sync=given.get("sync") == "on",
        batches=BatchSettings(given.get("batch-max-items"), given.get("batch-max-bytes"), given.get("batch-in-flight")),
        max_in_flight=given.get("max-in-flight"),
        limits={option.replace("-", "_"): given.get(option) for option in WIRE_LIMITS},
    )
