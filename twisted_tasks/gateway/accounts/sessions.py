"""Sessions: logins that hold.

A session ends when it was not seen for a while, or is old, or when the account ends it. The account does that to all
at once by counting its generation up: a session is good while it is of the account's generation, or is the one that
the account keeps. So a new password ends all other sessions in one write, those included that are being made now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.gateway.accounts import secrets
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.belief import Belief
from twisted_tasks.gateway.accounts.errors import AccountLeaving, AccountsUnavailable, NotFound
from twisted_tasks.gateway.accounts.model import AccountSettings, Session
from twisted_tasks.gateway.accounts.storage.records import LEAVING, AccountRecord, SessionRecord

_MINUTE_MS = 60_000
_USER_AGENT_MAX = 256
"""Characters kept of what a browser calls itself, for its owner to know it by."""


class SessionLimits(NamedTuple):
    """How long sessions hold, in milliseconds."""

    idle_ms: int
    lifetime_ms: int

    def ended(self, session: SessionRecord, now_ms: int) -> bool:
        """Return whether a session's time is over."""
        age, silence = now_ms - session.created_ms, now_ms - session.last_seen_ms
        return age >= self.lifetime_ms or silence >= self.idle_ms or self.impossible(session, now_ms)

    def impossible(self, session: SessionRecord, now_ms: int) -> bool:
        """Return whether a session claims to begin more than a lifetime from now: some clock was, or is, wrong."""
        return session.created_ms - now_ms > self.lifetime_ms

    def end_ms(self, created_ms: int, last_seen_ms: int) -> int:
        """Return when a session ends that is not seen again."""
        return min(created_ms + self.lifetime_ms, last_seen_ms + self.idle_ms)


def belongs(session: SessionRecord, account: AccountRecord) -> bool:
    """Return whether an account has not ended a session."""
    if session.id == account.kept_session:
        return True
    return account.state != LEAVING and session.generation == account.generation


class _FoundSession(NamedTuple):
    session: Session
    leaving: bool


class Sessions:
    """The sessions of all accounts.

    @param clock: what a second of belief is counted on.
    @param now_ms: tells the time of day.
    """

    _log = Logger()

    def __init__(
        self, records: Records, clock: IReactorTime, now_ms: Callable[[], int], settings: AccountSettings
    ) -> None:
        self._records = records
        self._now_ms = now_ms
        self._limits = SessionLimits(int(settings.session_idle * 1000), int(settings.session_lifetime * 1000))
        self._belief: Belief[_FoundSession] = Belief(clock, self._ask)

    async def begin(self, account: AccountRecord, user_agent: str) -> str:
        """Make a session, and return its secret."""
        secret, now = secrets.new_secret(), self._now_ms()
        record = SessionRecord(
            secrets.id_of(secret),
            secrets.digest(secret),
            account.id,
            account.generation,
            user_agent[:_USER_AGENT_MAX],
            created_ms=now,
            last_seen_ms=now,
            expires_ms=self._limits.end_ms(now, now),
        )
        await self._records.add(record)
        return secret

    async def get(self, secret: str, leaving: bool = False) -> Session | None:
        """Return the session of a secret, or None when there is none or it is over.

        @param leaving: whether the session of an account that is being deleted will do; else it is AccountLeaving.
        """
        found = await self._belief.get(secret) if secrets.plausible(secret) else None
        if found is None:
            return None
        if found.leaving and not leaving:
            raise AccountLeaving()
        return found.session

    async def of(self, account_id: str) -> list[Session]:
        """Return an account's sessions, the latest seen first."""
        account = await self._records.one(AccountRecord, id=account_id)
        if account is None:
            return []
        now = self._now_ms()
        found = await self._records.all(SessionRecord, account_id=account_id)
        good = [_session(one) for one in found if belongs(one, account) and not self._limits.ended(one, now)]
        return sorted(good, key=lambda session: session.last_seen_ms, reverse=True)

    async def confirm(self, ids: Iterable[str]) -> set[str]:
        """Return which of these sessions are good now."""
        found = await self._records.all(SessionRecord, id=list(ids))
        owners = {one.account_id for one in found}
        accounts = {one.id: one for one in await self._records.all(AccountRecord, id=list(owners))}
        now = self._now_ms()
        return {
            one.id
            for one in found
            if not self._limits.ended(one, now)
            and (account := accounts.get(one.account_id)) is not None
            and account.state != LEAVING
            and belongs(one, account)
        }

    async def end(self, account_id: str, session_id: str) -> None:
        """End one of an account's sessions; raise NotFound when it has none of that id."""
        if not await self._records.remove(SessionRecord, id=session_id, account_id=account_id):
            raise NotFound()
        self.forget(account_id)

    async def log_out(self, secret: str) -> None:
        """End the session of a secret; nothing happens when there is none."""
        if secrets.plausible(secret):
            await self._records.remove(SessionRecord, id=secrets.id_of(secret), digest=secrets.digest(secret))
            self._belief.forget(lambda found: found.session.id == secrets.id_of(secret))

    def forget(self, account_id: str) -> None:
        """Believe nothing of an account's sessions until it was asked again."""
        self._belief.forget(lambda found: found.session.account_id == account_id)

    async def _ask(self, secret: str) -> _FoundSession | None:
        record = await self._records.one(SessionRecord, id=secrets.id_of(secret))
        now = self._now_ms()
        if record is None or not secrets.matches(record, secret):
            return None
        if self._limits.ended(record, now):
            if self._limits.impossible(record, now):  # else it would be good again when that time comes
                await self._records.remove(SessionRecord, id=record.id)
            return None
        account = await self._records.one(AccountRecord, id=record.account_id)
        if account is None or not belongs(record, account):
            return None
        if now - record.last_seen_ms >= _MINUTE_MS:
            record = record._replace(last_seen_ms=now)
            Deferred.fromCoroutine(self._note_seen(record)).addErrback(
                lambda failure: self._log.failure("a session's last use cannot be noted", failure)
            )
        return _FoundSession(_session(record), account.state == LEAVING)

    async def _note_seen(self, record: SessionRecord) -> None:
        """Write when a session was last seen. Nothing waits for it."""
        end = self._limits.end_ms(record.created_ms, record.last_seen_ms)
        try:
            await self._records.change(
                SessionRecord, {"id": record.id}, last_seen_ms=record.last_seen_ms, expires_ms=end
            )
        except AccountsUnavailable:
            self._log.debug("a session's last use is not noted: the store is unavailable")


def _session(record: SessionRecord) -> Session:
    return Session(record.id, record.account_id, record.created_ms, record.last_seen_ms, record.user_agent)
