"""What options and environment variables mean.

Covers `service.config_table`.
"""

from __future__ import annotations

from dataclasses import fields
from inspect import signature

import pytest

from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.workers.supervisor import Supervisor
from twisted_tasks.service.config import (
    AUTO,
    DATABASE,
    SETTINGS,
    WIRE_LIMITS,
    ConfigError,
    MongoOptions,
    ServiceSettings,
    SqliteSettings,
    TlsSettings,
    load,
)
from twisted_tasks.service.handler import TasksHandler
from twisted_tasks.service.storage.batching.queue import BatchLimits
from twisted_tasks.wire.limits import Limits


def settings(*options: tuple[str, str], **environment: str) -> ServiceSettings:
    return load({name: [text] if name == "listen" else text for name, text in options}, environment)


def mongo_uri(*options: tuple[str, str], **environment: str) -> str:
    store = settings(*options, **environment).store
    assert isinstance(store, MongoOptions)
    return store.uri


def test_nothing_given() -> None:
    """Nothing configured is the embedded store on the loopback address."""
    given = settings()
    assert given.listen == (r"tcp:6001:interface=127.0.0.1",)
    assert given.store == SqliteSettings("tasks.sqlite3", chosen=False)
    assert given.timeout == 5.0


def test_an_option_goes_before_its_variable() -> None:
    """The command line overrules the environment."""
    assert settings(("port", "7001"), TASKS_PORT="7002").listen == ("tcp:7001:interface=127.0.0.1",)
    assert settings(TASKS_PORT="7002").listen == ("tcp:7002:interface=127.0.0.1",)


def test_an_empty_variable_is_not_set() -> None:
    """Compose files pass what was left out as an empty text."""
    given = settings(TASKS_PORT="", MONGO_URI="", MONGO_HOST="", MONGO_PORT="", TASKS_SQLITE="", MONGODB_DATABASE="")
    assert given == settings()


@pytest.mark.parametrize(
    ("option", "text", "complaint"),
    [
        ("port", "70000", "--port: 70000 is not within 0 to 65535"),
        ("port", "-1", "--port: -1 is not within 0 to 65535"),
        ("port", "http", "--port: 'http' is not a whole number"),
        ("port", "", "--port: '' is not a whole number"),
        ("host", "", "--host: '' is not a host"),
        ("host", "127.0.0.1:6001", "the port is a setting of its own"),
        ("listen", "", "--listen: it is empty"),
        ("timeout", "0", "--timeout: 0 is not within"),
        ("timeout", "nan", "--timeout: nan is not within"),
        ("timeout", "five", "--timeout: 'five' is not a number of seconds"),
        ("max-in-flight", "0", "--max-in-flight: 0 is not within"),
        ("mongo-uri", "localhost:27017", "--mongo-uri: it does not begin with mongodb://"),
        ("mongo-port", "0", "--mongo-port: 0 is not within 1 to 65535"),
        ("mongo-db", "a.b", "--mongo-db: 'a.b' is not a name of a MongoDB database"),
        ("mongo-pool-size", "0", "--mongo-pool-size: 0 is not within"),
        ("sqlite", "", "--sqlite: it is empty"),
        ("sqlite", ":memory:", "--sqlite: a database in memory would be gone"),
    ],
)
def test_a_bad_option(option: str, text: str, complaint: str) -> None:
    """What makes no sense is refused in one line that names the option."""
    with pytest.raises(ConfigError) as caught:
        settings((option, text))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_variable() -> None:
    """A complaint names the variable where the text came from one."""
    with pytest.raises(ConfigError, match="TASKS_PORT: 70000 is not within"):
        settings(TASKS_PORT="70000")
    with pytest.raises(ConfigError, match="TASKS_LISTEN: it is empty"):  # rather than listen nowhere
        settings(TASKS_LISTEN=" ")


def test_a_password_is_not_repeated() -> None:
    """A URI that is refused is not quoted: it may hold a password."""
    with pytest.raises(ConfigError) as caught:
        settings(MONGO_URI="mongo://me:secret@db")
    assert "secret" not in str(caught.value)


