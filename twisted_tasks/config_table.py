"""Every setting there is, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted_tasks import config_values as value


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
    Setting("host", ("TASKS_HOST",), value.host, "127.0.0.1", "The address to listen on."),
    Setting(
        "port", ("TASKS_PORT",), value.port, "6001", "The TCP port to listen on; 0 is any free one, which is logged."
    ),
    Setting(
        "listen",
        ("TASKS_LISTEN",),
        value.text,
        "host and port",
        "A Twisted server endpoint to listen on (tcp:, unix:, ssl:, systemd:), instead of host and port; repeatable.",
        repeatable=True,
    ),
    Setting("sqlite", ("TASKS_SQLITE",), value.sqlite, "tasks.sqlite3", "The file of the embedded store."),
    Setting("mongo-uri", ("MONGO_URI",), value.mongo_uri, "none", "Keep tasks in this MongoDB."),
    Setting("mongo-host", ("MONGO_HOST",), value.host, "127.0.0.1", "The host of the MongoDB to keep tasks in."),
    Setting("mongo-port", ("MONGO_PORT",), value.remote_port, "27017", "Its port."),
    Setting("mongo-db", ("MONGODB_DATABASE",), value.database, "tasks-db", "The database's name."),
    Setting(
        "mongo-pool-size",
        ("MONGO_POOL_SIZE",),
        value.integer(1, 1000),
        "8",
        "How many connections to MongoDB to keep.",
    ),
    Setting(
        "mongo-write-concern",
        ("MONGO_WRITE_CONCERN",),
        value.text,
        "majority",
        "When MongoDB's members have a write: majority, how many of them, or the name of a tag set's mode.",
    ),
    Setting(
        "mongo-password-file",
        ("MONGO_PASSWORD_FILE",),
        value.text,
        "none",
        "A file that holds the password of the URI's user.",
    ),
    Setting("timeout", ("TASKS_TIMEOUT",), value.seconds(0.01, 3600), "5", "Seconds that a call may take."),
    Setting(
        "max-in-flight",
        ("TASKS_MAX_IN_FLIGHT",),
        value.integer(1, 1_000_000),
        "4096",
        "Calls that may be under way in the whole process; one more is answered 429.",
    ),
    Setting(
        "batch-max-items",
        ("TASKS_BATCH_MAX_ITEMS",),
        value.integer(1, 10_000),
        "64",
        "Calls that may go to the store together; 1 is each by itself.",
    ),
    Setting(
        "batch-max-bytes",
        ("TASKS_BATCH_MAX_BYTES",),
        value.integer(1, 8 << 20),
        "1048576",
        "Bytes of text that may go to the store together; a longer one goes by itself.",
    ),
    Setting(
        "batch-in-flight",
        ("TASKS_BATCH_IN_FLIGHT",),
        value.integer(1, 1000),
        "8",
        "Batches of one kind (adds, lists, ...) that may be on their way to the store at once.",
    ),
    Setting(
        "max-message-size",
        ("TASKS_MAX_MESSAGE_SIZE",),
        value.integer(1024, (1 << 24) - 1),  # from 16 MiB on, a frame's length could not be told from other dialects
        "4194304",
        "Bytes of one message, after decompression.",
    ),
    Setting(
        "max-string-length",
        ("TASKS_MAX_STRING_LENGTH",),
        value.integer(1024, (1 << 24) - 1),
        "4194304",
        "Bytes of one text in a message.",
    ),
    Setting(
        "max-elements",
        ("TASKS_MAX_ELEMENTS",),
        value.integer(1, 1 << 24),
        "262144",
        "Elements of all lists, sets and maps of one message together.",
    ),
    Setting(
        "max-depth", ("TASKS_MAX_DEPTH",), value.integer(4, 60), "32", "Structs and containers within one another."
    ),
    Setting(
        "message-timeout",
        ("TASKS_MESSAGE_TIMEOUT",),
        value.seconds(0.01, 3600),
        "30",
        "Seconds for a message to come whole, and for a client to take 64 KiB of what waits for it.",
    ),
    Setting(
        "idle-timeout",
        ("TASKS_IDLE_TIMEOUT",),
        value.seconds_or_off,
        "off",
        "Seconds without a call before a connection is closed, or off.",
    ),
    Setting(
        "max-pending",
        ("TASKS_MAX_PENDING",),
        value.integer(1, 100_000),
        "128",
        "Calls in flight on one connection before it is read no further.",
    ),
    Setting(
        "max-connections", ("TASKS_MAX_CONNECTIONS",), value.integer(1, 1_000_000), "10000", "Connections at once."
    ),
    Setting(
        "max-unsent",
        ("TASKS_MAX_UNSENT",),
        value.integer(1 << 16, 1 << 30),
        "16777216",
        "Bytes of replies that may wait for one client to read them, before its connection is cut.",
    ),
    Setting(
        "drain-timeout",
        ("TASKS_DRAIN_TIMEOUT",),
        value.seconds(0, 3600),
        "10",
        "Seconds that the daemon may take to stop; what is left then is cut.",
    ),
    Setting(
        "drain-delay",
        ("TASKS_DRAIN_DELAY",),
        value.seconds(0, 3600),
        "0",
        "Seconds, out of those, to go on serving while a load balancer notices that the daemon is no longer ready.",
    ),
    Setting(
        "http", ("TASKS_HTTP",), value.http, "off", "Serve health and metrics on this port of 127.0.0.1, or endpoint."
    ),
    Setting(
        "tls-cert", ("TASKS_TLS_CERT",), value.text, "off", "Speak TLS, with the certificate chain in this PEM file."
    ),
    Setting(
        "tls-key", ("TASKS_TLS_KEY",), value.text, "in --tls-cert", "The PEM file with the certificate's private key."
    ),
    Setting(
        "tls-client-ca",
        ("TASKS_TLS_CLIENT_CA",),
        value.text,
        "off",
        "Serve only clients with a certificate of a CA in this PEM file.",
    ),
    Setting(
        "log-format", ("TASKS_LOG_FORMAT",), value.one_of("text", "json"), "text", "How log lines look: text or json."
    ),
    Setting(
        "log-level",
        ("TASKS_LOG_LEVEL",),
        value.one_of("debug", "info", "warn", "error", "critical"),
        "info",
        "The least that is logged: debug (with a line for each call), info, warn, error or critical.",
    ),
    Setting(
        "workers",
        ("TASKS_WORKERS",),
        value.workers,
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
