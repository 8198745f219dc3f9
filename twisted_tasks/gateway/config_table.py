"""Every setting of the gateway, one row each."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from twisted_tasks.gateway.accounts.policy import LONGEST, SHORTEST
from twisted_tasks.gateway.api.proxies import Network, read_networks
from twisted_tasks.ops import values as value
from twisted_tasks.ops.daemon_settings import process_rows
from twisted_tasks.ops.settings import Setting
from twisted_tasks.ops.store_settings import store_rows

ACCOUNTS = "accounts-"
"""How the options begin that say where accounts are kept."""
DATABASE = "tasks-gateway-db"
"""MongoDB's database for accounts, by default."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(given: str) -> float:
    """Return seconds: a number of them, or one with a unit (30m, 12h, 14d)."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", given.strip())
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 60 <= seconds <= 3650 * 86_400:
        raise ValueError(f"{given!r} is not a time from a minute to ten years, such as 30m, 12h or 14d")
    return float(seconds)


def networks(given: str) -> tuple[Network, ...]:
    """Return addresses and networks, parted by commas or spaces."""
    return () if given == "none" else read_networks(given)


def public_url(given: str) -> str:
    """Return a scheme and a host, as browsers name an origin."""
    parts = urlsplit(given)
    is_origin = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/") and not parts.query
    if not is_origin or parts.username is not None:
        raise ValueError(f"{given!r} is not a scheme and a host, such as https://tasks.example")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def switch(given: str) -> bool:
    """Return whether something is on."""
    if given not in ("on", "off"):
        raise ValueError(f"{given!r} is neither on nor off")
    return given == "on"


def contact(given: str) -> str:
    """Return a mail address or a URL."""
    if not re.fullmatch(r"[^\s@]+@[^\s@]+|(?:https|mailto|tel):\S+", given):
        raise ValueError(f"{given!r} is neither a mail address nor a URL")
    return given


def web(given: str) -> str:
    """Return an endpoint; a bare port is on the loopback address."""
    return value.tcp_endpoint(value.port(given), "127.0.0.1") if value.is_number(given) else value.endpoint(given)


WEB_ROWS: tuple[Setting, ...] = (
    Setting(
        "web",
        ("TASKS_GATEWAY_WEB",),
        web,
        "8080",
        "Serve the page and the API on this port of 127.0.0.1, HOST:PORT, or Twisted server endpoint; repeatable.",
        repeatable=True,
    ),
    Setting(
        "public-url",
        ("TASKS_GATEWAY_PUBLIC_URL",),
        public_url,
        "what each request says",
        "Where people find the gateway: https://tasks.example.",
    ),
    Setting(
        "trusted-proxies",
        ("TASKS_GATEWAY_TRUSTED_PROXIES",),
        networks,
        "none",
        "Addresses and networks of proxies that are believed when they say where a request came from.",
    ),
)

TASKS_ROWS: tuple[Setting, ...] = (
    Setting(
        "tasks",
        ("TASKS_GATEWAY_TASKS",),
        value.text,
        "127.0.0.1:6001",
        "The address of the Tasks service: HOST:PORT, or a Twisted client endpoint; repeatable.",
        repeatable=True,
    ),
    Setting(
        "tasks-ca",
        ("TASKS_GATEWAY_TASKS_CA",),
        value.text,
        "off",
        "Speak TLS with the Tasks service, whose certificate is of a CA in this PEM file.",
    ),
    Setting(
        "tasks-cert", ("TASKS_GATEWAY_TASKS_CERT",), value.text, "none", "The PEM file with the gateway's certificate."
    ),
    Setting(
        "tasks-key", ("TASKS_GATEWAY_TASKS_KEY",), value.text, "in --tasks-cert", "The PEM file with its private key."
    ),
)

ACCOUNT_ROWS: tuple[Setting, ...] = (
    *store_rows(
        "TASKS_GATEWAY_ACCOUNTS",
        file="accounts.sqlite3",
        database=DATABASE,
        pool_size=8,
        kept="accounts",
        mongo_prefix="TASKS_GATEWAY_ACCOUNTS_",
        option_prefix=ACCOUNTS,
    ),
    Setting(
        "signup", ("TASKS_GATEWAY_SIGNUP",), value.one_of("open", "closed"), "open", "Whether anybody may sign up."
    ),
    Setting(
        "min-password-length",
        ("TASKS_GATEWAY_MIN_PASSWORD_LENGTH",),
        value.integer(8, LONGEST),
        str(SHORTEST),
        "Characters that a new password has at least.",
    ),
    Setting(
        "breached-passwords",
        ("TASKS_GATEWAY_BREACHED_PASSWORDS",),
        value.text,
        "none",
        "A file of passwords that are refused, one on each line, besides the common ones.",
    ),
    Setting(
        "session-idle", ("TASKS_GATEWAY_SESSION_IDLE",), duration, "14d", "How long a session holds that nobody uses."
    ),
    Setting(
        "session-lifetime", ("TASKS_GATEWAY_SESSION_LIFETIME",), duration, "30d", "How long a session holds in all."
    ),
)

LIMIT_ROWS: tuple[Setting, ...] = (
    Setting(
        "rate-limit",
        ("TASKS_GATEWAY_RATE_LIMIT",),
        value.integer(0, 1_000_000),
        "300",
        "Requests an account may make in a minute, in each process; 0 is no limit.",
    ),
    Setting(
        "max-connections",
        ("TASKS_GATEWAY_MAX_CONNECTIONS",),
        value.integer(1, 1_000_000),
        "10000",
        "Connections at once; one more takes the place of an idle one, or is closed.",
    ),
    Setting(
        "require-if-match",
        ("TASKS_GATEWAY_REQUIRE_IF_MATCH",),
        switch,
        "off",
        "Whether a change of a task has to say, with If-Match, which version it is for: on or off.",
    ),
    Setting(
        "security-contact",
        ("TASKS_GATEWAY_SECURITY_CONTACT",),
        contact,
        "none",
        "A mail address or URL for who finds a hole; it is told in /.well-known/security.txt.",
    ),
)

SETTINGS: tuple[Setting, ...] = (
    *WEB_ROWS,
    *TASKS_ROWS,
    *ACCOUNT_ROWS,
    *LIMIT_ROWS,
    *process_rows("TASKS_GATEWAY"),
)