def test_the_limits_of_the_wire() -> None:
    """Every limit of the wire layer is a setting, with the same default; a connection may stay idle unless told."""
    assert Limits(**settings().limits) == Limits()
    assert {option.replace("-", "_") for option in WIRE_LIMITS} == {field.name for field in fields(Limits)}
    assert settings(("idle-timeout", "2.5")).limits["idle_timeout"] == 2.5
    assert settings(("idle-timeout", "off")).limits["idle_timeout"] is None


def test_defaults_stand_for_the_same_everywhere() -> None:
    """What the parts take for granted, when nobody says otherwise, is what the settings do."""
    given = settings()
    batches = BatchLimits(
        max_items=given.batches.max_items,
        max_bytes=given.batches.max_bytes,
        max_in_flight=given.batches.in_flight,
        max_open=given.max_in_flight,
    )
    assert batches == BatchLimits()
    handler = signature(TasksHandler).parameters
    assert (handler["timeout"].default, handler["max_in_flight"].default) == (given.timeout, given.max_in_flight)
    drain = signature(Daemon).parameters
    assert (drain["drain_timeout"].default, drain["drain_delay"].default) == (given.drain_timeout, given.drain_delay)
    supervisor = signature(Supervisor).parameters
    assert supervisor["drain_timeout"].default == given.drain_timeout
    assert settings(("mongo-port", "1")).store == MongoOptions("mongodb://127.0.0.1:1", DATABASE)


def test_ipv6_host() -> None:
    """An IPv6 address is escaped in the endpoint and bracketed in the URI."""
    assert settings(("host", "::1")).listen == (r"tcp:6001:interface=\:\:1",)
    assert mongo_uri(("mongo-host", "[::1]")) == "mongodb://[::1]:27017"


def test_listen() -> None:
    """Endpoints replace host and port, and may be several."""
    assert load({"listen": ["tcp:1", "unix:/run/tasks"]}, {}).listen == ("tcp:1", "unix:/run/tasks")
    assert settings(TASKS_LISTEN="tcp:1 unix:/run/tasks").listen == ("tcp:1", "unix:/run/tasks")
    assert settings(("listen", "tcp:1"), TASKS_PORT="7001").listen == ("tcp:1",)
    assert settings(("port", "7001"), TASKS_LISTEN="tcp:1").listen == ("tcp:7001:interface=127.0.0.1",)


def test_listen_beside_port() -> None:
    """Endpoints and a port given in the same way contradict each other."""
    with pytest.raises(ConfigError, match="--listen and --port cannot be given together"):
        settings(("listen", "tcp:1"), ("port", "7001"))
    with pytest.raises(ConfigError, match="TASKS_LISTEN and TASKS_HOST cannot be given together"):
        settings(TASKS_LISTEN="tcp:1", TASKS_HOST="localhost")


def test_any_mongo_setting_means_mongodb() -> None:
    """Whatever is said about MongoDB chooses it; the rest has defaults."""
    assert settings(("mongo-db", "other")).store == MongoOptions("mongodb://127.0.0.1:27017", "other", 8)
    assert settings(MONGODB_DATABASE="other").store == MongoOptions("mongodb://127.0.0.1:27017", "other", 8)
    assert settings(("mongo-pool-size", "3")).store == MongoOptions("mongodb://127.0.0.1:27017", "tasks-db", 3)
    assert mongo_uri(MONGO_URI="mongodb://a,b/?replicaSet=r") == "mongodb://a,b/?replicaSet=r"
    assert mongo_uri(MONGO_HOST="db") == "mongodb://db:27017"
    assert mongo_uri(MONGO_PORT="27018") == "mongodb://127.0.0.1:27018"


@pytest.mark.parametrize("prefix", ["MONGO", "MONGODB"])
def test_docker_links(prefix: str) -> None:
    """The variables of Docker's links are understood under both names."""
    link = {f"{prefix}_PORT_27017_TCP_ADDR": "10.0.0.5", f"{prefix}_PORT_27017_TCP_PORT": "27018"}
    assert mongo_uri(**link) == "mongodb://10.0.0.5:27018"
    assert mongo_uri(MONGO_HOST="db", **link) == "mongodb://db:27018"
    assert mongo_uri(("mongo-port", "1"), **link) == "mongodb://10.0.0.5:1"


