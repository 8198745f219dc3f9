"""The settings of the gateway.

Covers `gateway.config_table`.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from twisted_tasks.gateway import config
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.store_settings import SqliteSettings


def load(environment: dict[str, str] | None = None, **options: Any) -> config.GatewaySettings:
    return config.load({name.replace("_", "-"): value for name, value in options.items()}, environment or {})


def test_defaults() -> None:
    """With nothing said it serves this machine, asks the service on this machine, and keeps accounts in a file."""
    settings = load()
    assert settings.listen == ("tcp:8080:interface=127.0.0.1",)
    assert settings.tasks.addresses == ("127.0.0.1:6001",)
    assert settings.store == SqliteSettings("accounts.sqlite3", chosen=False)
    assert settings.signup_open
    assert (settings.session_idle, settings.session_lifetime) == (14 * 86_400, 30 * 86_400)
    assert (settings.rate_limit, settings.min_password_length) == (300, 10)


def test_options_and_variables() -> None:
    """An option goes before a variable; what can be there several times has spaces between in a variable."""
    environment = {"TASKS_GATEWAY_TASKS": "a:1 b:2", "TASKS_GATEWAY_SIGNUP": "closed", "TASKS_GATEWAY_WEB": "tcp:80"}
    settings = load(environment, web=["8081", "unix:/run/gateway.sock"])
    assert settings.tasks.addresses == ("a:1", "b:2")
    assert not settings.signup_open
    assert settings.listen == ("tcp:8081:interface=127.0.0.1", "unix:/run/gateway.sock")


def test_mongo() -> None:
    """Whatever is said about MongoDB chooses it."""
    settings = load(accounts_mongo_uri="mongodb://db.example")
    assert isinstance(settings.store, MongoOptions)
    assert settings.store.database == "tasks-gateway-db"


def test_networks() -> None:
    """Trusted proxies are addresses and networks."""
    (one, other) = load(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies
    assert ip_address("10.1.2.3") in one
    assert ip_address("::1") in other


def test_where_the_page_is() -> None:
    """--web takes ports, addresses with a port, and endpoints, side by side."""
    settings = load(web=["8081", "0.0.0.0:80", "[::1]:8080", "tcp:82"], http="[::1]:9092")
    assert settings.listen == (
        "tcp:8081:interface=127.0.0.1",
        "tcp:80:interface=0.0.0.0",
        r"tcp:8080:interface=\:\:1",
        "tcp:82",
    )
    assert settings.http == r"tcp:9092:interface=\:\:1"


@pytest.mark.parametrize(
    "options",
    [
        {"web": ["tasks.example:80"]},
        {"web": ["::1:8080"]},
        {"web": ["127.0.0.1:65536"]},
        {"http": "127.0.0.1"},
        {"web": ["x:"], "workers": "two"},
        {"public_url": "tasks.example"},
        {"public_url": "https://tasks.example/app"},
        {"public_url": "https://user@tasks.example"},
        {"trusted_proxies": "10.0.0.1/8"},
        {"trusted_proxies": "proxy.example"},
        {"min_password_length": "7"},
        {"signup": "maybe"},
        {"session_idle": "5"},
        {"session_idle": "2w"},
        {"session_idle": "31d"},
        {"rate_limit": "-1"},
        {"require_if_match": "yes"},
        {"security_contact": "me"},
        {"tasks_cert": "a.pem"},
        {"tasks_ca": "a.pem", "tasks_key": "b.pem"},
        {"accounts_sqlite": "a", "accounts_mongo_uri": "mongodb://h"},
        {"accounts_mongo_uri": "mongodb://h/other"},
    ],
)
def test_nonsense(options: dict[str, Any]) -> None:
    """What makes no sense is refused with one line that names the option."""
    with pytest.raises(config.ConfigError) as caught:
        load(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert any(f"--{name.replace('_', '-')}" in message for name in options)
