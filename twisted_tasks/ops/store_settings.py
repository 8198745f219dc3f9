"""The settings that say where a daemon keeps what it keeps: in an SQLite file of its own, or in MongoDB.

Whatever is said about MongoDB chooses it; nothing said is the file. Knows no Twisted, and opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from twisted_tasks.ops import values as value
from twisted_tasks.ops.settings import ConfigError, Given, Setting

_T = TypeVar("_T")

# What Docker's links and Kubernetes set by themselves for a service called mongo or mongodb. Nobody typed these, so
# they stand behind everything somebody did type.
LINK_HOSTS = ("MONGO_PORT_27017_TCP_ADDR", "MONGODB_PORT_27017_TCP_ADDR")
LINK_PORTS = ("MONGO_PORT_27017_TCP_PORT", "MONGODB_PORT_27017_TCP_PORT")
# MONGO_PORT is the tutorial's name for a port, and also where both put "tcp://10.0.0.5:27017".
LINK_URL = "MONGO_PORT"


@dataclass(frozen=True)
class SqliteSettings:
    """Keep it in a file."""

    path: str
    chosen: bool
    """Whether somebody asked for it; otherwise nothing was said about a store."""


def store_rows(
    prefix: str,
    *,
    file: str,
    database: str,
    pool_size: int,
    kept: str = "tasks",
    mongo_prefix: str = "",
    option_prefix: str = "",
) -> tuple[Setting, ...]:
    """Return the rows that choose the store.

    @param prefix: of the file's environment variable: "TASKS" for TASKS_SQLITE.
    @param file: the SQLite file by default.
    @param database: MongoDB's database by default.
    @param pool_size: connections to MongoDB by default.
    @param kept: what is kept, for people.
    @param mongo_prefix: of MongoDB's variables: "X_" for X_MONGO_URI. Without one they are those of the tutorial.
    @param option_prefix: of the options: "accounts-" for --accounts-sqlite.
    """
    rows = (
        Setting("sqlite", (f"{prefix}_SQLITE",), sqlite_path, file, "The file of the embedded store."),
        Setting("mongo-uri", (f"{mongo_prefix}MONGO_URI",), mongo_uri, "none", f"Keep {kept} in this MongoDB."),
        Setting(
            "mongo-host",
            (f"{mongo_prefix}MONGO_HOST",),
            value.host,
            "127.0.0.1",
            f"The host of the MongoDB to keep {kept} in.",
        ),
        Setting("mongo-port", (f"{mongo_prefix}MONGO_PORT",), value.remote_port, "27017", "Its port."),
        Setting("mongo-db", (f"{mongo_prefix}MONGODB_DATABASE",), database_name, database, "The database's name."),
        Setting(
            "mongo-pool-size",
            (f"{mongo_prefix}MONGO_POOL_SIZE",),
            value.integer(1, 1000),
            str(pool_size),
            "How many connections to MongoDB to keep.",
        ),
        Setting(
            "mongo-write-concern",
            (f"{mongo_prefix}MONGO_WRITE_CONCERN",),
            value.text,
            "majority",
            "When MongoDB's members have a write: majority, how many of them, or the name of a tag set's mode.",
        ),
        Setting(
            "mongo-password-file",
            (f"{mongo_prefix}MONGO_PASSWORD_FILE",),
            value.text,
            "none",
            "A file that holds the password of the URI's user.",
        ),
    )
    return tuple(replace(row, option=option_prefix + row.option) for row in rows)


def sqlite_path(given: str) -> str:
    """Return the path of a file."""
    if given == ":memory:":
        raise ValueError("a database in memory would be gone with each connection; give a file")
    return value.text(given)


def mongo_uri(given: str) -> str:
    """Return what has a MongoDB URI's scheme; the rest of it is for the driver to judge."""
    if not given.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("it does not begin with mongodb:// or mongodb+srv://")  # not quoted: it may hold a password
    return given


def database_name(given: str) -> str:
    """Return a name MongoDB takes for a database on every platform."""
    if not re.fullmatch(r"[^/\\. \"$*<>:|?\0\s]{1,63}", given):
        raise ValueError(f"{given!r} is not a name of a MongoDB database")
    return given


def other_database(uri: str, option: str, used: str) -> str | None:
    """Return what is wrong, and what to write, if a URI names another database than the one that is used.

    @param option: where the database's name comes from: "--mongo-db".
    @param used: the database's name.
    """
    after_login = uri.partition("://")[2].partition("?")[0].rpartition("@")[2]
    named = unquote(after_login.partition("/")[2])
    if named in ("", used):
        return None
    return (
        f"the URI names the database {named!r}, and {option} is {used!r}: set {option} to {named} if that is the one,"
        f" or write ?authSource={named} in the place of /{named} if it only says where to log in"
    )


def store_settings(
    given: Given, environment: Mapping[str, str], make_mongo: Callable[..., _T], prefix: str = ""
) -> SqliteSettings | _T:
    """Return which store was chosen.

    @param environment: the variables of Docker's links are looked up here.
    @param make_mongo: takes uri, database, pool_size, write_concern and password_file by name.
    @param prefix: of the options, as `store_rows` was given it.
    @raise ConfigError: for the first contradiction.
    """
    sqlite, uri, host_option, port_option = (
        f"{prefix}{name}" for name in ("sqlite", "mongo-uri", "mongo-host", "mongo-port")
    )
    given.together(uri, host_option)
    given.together(uri, port_option)
    about_mongo = [option for option in given.source if option.startswith(f"{prefix}mongo-")]
    for option in about_mongo:
        given.together(sqlite, option)
    # What somebody has chosen leaves the links unread, be they right or wrong.
    unread = uri in given or (sqlite in given and not about_mongo)
    linked_host, linked_port = (None, None) if unread else _link(environment)
    if not about_mongo and linked_host is None and linked_port is None:
        return SqliteSettings(given.get(sqlite), chosen=sqlite in given)
    host = given.chosen(host_option) or linked_host or given.get(host_option)
    port = given.chosen(port_option) or linked_port or given.get(port_option)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _one_database(given, prefix)
    return make_mongo(
        uri=given.chosen(uri) or f"mongodb://{address}",
        database=given.get(f"{prefix}mongo-db"),
        pool_size=given.get(f"{prefix}mongo-pool-size"),
        write_concern=given.chosen(f"{prefix}mongo-write-concern"),
        password_file=given.chosen(f"{prefix}mongo-password-file"),
    )


def _one_database(given: Given, prefix: str) -> None:
    """Raise ConfigError if the URI names another database than the one that is used."""
    uri, database = f"{prefix}mongo-uri", f"{prefix}mongo-db"
    if uri not in given:
        return
    other = other_database(given.get(uri), given.source.get(database, f"--{database}"), given.get(database))
    if other is not None:
        raise ConfigError(f"{given.source[uri]}: {other}")


def _link(environment: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Return the host and the port that Docker or Kubernetes announce."""
    url_host, url_port = _link_url(environment.get(LINK_URL, "").strip())
    host = _first(LINK_HOSTS, value.host, environment) or url_host
    port = url_port or _first(LINK_PORTS, value.remote_port, environment)
    return host, port


def _first(variables: Sequence[str], parse: Callable[[str], _T], environment: Mapping[str, str]) -> _T | None:
    for variable in variables:
        if text := environment.get(variable, "").strip():
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