def test_the_port_that_is_a_url() -> None:
    """Docker and Kubernetes set MONGO_PORT to a URL for a service called mongo."""
    assert mongo_uri(MONGO_PORT="tcp://10.0.0.5:27018") == "mongodb://10.0.0.5:27018"
    assert mongo_uri(MONGO_PORT="tcp://10.0.0.5:27018", MONGO_HOST="db") == "mongodb://db:27018"
    assert mongo_uri(("mongo-port", "1"), MONGO_PORT="tcp://10.0.0.5:27018") == "mongodb://10.0.0.5:1"
    assert mongo_uri(MONGO_PORT="tcp://[fd00::5]:27018") == "mongodb://[fd00::5]:27018"


@pytest.mark.parametrize("text", ["tcp://", "tcp://10.0.0.5", "tcp://:27017", "tcp://a:99999", "tcp://a:1/x", "x"])
def test_a_bad_port_variable(text: str) -> None:
    """MONGO_PORT that is neither a port nor such a URL is refused by name."""
    with pytest.raises(ConfigError, match=r"^MONGO_PORT: "):
        settings(MONGO_PORT=text)


def test_links_stand_behind_what_was_chosen() -> None:
    """What the platform announces by itself does not contradict a URI or a file somebody chose."""
    link = {"MONGO_PORT": "tcp://10.0.0.5:27017", "MONGO_PORT_27017_TCP_ADDR": "10.0.0.5"}
    assert mongo_uri(MONGO_URI="mongodb://db", **link) == "mongodb://db"
    assert settings(("sqlite", "here"), **link).store == SqliteSettings("here", chosen=True)


def test_links_that_are_left_unread_may_be_wrong() -> None:
    """What stands behind a choice is not looked at."""
    wrong = {"MONGO_PORT_27017_TCP_PORT": "abc", "MONGO_PORT_27017_TCP_ADDR": "a b"}
    assert mongo_uri(MONGO_URI="mongodb://db", **wrong) == "mongodb://db"
    assert settings(("sqlite", "here"), **wrong).store == SqliteSettings("here", chosen=True)


def test_a_service_called_tasks() -> None:
    """Kubernetes sets TASKS_PORT to a URL for a service called tasks: that is not where to listen."""
    assert settings(TASKS_PORT="tcp://10.0.0.7:6001") == settings()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mongo-uri", "mongo-host"),
        ("mongo-uri", "mongo-port"),
        ("sqlite", "mongo-uri"),
        ("sqlite", "mongo-db"),
    ],
)
def test_two_answers_to_one_question(one: str, other: str) -> None:
    """Two settings that say where tasks are kept are an error, not a guess."""
    texts = {"mongo-uri": "mongodb://db", "mongo-host": "db", "mongo-port": "1", "sqlite": "here", "mongo-db": "x"}
    with pytest.raises(ConfigError, match=f"--{one} and --{other} cannot be given together"):
        settings((one, texts[one]), (other, texts[other]))


def test_a_uri_and_a_host_from_both_sides() -> None:
    """It is an error too when one comes from the command line and the other from the environment."""
    with pytest.raises(ConfigError, match="--mongo-uri and MONGO_HOST cannot be given together"):
        settings(("mongo-uri", "mongodb://db"), MONGO_HOST="db")


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://h/mydb",
        "mongodb://me:secret@a,b:2,[::1]:3/mydb?replicaSet=r",
        "mongodb+srv://me:secret@h/mydb?w=1",
        "mongodb://me:sec%2Fret@h/my%64b",
    ],
)
def test_a_database_in_the_uri(uri: str) -> None:
    """A URI that names another database than the one that is used is refused, with what to write instead."""
    assert settings(("mongo-uri", uri), ("mongo-db", "mydb")).store.database == "mydb"  # type: ignore[union-attr]
    for given, source, used in (
        (lambda: settings(("mongo-uri", uri)), "--mongo-uri", "--mongo-db is 'tasks-db'"),
        (lambda: settings(MONGO_URI=uri, MONGODB_DATABASE="other"), "MONGO_URI", "MONGODB_DATABASE is 'other'"),
    ):
        with pytest.raises(ConfigError) as caught:
            given()
        assert str(caught.value).startswith(f"{source}: the URI names the database 'mydb', and {used}: set ")
        assert "?authSource=mydb" in str(caught.value)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["mongodb://h", "mongodb://h/", "mongodb://h/?authSource=mydb", "mongodb://h/tasks-db"])
