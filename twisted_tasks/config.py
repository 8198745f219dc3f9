"""What the daemon can be told, by options and by environment variables, and what it makes of them.

Every setting is one row of SETTINGS: the command line, the environment, the help text and docs/configuration.md all
follow from it. An option goes before an environment variable; an environment variable that is empty counts as not set,
since that is how Compose files pass what was left out. Knows no Twisted.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

_T = TypeVar("_T")


class ConfigError(ValueError):
    """A setting that makes no sense. One line that names it by the option or variable it came from."""


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
            raise ValueError(f"{text!r} is not a whole number")
        if not low <= int(text) <= high:
            raise ValueError(f"{text} is not within {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number of seconds") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{text} is not within {low:g} to {high:g} seconds")
        return value

    return parse


def _text(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("it is empty" if not text else "it holds a NUL character")
    return text


def _host(text: str) -> str:
    host = text.strip()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise ValueError(f"{text!r} is not a host; the port is a setting of its own") from None
    if not re.fullmatch(r"[^\s/@,]+", host):
        raise ValueError(f"{text!r} is not a host")
    return host


def _mongo_uri(text: str) -> str:
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("it does not begin with mongodb:// or mongodb+srv://")  # not quoted: it may hold a password
    return text


def _database(text: str) -> str:
    # MongoDB's rule for names on every platform.
    if not re.fullmatch(r"[^/\\. \"$*<>:|?\0]{1,63}", text):
        raise ValueError(f"{text!r} is not a name of a MongoDB database")
    return text


def _http(text: str) -> str:
    # A bare port is on the loopback address: what it tells is for this machine, unless somebody says otherwise.
    if re.fullmatch(r"[+-]?[0-9]+", text.strip()):
        return f"tcp:{_port(text)}:interface=127.0.0.1"
    return _text(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return parse


def _workers(text: str) -> int:
    return AUTO if text == "auto" else _integer(1, 256)(text)


AUTO = 0
"""As a number of workers: one for each processor this process may use."""


def _seconds_or_off(text: str) -> float | None:
    return None if text == "off" else _seconds(0.01, 1e6)(text)


_port = _integer(0, 65535)
_remote_port = _integer(1, 65535)


@dataclass(frozen=True)
class Setting:
    """One thing that can be set.

    @ivar option: the option's name, without the dashes.
    @ivar variables: the environment variables it may come from, first match first.
    @ivar parse: takes the text; gives the value, or raises ValueError with what is wrong about it.
    @ivar default: how the default reads in the help text and the documentation.
    @ivar help: one sentence.
    @ivar repeatable: whether the option can be given several times; its variable then holds a list, parted by spaces.
    """

    option: str
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    default: str
    help: str
    repeatable: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("host", ("TASKS_HOST",), _host, "127.0.0.1", "The address to listen on."),
    Setting("port", ("TASKS_PORT",), _port, "6001", "The TCP port to listen on; 0 is any free one, which is logged."),
    Setting(
        "listen",
        ("TASKS_LISTEN",),
        _text,
        "host and port",
        "A Twisted server endpoint to listen on (tcp:, unix:, ssl:, systemd:), instead of host and port; repeatable.",
        repeatable=True,
    ),
    Setting("sqlite", ("TASKS_SQLITE",), _text, "tasks.sqlite3", "The file of the embedded store."),
    Setting("mongo-uri", ("MONGO_URI",), _mongo_uri, "none", "Keep tasks in this MongoDB."),
    Setting("mongo-host", ("MONGO_HOST",), _host, "127.0.0.1", "The host of the MongoDB to keep tasks in."),
    Setting("mongo-port", ("MONGO_PORT",), _remote_port, "27017", "Its port."),
    Setting("mongo-db", ("MONGODB_DATABASE",), _database, "tasks-db", "The database's name."),
    Setting(
        "mongo-pool-size",
        ("MONGO_POOL_SIZE",),
        _integer(1, 1000),
        "8",
        "How many connections to MongoDB to keep.",
    ),
    Setting(
        "mongo-write-concern",
        ("MONGO_WRITE_CONCERN",),
        _text,
        "majority",
        "When MongoDB's members have a write: majority, how many of them, or the name of a tag set's mode.",
    ),
    Setting(
        "mongo-password-file",
        ("MONGO_PASSWORD_FILE",),
        _text,
        "none",
        "A file that holds the password of the URI's user.",
    ),
    Setting("timeout", ("TASKS_TIMEOUT",), _seconds(0.01, 3600), "5", "Seconds that a call may take."),
    Setting(
        "max-in-flight",
        ("TASKS_MAX_IN_FLIGHT",),
        _integer(1, 1_000_000),
        "4096",
        "Calls that may be under way in the whole process; one more is answered 429.",
    ),
    Setting(
        "batch-max-items",
        ("TASKS_BATCH_MAX_ITEMS",),
        _integer(1, 10_000),
        "64",
        "Calls that may go to the store together; 1 is each by itself.",
    ),
    Setting(
        "batch-max-bytes",
        ("TASKS_BATCH_MAX_BYTES",),
        _integer(1, 8 << 20),
        "1048576",
        "Bytes of text that may go to the store together; a longer one goes by itself.",
    ),
    Setting(
        "batch-in-flight",
        ("TASKS_BATCH_IN_FLIGHT",),
        _integer(1, 1000),
        "2",
        "Batches of one kind (adds, lists, ...) that may be on their way to the store at once.",
    ),
    Setting(
        "max-message-size",
        ("TASKS_MAX_MESSAGE_SIZE",),
        _integer(1024, (1 << 24) - 1),  # from 16 MiB on, a frame's length could not be told from other dialects
        "4194304",
        "Bytes of one message, after decompression.",
    ),
    Setting(
        "max-string-length",
        ("TASKS_MAX_STRING_LENGTH",),
        _integer(1024, (1 << 24) - 1),
        "4194304",
        "Bytes of one text in a message.",
    ),
    Setting(
        "max-elements",
        ("TASKS_MAX_ELEMENTS",),
        _integer(1, 1 << 24),
        "262144",
        "Elements of all lists, sets and maps of one message together.",
    ),
    Setting("max-depth", ("TASKS_MAX_DEPTH",), _integer(4, 60), "32", "Structs and containers within one another."),
    Setting(
        "message-timeout",
        ("TASKS_MESSAGE_TIMEOUT",),
        _seconds(0.01, 3600),
        "30",
        "Seconds for a message to come whole, and for a client to take 64 KiB of what waits for it.",
    ),
    Setting(
        "idle-timeout",
        ("TASKS_IDLE_TIMEOUT",),
        _seconds_or_off,
        "off",
        "Seconds without a call before a connection is closed, or off.",
    ),
    Setting(
        "max-pending",
        ("TASKS_MAX_PENDING",),
        _integer(1, 100_000),
        "128",
        "Calls in flight on one connection before it is read no further.",
    ),
    Setting("max-connections", ("TASKS_MAX_CONNECTIONS",), _integer(1, 1_000_000), "10000", "Connections at once."),
    Setting(
        "max-unsent",
        ("TASKS_MAX_UNSENT",),
        _integer(1 << 16, 1 << 30),
        "16777216",
        "Bytes of replies that may wait for one client to read them, before its connection is cut.",
    ),
    Setting(
        "drain-timeout",
        ("TASKS_DRAIN_TIMEOUT",),
        _seconds(0, 3600),
        "10",
        "Seconds that the daemon may take to stop; what is left then is cut.",
    ),
    Setting(
        "drain-delay",
        ("TASKS_DRAIN_DELAY",),
        _seconds(0, 3600),
        "0",
        "Seconds, out of those, to go on serving while a load balancer notices that the daemon is no longer ready.",
    ),
    Setting("http", ("TASKS_HTTP",), _http, "off", "Serve health and metrics on this port of 127.0.0.1, or endpoint."),
    Setting("tls-cert", ("TASKS_TLS_CERT",), _text, "off", "Speak TLS, with the certificate chain in this PEM file."),
    Setting("tls-key", ("TASKS_TLS_KEY",), _text, "in --tls-cert", "The PEM file with the certificate's private key."),
    Setting(
        "tls-client-ca",
        ("TASKS_TLS_CLIENT_CA",),
        _text,
        "off",
        "Serve only clients with a certificate of a CA in this PEM file.",
    ),
    Setting("log-format", ("TASKS_LOG_FORMAT",), _one_of("text", "json"), "text", "How log lines look: text or json."),
    Setting(
        "log-level",
        ("TASKS_LOG_LEVEL",),
        _one_of("debug", "info", "warn", "error", "critical"),
        "info",
        "The least that is logged: debug (with a line for each call), info, warn, error or critical.",
    ),
    Setting(
        "workers",
        ("TASKS_WORKERS",),
        _workers,
        "1",
        "How many processes serve calls; auto is one for each processor, 1 is this process alone.",
    ),
)

WIRE_LIMITS = (
    "max-message-size",
    "max-string-length",
    "max-elements",
    "max-depth",
    "message-timeout",
    "idle-timeout",
    "max-pending",
    "max-connections",
    "max-unsent",
)

# What Docker's links and Kubernetes set by themselves for a service called mongo or mongodb. Nobody typed these, so
# they stand behind everything somebody did type.
LINK_HOSTS = ("MONGO_PORT_27017_TCP_ADDR", "MONGODB_PORT_27017_TCP_ADDR")
LINK_PORTS = ("MONGO_PORT_27017_TCP_PORT", "MONGODB_PORT_27017_TCP_PORT")
# MONGO_PORT is the tutorial's name for a port, and also where both put "tcp://10.0.0.5:27017".
LINK_URL = "MONGO_PORT"


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
        if text and not (variable == LINK_URL and text.startswith("tcp://")):
            return variable, text.split() if setting.repeatable else text
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
    linked_host, linked_port = _link(environment)
    chosen = any(option.startswith("mongo-") for option in given.source)
    if not chosen and ("sqlite" in given or (linked_host is None and linked_port is None)):
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
    host = _first(LINK_HOSTS, _host, environment) or url_host
    port = url_port or _first(LINK_PORTS, _remote_port, environment)
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
        return _host(parts.hostname), _remote_port(str(parts.port))
    except ValueError:
        raise ConfigError(f"{LINK_URL}: {url!r} is neither a port nor tcp://HOST:PORT") from None
