"""Accounts, as the API asks for them.

Every method fails with an error of `errors`; `AccountsUnavailable` and, where a password is checked, `Throttled` and
`HasherBusy` are possible everywhere and not named each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.gateway.accounts.addresses import Familiar
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import AccountLeaving, AccountsUnavailable, NotFound, SignupClosed
from twisted_tasks.gateway.accounts.hashing import Hasher
from twisted_tasks.gateway.accounts.keys import Keys
from twisted_tasks.gateway.accounts.leaving import Departures
from twisted_tasks.gateway.accounts.logins import Logins, Policy
from twisted_tasks.gateway.accounts.model import Account, AccountSettings, Claim, Session, Token
from twisted_tasks.gateway.accounts.resets import Resets
from twisted_tasks.gateway.accounts.sessions import Sessions
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.records import ACTIVE, AccountRecord
from twisted_tasks.gateway.accounts.throttle import Throttle
from twisted_tasks.gateway.accounts.tokens import Tokens
from twisted_tasks.ops.looping import unending

_PURGE_SECONDS = 60.0


class Accounts:
    """Who may use the gateway.

    @param store: where it is all kept; opened and closed with this.
    @param clock: what deadlines and the second of belief are counted on; it never goes back.
    @param wall: tells the time of day, in seconds since 1970, for dates.
    @param hasher: makes and checks passwords' hashes; started and stopped with this.
    @param policy: which passwords are refused.
    """

    _log = Logger()

    def __init__(
        self,
        store: IAccountStore,
        clock: IReactorTime,
        wall: Callable[[], float],
        hasher: Hasher,
        policy: Policy,
        settings: AccountSettings,
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._settings = settings
        self._now_ms = lambda: int(wall() * 1000)
        self._records = records = Records(store, clock, settings.timeout)
        self._logins = Logins(records, hasher, policy, Throttle(records, self._now_ms), Familiar(records), self._now_ms)
        self._sessions = Sessions(records, clock, self._now_ms, settings)
        self._tokens = Tokens(records, clock, self._now_ms)
        self._keys = Keys(records, self._now_ms)
        self._resets = Resets(records, self._logins, policy, self._now_ms)
        self._departures = Departures(records)
        self._purge = unending(self._remove_expired, self._bug, clock)

    # Start and stop.

    def open(self) -> Deferred[None]:
        """Start. Fails with StoreMisconfigured when the store can never work as it is set up."""
        self._hasher.start()
        self._purge.start(_PURGE_SECONDS, now=False)
        return self._store.open()

    def _bug(self, failure: Failure) -> None:
        self._log.failure("expired sessions could not be removed", failure)

    def close(self) -> Deferred[None]:
        """Stop. Never fails."""
        if self._purge.running:
            self._purge.stop()
            self._hasher.stop()
        return self._store.close()

    def ping(self, deadline: float) -> Deferred[None]:
        """Find out whether the store works. Fails with StoreUnavailable, whose text is for everybody."""
        return self._store.ping(deadline)

    # Signing up and logging in.

    async def signup(self, username: str, password: str, address: str, user_agent: str) -> tuple[Account, str]:
        """Make an account and log it in; return it and the session's secret.

        @raise SignupClosed, UsernameRefused, UsernameTaken, PasswordRefused
        """
        if not self._settings.signup_open:
            raise SignupClosed()
        account = await self._logins.sign_up(username, password, address)
        return _account(account), await self._sessions.begin(account, user_agent)

    async def login(
        self, username: str, password: str, address: str, user_agent: str, replaces: str | None = None
    ) -> tuple[Account, str]:
        """Log in; return the account and the session's secret.

        @param replaces: the secret of a session that came along, and ends.
        @raise WrongCredentials
        """
        account = await self._logins.log_in(username, password, address)
        secret = await self._sessions.begin(account, user_agent)
        if replaces is not None:
            await self._sessions.log_out(replaces)
        return _account(account), secret

    async def logout(self, secret: str) -> None:
        """End the session of a secret; nothing happens when there is none."""
        await self._sessions.log_out(secret)

    # Accounts.

    async def account(self, account_id: str) -> Account:
        """Return an account.

        @raise NotFound
        """
        found = await self._records.one(AccountRecord, id=account_id)
        if found is None:
            raise NotFound()
        return _account(found)

    async def change(
        self,
        account_id: str,
        session: Session,
        current_password: str,
        address: str,
        username: str | None = None,
        password: str | None = None,
    ) -> Account:
        """Change the username or the password, and return the account. A new password ends all other sessions.

        @raise WrongPassword, UsernameRefused, UsernameTaken, PasswordRefused, AccountLeaving, ChangedMeanwhile
        """
        account = await self._logins.confirm(account_id, current_password, address)
        if account.state != ACTIVE:
            raise AccountLeaving()
        changed = await self._logins.change(account, session.id, username, password)
        self._sessions.forget(account_id)
        return _account(changed)

    async def redeem_reset(self, secret: str, password: str) -> Account:
        """Set a new password by the secret of an operator's link, and return the account. Ends all its sessions.

        @raise ResetExpired, PasswordRefused
        """
        account = await self._resets.redeem(secret, password)
        self._sessions.forget(account.id)
        return _account(account)

    # Sessions.

    async def session(self, secret: str, leaving: bool = False) -> Session | None:
        """Return the session of a secret, or None when there is none or it is over. Believed for one second.

        @param leaving: whether the session of an account that is being deleted will do: for deleting alone.
        @raise AccountLeaving
        """
        return await self._sessions.get(secret, leaving)

    async def sessions(self, account_id: str) -> list[Session]:
        """Return an account's sessions, the latest seen first."""
        return await self._sessions.of(account_id)

    async def end_session(self, account_id: str, session_id: str) -> None:
        """End a session.

        @raise NotFound
        """
        await self._sessions.end(account_id, session_id)

    async def confirm_sessions(self, ids: Iterable[str]) -> set[str]:
        """Return which of these sessions are good now. One question, however many there are."""
        return await self._sessions.confirm(ids)

    # Tokens.

    async def create_token(
        self, account_id: str, name: str, scopes: Iterable[str], expires_ms: int | None = None
    ) -> tuple[Token, str]:
        """Make a token; return it and its secret.

        @raise AccountLeaving
        """
        return await self._tokens.create(account_id, name, scopes, expires_ms)

    async def token(self, secret: str) -> Token | None:
        """Return the token of a secret, or None when there is none or it is over. Believed for one second."""
        return await self._tokens.get(secret)

    async def tokens(self, account_id: str) -> list[Token]:
        """Return an account's tokens, the newest first."""
        return await self._tokens.of(account_id)

    async def revoke_token(self, account_id: str, token_id: str) -> None:
        """Revoke a token.

        @raise NotFound
        """
        await self._tokens.revoke(account_id, token_id)

    # Deletion: see `leaving`.

    async def mark_leaving(self, account_id: str, session: Session, current_password: str, address: str) -> None:
        """Mark an account for deletion; every session and token but this session is over. Can be repeated.

        @raise WrongPassword, ChangedMeanwhile
        """
        account = await self._logins.confirm(account_id, current_password, address)
        await self._departures.mark(account, session.id)
        self._forget(account_id)

    async def leaving(self) -> list[str]:
        """Return the ids of accounts that are marked: their tasks, and then they, are to be removed."""
        return await self._departures.waiting()

    async def finish_leaving(self, account_id: str) -> None:
        """Remove a marked account, whose tasks are gone, and all that belongs to it. Can be repeated."""
        await self._departures.finish(account_id)
        self._forget(account_id)

    # Idempotency keys.

    async def claim_key(self, account_id: str, key: str, fingerprint: str, value: str) -> Claim:
        """Claim an idempotency key for a request; see `keys`.

        @raise KeyReused, KeyInProgress
        """
        return await self._keys.claim(account_id, key, fingerprint, value)

    async def settle_key(self, account_id: str, key: str, value: str) -> None:
        """Say what came of the request of a claimed key: the id of the task."""
        await self._keys.settle(account_id, key, value)

    async def release_key(self, account_id: str, key: str) -> None:
        """Give up a claimed key, because the request did nothing."""
        await self._keys.release(account_id, key)

    def _forget(self, account_id: str) -> None:
        self._sessions.forget(account_id)
        self._tokens.forget(account_id)

    async def _remove_expired(self) -> None:
        try:
            await self._records.remove_expired(self._now_ms())
        except AccountsUnavailable:
            self._log.debug("expired sessions are not removed: the store is unavailable")


def _account(record: AccountRecord) -> Account:
    return Account(record.id, record.username, record.created_ms)
