"""The settings that every daemon has: where to listen, TLS, health and metrics, logs, workers, how to stop.

A daemon's own table holds these rows among its own, and its settings extend `DaemonSettings`. Knows no Twisted.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted_tasks.ops import values as value
from twisted_tasks.ops.settings import ConfigError, Given, Setting


@dataclass(frozen=True)
class TlsSettings:
    """The PEM files to speak TLS with."""

    certificate: str
    key: str
    client_ca: str | None
    """When there is one, only clients with a certificate of it are served."""


@dataclass(frozen=True, kw_only=True)
class DaemonSettings:
    """What `ops` needs to know of a daemon. A daemon extends it with settings of its own."""

    listen: tuple[str, ...]
    """Twisted server endpoint strings."""
    http: str | None
    """A Twisted server endpoint string for health and metrics."""
    tls: TlsSettings | None
    timeout: float
    """Seconds that a call may take."""
    drain_timeout: float
    """Seconds that a stop may take."""
    drain_delay: float
    """Seconds, out of those, to go on serving."""
    log_format: str
    log_level: str
    workers: int
    """AUTO, or how many."""


def listen_rows(prefix: str, port: str) -> tuple[Setting, ...]:
    """Return the rows that say where to listen.

    @param prefix: of the environment variables: "TASKS" for TASKS_HOST.
    @param port: the TCP port to listen on by default.
    """
    return (
        Setting("host", (f"{prefix}_HOST",), value.host, "127.0.0.1", "The address to listen on."),
        Setting(
            "port",
            (f"{prefix}_PORT",),
            value.port,
            port,
            "The TCP port to listen on; 0 is any free one, which is logged.",
        ),
        Setting(
            "listen",
            (f"{prefix}_LISTEN",),
            value.text,
            "host and port",
            "A Twisted server endpoint to listen on (tcp:, unix:, ssl:, systemd:), instead of host and port; "
            "repeatable.",
            repeatable=True,
        ),
    )


def process_rows(prefix: str) -> tuple[Setting, ...]:
    """Return the rows that say how the process runs and stops, and what it shows of itself.

    @param prefix: of the environment variables: "TASKS" for TASKS_WORKERS.
    """
    return (
        Setting("timeout", (f"{prefix}_TIMEOUT",), value.seconds(0.01, 3600), "5", "Seconds that a call may take."),
        Setting(
            "drain-timeout",
            (f"{prefix}_DRAIN_TIMEOUT",),
            value.seconds(0, 3600),
            "10",
            "Seconds that the daemon may take to stop. After that it cuts what is left.",
        ),
        Setting(
            "drain-delay",
            (f"{prefix}_DRAIN_DELAY",),
            value.seconds(0, 3600),
            "0",
            "Seconds, out of those, to go on serving while a load balancer notices that the daemon is no longer ready.",
        ),
        Setting(
            "http",
            (f"{prefix}_HTTP",),
            value.http,
            "off",
            "Serve health and metrics on this port of --http-host, HOST:PORT, or Twisted server endpoint.",
        ),
        Setting(
            "http-host",
            (f"{prefix}_HTTP_HOST",),
            value.host,
            "127.0.0.1",
            "The address of that port: by default, what it tells is for this machine.",
        ),
        Setting(
            "tls-cert",
            (f"{prefix}_TLS_CERT",),
            value.text,
            "off",
            "Speak TLS, with the certificate chain in this PEM file.",
        ),
        Setting(
            "tls-key",
            (f"{prefix}_TLS_KEY",),
            value.text,
            "in --tls-cert",
            "The PEM file with the certificate's private key.",
        ),
        Setting(
            "tls-client-ca",
            (f"{prefix}_TLS_CLIENT_CA",),
            value.text,
            "off",
            "Serve only clients with a certificate of a CA in this PEM file.",
        ),
        Setting(
            "log-format",
            (f"{prefix}_LOG_FORMAT",),
            value.one_of("text", "json"),
            "text",
            "How log lines look: text or json.",
        ),
        Setting(
            "log-level",
            (f"{prefix}_LOG_LEVEL",),
            value.one_of("debug", "info", "warn", "error", "critical"),
            "info",
            "The lowest level that is logged: debug (with a line for each call), info, warn, error or critical.",
        ),
        Setting(
            "workers",
            (f"{prefix}_WORKERS",),
            value.workers,
            "1",
            "How many processes serve calls; auto is one for each processor, 1 is this process alone.",
        ),
    )


def daemon_settings(given: Given, listen: tuple[str, ...] | None = None) -> DaemonSettings:
    """Return what the rows of this module say, checked against each other.

    @param listen: where to listen, for a daemon that says so by a row of its own.
    @raise ConfigError: for the first contradiction.
    """
    tls = _tls(given)
    listen = _listen(given) if listen is None else listen
    workers = given.get("workers")
    if any(endpoint.startswith("ssl:") for endpoint in listen):
        if tls:
            source = given.source["tls-cert"]
            raise ConfigError(f"{source}: it makes every endpoint speak TLS: write tcp: instead of ssl:")
        if workers != 1:
            source = given.source["workers"]
            raise ConfigError(f"{source}: workers cannot share an ssl: endpoint: use tcp: and --tls-cert")
    delay, timeout = given.get("drain-delay"), given.get("drain-timeout")
    if delay and delay >= timeout:
        raise ConfigError(f"{given.source['drain-delay']}: it leaves nothing of the {timeout:g} s to stop in")
    return DaemonSettings(
        listen=listen,
        http=_http(given),
        tls=tls,
        timeout=given.get("timeout"),
        drain_timeout=timeout,
        drain_delay=delay,
        log_format=given.get("log-format"),
        log_level=given.get("log-level"),
        workers=workers,
    )


def _listen(given: Given) -> tuple[str, ...]:
    for option in ("host", "port"):
        # A command line overrules an environment; two that were given in the same way contradict each other.
        if given.typed("listen") == given.typed(option):
            given.together("listen", option)
    address_typed = given.typed("host") or given.typed("port")
    if "listen" in given and not (address_typed and not given.typed("listen")):
        return tuple(given.get("listen"))
    return (value.tcp_endpoint(given.get("port"), given.get("host")),)


def _http(given: Given) -> str | None:
    http: str | None = given.chosen("http")
    return value.tcp_endpoint(http, given.get("http-host")) if http is not None and http.isdigit() else http


def _tls(given: Given) -> TlsSettings | None:
    if "tls-cert" not in given:
        for option in ("tls-key", "tls-client-ca"):
            if option in given:
                raise ConfigError(f"{given.source[option]}: it needs --tls-cert beside it")
        return None
    certificate = given.get("tls-cert")
    return TlsSettings(certificate, given.chosen("tls-key") or certificate, given.chosen("tls-client-ca"))
