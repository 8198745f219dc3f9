"""Tokens: what programs show in the place of a session. They hold until they expire or are revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.gateway.accounts import secrets
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.belief import Belief
from twisted_tasks.gateway.accounts.errors import AccountLeaving, AccountsUnavailable, NotFound
from twisted_tasks.gateway.accounts.model import Token
from twisted_tasks.gateway.accounts.storage.records import ACTIVE, AccountRecord, TokenRecord

PREFIX = "tt_"
"""What scanners for leaked secrets, and people, know a token by."""
_MINUTE_MS = 60_000


class Tokens:
    """The tokens of all accounts.

    @param clock: what a second of belief is counted on.
    @param now_ms: tells the time of day.
    """

    _log = Logger()

    def __init__(self, records: Records, clock: IReactorTime, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._now_ms = now_ms
        self._belief: Belief[Token] = Belief(clock, self._ask)

    async def create(
        self, account_id: str, name: str, scopes: Iterable[str], expires_ms: int | None
    ) -> tuple[Token, str]:
        """Make a token, and return it with its secret, which is shown this once."""
        secret = secrets.new_secret(PREFIX)
        record = TokenRecord(
            secrets.id_of(secret),
            secrets.digest(secret),
            account_id,
            name,
            " ".join(sorted(set(scopes))),
            created_ms=self._now_ms(),
            last_used_ms=None,
            expires_ms=expires_ms,
        )
        await self._records.add(record)
        if await self._records.one(AccountRecord, id=account_id, state=ACTIVE) is None:
            # Deletion began meanwhile, and may have looked for tokens before this one was there.
            await self._records.remove(TokenRecord, id=record.id)
            raise AccountLeaving()
        return _token(record), secret

    async def get(self, secret: str) -> Token | None:
        """Return the token of a secret, or None when there is none, or it has expired or was revoked."""
        return await self._belief.get(secret) if secrets.plausible(secret, PREFIX) else None

    async def of(self, account_id: str) -> list[Token]:
        """Return an account's tokens, the newest first."""
        now = self._now_ms()
        found = await self._records.all(TokenRecord, account_id=account_id)
        good = [_token(one) for one in found if not _expired(one, now)]
        return sorted(good, key=lambda token: (token.created_ms, token.id), reverse=True)

    async def revoke(self, account_id: str, token_id: str) -> None:
        """Revoke one of an account's tokens; raise NotFound when it has none of that id."""
        if not await self._records.remove(TokenRecord, id=token_id, account_id=account_id):
            raise NotFound()
        self.forget(account_id)

    def forget(self, account_id: str) -> None:
        """Believe nothing of an account's tokens until it was asked again."""
        self._belief.forget(lambda token: token.account_id == account_id)

    async def _ask(self, secret: str) -> Token | None:
        record = await self._records.one(TokenRecord, id=secrets.id_of(secret))
        now = self._now_ms()
        if record is None or not secrets.matches(record, secret) or _expired(record, now):
            return None
        if await self._records.one(AccountRecord, id=record.account_id, state=ACTIVE) is None:
            return None
        if record.last_used_ms is None or now - record.last_used_ms >= _MINUTE_MS:
            record = record._replace(last_used_ms=now)
            Deferred.fromCoroutine(self._note_used(record)).addErrback(
                lambda failure: self._log.failure("a token's last use cannot be noted", failure)
            )
        return _token(record)

    async def _note_used(self, record: TokenRecord) -> None:
        """Write when a token was last used. Nothing waits for it."""
        try:
            await self._records.change(TokenRecord, {"id": record.id}, last_used_ms=record.last_used_ms)
        except AccountsUnavailable:
            self._log.debug("a token's last use is not noted: the store is unavailable")


def _expired(record: TokenRecord, now_ms: int) -> bool:
    return record.expires_ms is not None and record.expires_ms <= now_ms


def _token(record: TokenRecord) -> Token:
    return Token(
        record.id,
        record.account_id,
        record.name,
        frozenset(record.scopes.split()),
        record.created_ms,
        record.expires_ms,
        record.last_used_ms,
    )
