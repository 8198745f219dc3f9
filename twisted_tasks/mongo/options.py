"""Which MongoDB, and how it is reached: as an operator says it, and checked.

Values only. Nothing in their reprs is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple


@dataclass(frozen=True)
class MongoOptions:
    """Which MongoDB to use, as an operator says it.

    @ivar uri: `mongodb://` or `mongodb+srv://`. Not in the repr: it may hold a password.
    @ivar database: the database to use. One in the URI only says where to log in.
    @ivar pool_size: connections to keep to the primary.
    @ivar write_concern: when a write counts as done: "majority", a number of members, or a tag set's name; None is
        the URI's w, or majority.
    @ivar password_file: a file that holds the password of the URI's user; white space at its ends is no part of it.
    """

    uri: str = field(repr=False)
    database: str = "tasks-db"
    pool_size: int = 8
    write_concern: str | None = None
    password_file: str | None = None

    def in_folder(self, folder: str) -> MongoOptions:
        """Return the same, with a password file whose path begins in this folder, unless it is absolute."""
        if self.password_file is None:
            return self
        return replace(self, password_file=str(Path(folder, self.password_file)))


class Address(NamedTuple):
    """Where a MongoDB server listens: a host and a port, or, without a port, the path of a Unix socket."""

    host: str
    port: int | None

    def __str__(self) -> str:
        if self.port is None:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """Return the address of a replica set's member as the set itself writes it: "name:27017", "[::1]:27017", "::1"."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or text.endswith("]") or (":" in host and not host.endswith("]")):
        host, port = text, "27017"
    return Address(host.removeprefix("[").removesuffix("]").lower(), int(port))


@dataclass(frozen=True)
class MongoCredentials:
    """Who to log in as. `username` may be absent with X.509, where the certificate names the user."""

    mechanism: str
    source: str
    username: str | None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TlsFiles:
    """The files TLS is to use; None is the platform's certificate authorities, and no certificate of our own."""

    ca_file: str | None = None
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SrvName:
    """A name whose SRV records list the servers."""

    host: str
    service: str
    max_hosts: int


@dataclass(frozen=True)
class MongoConfig:
    """Everything a client has to know, checked."""

    seeds: tuple[Address, ...]
    """Servers to ask first. Empty when `srv` lists them."""
    srv: SrvName | None
    direct: bool
    """Use the one seed as it is, and do not look for the other members of its set."""
    replica_set: str | None
    credentials: MongoCredentials | None
    tls: TlsFiles | None
    database: str
    pool_size: int
    connect_timeout: float
    app_name: str
    write_concern: Mapping[str, Any]
    """w, and j when asked for."""
    write_timeout_ms: int | None
    """Upper bound of wtimeout; the deadline bounds it anyway."""
    read_concern: str | None
    retryable_writes: bool
    """Whether to number writes so that a server can recognise a repeated one (where it can)."""

    def where(self) -> str:
        """Return which database this is, for people; nothing of it is secret."""
        servers = ", ".join(map(str, self.seeds)) if self.srv is None else f"the servers of {self.srv.host}"
        return f"MongoDB at {servers}, database {self.database}"
