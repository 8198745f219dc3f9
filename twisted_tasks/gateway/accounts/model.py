"""What there is to know of accounts; values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

READ = "tasks:read"
WRITE = "tasks:write"
SCOPES = frozenset({READ, WRITE})


class Account(NamedTuple):
    """Somebody who may log in."""

    id: str
    """24 hexadecimal digits: the `userId` the Tasks service is told."""
    username: str
    created_ms: int


class Session(NamedTuple):
    """A login that holds."""

    id: str
    account_id: str
    created_ms: int
    last_seen_ms: int
    """True to the minute."""
    user_agent: str


class Token(NamedTuple):
    """What a program shows in the place of a session."""

    id: str
    account_id: str
    name: str
    scopes: frozenset[str]
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None


class Claim(NamedTuple):
    """An idempotency key that was claimed.

    @ivar value: what the first one to claim it gave, or what it was settled with.
    @ivar settled: whether it is known what came of the request. If not, the caller is to do it, and to settle the key.
    @ivar first: whether nobody claimed it before.
    """

    value: str
    settled: bool
    first: bool


@dataclass(frozen=True)
class AccountSettings:
    """What an operator decides about accounts. Times in seconds."""

    signup_open: bool = True
    session_idle: float = 14 * 86400.0
    session_lifetime: float = 30 * 86400.0
    timeout: float = 5.0
    """How long the store may take over one question."""
