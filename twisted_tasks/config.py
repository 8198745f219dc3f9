"""What the daemon can be told, by options and by environment variables, and what it makes of them.

Every setting is one row of SETTINGS: the command line, the environment, the help text and docs/configuration.md all
follow from it. An option goes before an environment variable; an environment variable that is empty counts as not set,
since that is how Compose files pass what was left out. Knows no Twisted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from twisted_tasks import config_values as value
from twisted_tasks.config_table import LINK_HOSTS, LINK_PORTS, LINK_URL, SETTINGS, WIRE_LIMITS, Setting
from twisted_tasks.config_values import AUTO

__all__ = [
    "AUTO",
    "LINK_HOSTS",
    "LINK_PORTS",
    "LINK_URL",
    "SETTINGS",
    "WIRE_LIMITS",
    "ConfigError",
    "MongoSettings",
    "Setting",
    "Settings",
    "SqliteSettings",
    "load",
]

_T = TypeVar("_T")


class ConfigError(ValueError):
    """A setting that makes no sense. One line that names it by the option or variable it came from."""


@dataclass(frozen=True)
class SqliteSettings:
    """Keep tasks in a file."""

    path: str
    chosen: bool
    """Whether somebody asked for it; otherwise nothing was said about a store."""


@dataclass(frozen=True)
class MongoSettings:
    """Keep tasks in MongoDB."""

    uri: str
    database: str
    pool_size: int
    write_concern: str | None = None
    """None is what the URI says, or majority."""
    password_file: str | None = None


@dataclass(frozen=True)
class TlsSettings:
    """The PEM files to speak TLS with."""

    certificate: str
    key: str
    client_ca: str | None
    """When there is one, only clients with a certificate of it are served."""


@dataclass(frozen=True)
class BatchSettings:
    """How calls go to the store together."""

    max_items: int
    """1 is each by itself."""
    max_bytes: int
    in_flight: int


@dataclass(frozen=True)
class Settings:
    """Everything the daemon was told, checked and whole."""

    listen: tuple[str, ...]
    """Twisted server endpoint strings."""
    store: SqliteSettings | MongoSettings
    batches: BatchSettings
    timeout: float
    max_in_flight: int
    limits: Mapping[str, Any]
    """What one client may ask of the wire layer, by the names of `wire.limits.Limits`."""
    drain_timeout: float
    drain_delay: float
    http: str | None
    """A Twisted server endpoint string."""
    tls: TlsSettings | None
    log_format: str
    log_level: str
    workers: int
    """AUTO, or how many."""


def load(options: Mapping[str, str | Sequence[str] | None], environment: Mapping[str, str]) -> Settings:
    """Make Settings of what was typed.

    @param options: by option name, the text given on the command line (a sequence of texts where repeatable), or None.
    @param environment: the environment variables.
    @raise ConfigError: for the first thing that makes no sense.
    """
    given = _Given(options, environment)
    tls, listen = _tls(given), _listen(given)
    if tls and any(endpoint.startswith("ssl:") for endpoint in listen):
        raise ConfigError(f"{given.source['tls-cert']}: it makes every endpoint speak TLS: write tcp: instead of ssl:")
    workers = given.get("workers")
    if workers != 1 and any(endpoint.startswith("ssl:") for endpoint in listen):
        raise ConfigError(f"{given.source['workers']}: workers cannot share an ssl: endpoint: use tcp: and --tls-cert")
    delay, timeout = given.get("drain-delay"), given.get("drain-timeout")
    if delay and delay >= timeout:
        raise ConfigError(f"{given.source['drain-delay']}: it leaves nothing of the {timeout:g} s to stop in")
    return Settings(
        listen=listen,
        store=_store(given, environment),
        batches=BatchSettings(given.get("batch-max-items"), given.get("batch-max-bytes"), given.get("batch-in-flight")),
        timeout=given.get("timeout"),
        max_in_flight=given.get("max-in-flight"),
        drain_timeout=timeout,
        drain_delay=delay,
        http=given.get("http") if "http" in given else None,
        tls=tls,
        log_format=given.get("log-format"),
        log_level=given.get("log-level"),
        workers=workers,
        limits={option.replace("-", "_"): given.get(option) for option in WIRE_LIMITS},
    )


class _Given:
    """The settings somebody gave, parsed, with the name each came by."""

    def __init__(self, options: Mapping[str, str | Sequence[str] | None], environment: Mapping[str, str]) -> None:
        self._values: dict[str, Any] = {}
        self.source: dict[str, str] = {}
        for setting in SETTINGS:
            source, text = _find(setting, options, environment)
            if source is not None:
                self._values[setting.option] = _parse(setting, source, text)
                self.source[setting.option] = source

    def __contains__(self, option: str) -> bool:
        return option in self._values

    def typed(self, option: str) -> bool:
        """Return whether it was given on the command line."""
        return self.source.get(option, "").startswith("--")

    def chosen(self, option: str) -> Any:
        """Return the value given, or None."""
        return self._values.get(option)

    def get(self, option: str) -> Any:
        """Return the value given, or the default."""
        if option in self._values:
            return self._values[option]
        setting = next(row for row in SETTINGS if row.option == option)
        return setting.parse(setting.default)

    def together(self, one: str, other: str) -> None:
        """Refuse two settings that say different things about one matter."""
        if one in self and other in self:
            raise ConfigError(f"{self.source[one]} and {self.source[other]} cannot be given together")


def _find(
    setting: Setting, options: Mapping[str, str | Sequence[str] | None], environment: Mapping[str, str]
) -> tuple[str | None, Any]:
    typed = options.get(setting.option)
    if typed is not None and not (setting.repeatable and not typed):
        return f"--{setting.option}", typed
    for variable in setting.variables:
        text = environment.get(variable, "")
        # A link's URL says where somebody else listens. For MongoDB it is looked at in its turn; for a service that is
        # itself called tasks, TASKS_PORT says nothing about where to listen.
        if text and not (variable.endswith("_PORT") and text.startswith("tcp://")):
            return variable, (text.split() or [""]) if setting.repeatable else text
    return None, None


def _parse(setting: Setting, source: str, text: Any) -> Any:
    try:
        return tuple(setting.parse(part) for part in text) if setting.repeatable else setting.parse(text)
    except ValueError as error:
        raise ConfigError(f"{source}: {error}") from None


def _listen(given: _Given) -> tuple[str, ...]:
    for option in ("host", "port"):
        # A command line overrules an environment; two that were given in the same way contradict each other.
        if given.typed("listen") == given.typed(option):
            given.together("listen", option)
    address_typed = given.typed("host") or given.typed("port")
    if "listen" in given and not (address_typed and not given.typed("listen")):
        return tuple(given.get("listen"))
    # In an endpoint string a colon parts the arguments, so those of an IPv6 address are escaped.
    interface = given.get("host").replace(":", r"\:")
    return (f"tcp:{given.get('port')}:interface={interface}",)


def _tls(given: _Given) -> TlsSettings | None:
    if "tls-cert" not in given:
        for option in ("tls-key", "tls-client-ca"):
            if option in given:
                raise ConfigError(f"{given.source[option]}: it needs --tls-cert beside it")
        return None
    certificate = given.get("tls-cert")
    return TlsSettings(
        certificate,
        given.get("tls-key") if "tls-key" in given else certificate,
        given.get("tls-client-ca") if "tls-client-ca" in given else None,
    )


def _store(given: _Given, environment: Mapping[str, str]) -> SqliteSettings | MongoSettings:
    given.together("mongo-uri", "mongo-host")
    given.together("mongo-uri", "mongo-port")
    for setting in SETTINGS:
        if setting.option.startswith("mongo-"):
            given.together("sqlite", setting.option)
    chosen = any(option.startswith("mongo-") for option in given.source)
    # What somebody has chosen leaves the links unread, be they right or wrong.
    unread = "mongo-uri" in given or ("sqlite" in given and not chosen)
    linked_host, linked_port = (None, None) if unread else _link(environment)
    if not chosen and linked_host is None and linked_port is None:
        return SqliteSettings(given.get("sqlite"), chosen="sqlite" in given)
    if "mongo-uri" in given:
        uri = given.get("mongo-uri")
    else:
        host = given.chosen("mongo-host") or linked_host or given.get("mongo-host")
        port = given.chosen("mongo-port") or linked_port or given.get("mongo-port")
        uri = f"mongodb://[{host}]:{port}" if ":" in host else f"mongodb://{host}:{port}"
    return MongoSettings(
        uri,
        given.get("mongo-db"),
        given.get("mongo-pool-size"),
        given.chosen("mongo-write-concern"),
        given.chosen("mongo-password-file"),
    )


def _link(environment: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Return the host and the port that Docker or Kubernetes announce."""
    url_host, url_port = _link_url(environment.get(LINK_URL, ""))
    host = _first(LINK_HOSTS, value.host, environment) or url_host
    port = url_port or _first(LINK_PORTS, value.remote_port, environment)
    return host, port


def _first(variables: Sequence[str], parse: Callable[[str], _T], environment: Mapping[str, str]) -> _T | None:
    for variable in variables:
        if text := environment.get(variable):
            try:
                return parse(text)
            except ValueError as error:
                raise ConfigError(f"{variable}: {error}") from None
    return None


def _link_url(url: str) -> tuple[str | None, int | None]:
    if not url.startswith("tcp://"):
        return None, None
    try:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None or parts.path not in ("", "/"):
            raise ValueError("a part is missing, or there is one too many")
        return value.host(parts.hostname), value.remote_port(str(parts.port))
    except ValueError:
        raise ConfigError(f"{LINK_URL}: {url!r} is neither a port nor tcp://HOST:PORT") from None
