"""What a store of accounts keeps: one class for each kind of record.

Values are text and integers, so that every store can keep them as they are. Times are milliseconds since 1970-01-01
UTC, and a record whose `expires_ms` has passed may be removed by the store at any time after that. A secret is never
kept, only its digest.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

ACTIVE = "active"
LEAVING = "leaving"


class AccountRecord(NamedTuple):
    """Somebody who may log in."""

    id: str
    username: str
    """As it was typed."""
    name_key: str
    """What usernames are compared by. Unique."""
    password: str
    """The password's hash, a PHC string."""
    generation: int
    """Counts the times that all sessions but `kept_session` were ended."""
    kept_session: str | None
    """The session that did so the last time, and stays good."""
    state: str
    """ACTIVE, or LEAVING from when deletion began until everything of the account is gone."""
    created_ms: int


class SessionRecord(NamedTuple):
    """A login that holds: good while its generation is the account's, or the account keeps it."""

    id: str
    digest: str
    account_id: str
    generation: int
    user_agent: str
    created_ms: int
    last_seen_ms: int
    expires_ms: int


class TokenRecord(NamedTuple):
    """What a program shows in the place of a session."""

    id: str
    digest: str
    account_id: str
    name: str
    scopes: str
    """Separated by spaces."""
    created_ms: int
    last_used_ms: int | None
    expires_ms: int | None


class ResetRecord(NamedTuple):
    """A link by which a new password can be set, once."""

    id: str
    digest: str
    account_id: str
    expires_ms: int


class FailureRecord(NamedTuple):
    """How often something was guessed wrong: the password of one username, or any from one address."""

    id: str
    failures: int
    last_ms: int
    expires_ms: int


class FamiliarRecord(NamedTuple):
    """An address from which an account was signed up or logged into."""

    id: str
    account_id: str
    expires_ms: int


class KeyRecord(NamedTuple):
    """An idempotency key, and what came of the request that brought it."""

    id: str
    account_id: str
    fingerprint: str
    value: str
    state: str
    claimed_ms: int
    expires_ms: int


Record: TypeAlias = (
    AccountRecord | SessionRecord | TokenRecord | ResetRecord | FailureRecord | FamiliarRecord | KeyRecord
)

TABLES: dict[type[Record], str] = {
    AccountRecord: "accounts",
    SessionRecord: "sessions",
    TokenRecord: "tokens",
    ResetRecord: "resets",
    FailureRecord: "failures",
    FamiliarRecord: "familiar_addresses",
    KeyRecord: "keys",
}
"""The table, or collection, of each kind."""

UNIQUE: dict[type[Record], str] = {AccountRecord: "name_key"}
"""The field, beside `id`, that no two records of a kind have alike."""

EXPIRING: tuple[type[Record], ...] = tuple(kind for kind in TABLES if "expires_ms" in kind._fields)
