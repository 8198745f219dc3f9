"""Every setting there is, one row each."""

from __future__ import annotations

from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops import values as value
from twisted_tasks.ops.daemon_settings import listen_rows, process_rows
from twisted_tasks.ops.settings import Setting
from twisted_tasks.ops.store_settings import store_rows

DATABASE = "tasks-db"
"""MongoDB's database, by default."""

SETTINGS: tuple[Setting, ...] = (
    *listen_rows("TASKS", port="6001"),
    *store_rows("TASKS", file="tasks.sqlite3", database=DATABASE, pool_size=MongoOptions.pool_size),
    Setting(
        "keep-removed",
        ("TASKS_KEEP_REMOVED",),
        value.integer(0, 36_500),
        "30",
        "Days for which a removed task can be restored; 0 keeps nothing of its contents.",
    ),
    Setting(
        "sync",
        ("TASKS_SYNC",),
        value.one_of("auto", "on"),
        "auto",
        "When MongoDB gets the index that changes are found by: when somebody first asks for changes, or at the start.",
    ),
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
        "max-values",
        ("TASKS_MAX_VALUES",),
        value.integer(16, 1 << 24),
        "16384",
        "Values in one message: fields, elements of lists and sets, keys and values of maps.",
    ),
    Setting(
        "max-depth", ("TASKS_MAX_DEPTH",), value.integer(4, 60), "32", "Structs and containers within one another."
    ),
    Setting(
        "first-message-timeout",
        ("TASKS_FIRST_MESSAGE_TIMEOUT",),
        value.seconds_or_off,
        "30",
        "Seconds from the moment a connection is accepted until its first message is whole, or off.",
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
        "Bytes of replies that may wait on one connection, to be read or for a call before them, before it is cut.",
    ),
    Setting(
        "max-buffered",
        ("TASKS_MAX_BUFFERED",),
        value.integer(1 << 20, 1 << 40),
        "67108864",
        "Bytes of messages and replies that all connections of a process may make it keep; the largest is cut.",
    ),
    *process_rows("TASKS"),
)

WIRE_LIMITS = (
    "max-message-size",
    "max-string-length",
    "max-values",
    "max-depth",
    "first-message-timeout",
    "message-timeout",
    "idle-timeout",
    "max-pending",
    "max-connections",
    "max-unsent",
    "max-buffered",
)