def test_no_other_database_in_the_uri(uri: str) -> None:
    """A URI without a database, or with the one that is used, is taken."""
    assert mongo_uri(("mongo-uri", uri)) == uri


def test_a_password_that_looks_like_a_path() -> None:
    """What stands before the hosts is never taken for a database, nor told: the driver refuses it."""
    uri = "mongodb://me:sec/ret@h:1"
    assert mongo_uri(("mongo-uri", uri)) == uri


SPACED = {
    "mongo-uri": "mongodb://h",
    "mongo-db": "mine",
    "mongo-write-concern": "majority",
    "mongo-password-file": "secret",
    "sqlite": "tasks",
    "host": "localhost",
    "port": "1",
    "listen": "tcp:1",
    "http": "tcp:2",
    "tls-cert": "cert.pem",
    "log-format": "json",
    "log-level": "warn",
    "workers": "auto",
    "idle-timeout": "off",
    "timeout": "2",
}


@pytest.mark.parametrize("option", SPACED)
def test_white_space_at_the_ends(option: str) -> None:
    """White space at the ends of a setting, from a file or a Compose file, is no part of it."""
    text = SPACED[option]
    plain = settings((option, text))
    assert settings((option, f" {text}\r\n")) == plain
    variable = next(setting.variables[0] for setting in SETTINGS if setting.option == option)
    spaced = load({}, {variable: f"\t{text}\n"})
    assert spaced == load({}, {variable: text})


@pytest.mark.parametrize("text", ["my db", "my\ndb", "my\tdb", "my\u00a0db"])
def test_white_space_in_a_database(text: str) -> None:
    """White space within the name of a database is refused."""
    with pytest.raises(ConfigError, match="is not a name of a MongoDB database"):
        settings(("mongo-db", text))


def test_http() -> None:
    """A bare port is on the loopback address; anything else is an endpoint; nothing is off."""
    assert settings().http is None
    assert settings(("http", "9091")).http == "tcp:9091:interface=127.0.0.1"
    assert settings(TASKS_HTTP="tcp:9091").http == "tcp:9091"
    assert settings(TASKS_HTTP="9091", TASKS_HTTP_HOST="0.0.0.0").http == "tcp:9091:interface=0.0.0.0"
    assert settings(TASKS_HTTP="9091", TASKS_HTTP_HOST="::").http == r"tcp:9091:interface=\:\:"
    assert settings(TASKS_HTTP="tcp:9091", TASKS_HTTP_HOST="0.0.0.0").http == "tcp:9091"
    assert settings(TASKS_HTTP="10.0.0.1:9091", TASKS_HTTP_HOST="0.0.0.0").http == "tcp:9091:interface=10.0.0.1"
    assert settings(("http", "off")).http is None
    assert settings(TASKS_HTTP_HOST="0.0.0.0").http is None
    with pytest.raises(ConfigError, match="--http: 70000 is not within 0 to 65535"):
        settings(("http", "70000"))


def test_tls() -> None:
    """The key is in the certificate's file unless another is named; nothing of TLS goes without a certificate."""
    assert settings().tls is None
    assert settings(("tls-cert", "both.pem")).tls == TlsSettings("both.pem", "both.pem", None)
    whole = settings(("tls-cert", "c"), ("tls-client-ca", "ca"), TASKS_TLS_KEY="k")
    assert whole.tls == TlsSettings("c", "k", "ca")
    with pytest.raises(ConfigError, match="--tls-client-ca: it needs --tls-cert beside it"):
        settings(("tls-client-ca", "ca"))
    with pytest.raises(ConfigError, match=r"--tls-cert: .* write tcp: instead of ssl:"):
        settings(("tls-cert", "c"), ("listen", "ssl:6001"))


def test_workers() -> None:
    """Workers are counted, or one for each processor."""
    assert settings().workers == 1
    assert settings(("workers", "auto")).workers == AUTO
    for text in ("0", "many", "257"):
        with pytest.raises(ConfigError, match="--workers: "):
            settings(("workers", text))


def test_a_delay_longer_than_the_whole_drain() -> None:
    """The delay is part of the time to stop in, and has to leave some of it."""
    assert settings(("drain-delay", "3")).drain_delay == 3.0
    with pytest.raises(ConfigError, match="--drain-delay: it leaves nothing of the 2 s to stop in"):
        settings(("drain-delay", "3"), ("drain-timeout", "2"))
