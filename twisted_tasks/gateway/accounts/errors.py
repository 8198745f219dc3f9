"""How asking something of accounts can go wrong; the API has a problem for each."""

from __future__ import annotations


class AccountError(Exception):
    """A request that failed in a way its sender is told of. Its text is a sentence for people."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).sentence)

    sentence = "the request cannot be done"

    @property
    def reason(self) -> str:
        """What happened, in a sentence for people."""
        return str(self)


class UsernameTaken(AccountError):
    """Somebody has this username."""

    sentence = "this username is taken, choose another one"


class UsernameRefused(AccountError):
    """This cannot be a username; the sentence says why."""


class UserIdRefused(AccountError):
    """An account cannot have this as the id of its tasks; the sentence says why."""


class PasswordRefused(AccountError):
    """This is too weak for a password; the sentence says why."""


class WrongCredentials(AccountError):
    """A login with a username or a password that is wrong; which one is not told."""

    sentence = "the username or the password is wrong"


class WrongPassword(AccountError):
    """The current password that confirms a change is wrong."""

    sentence = "the current password is wrong"


class SignupClosed(AccountError):
    """Nobody may sign up here."""

    sentence = "signing up is closed here"


class AccountLeaving(AccountError):
    """The account is being deleted, and can be used for nothing but that."""

    sentence = "this account is being deleted"


class NotFound(AccountError):
    """No such account, session or token, or not this account's."""

    sentence = "there is no such thing"


class ResetExpired(AccountError):
    """A link for a new password that was used, is too old, or never was."""

    sentence = "this link was used or has expired, ask for a new one"


class ChangedMeanwhile(AccountError):
    """Somebody else changed the account at the same time. Nothing was done."""

    sentence = "the account was changed at the same time, try again"


class KeyReused(AccountError):
    """The idempotency key came before with another request."""

    sentence = "this Idempotency-Key was used for another request"


class KeyInProgress(AccountError):
    """The request that first brought this idempotency key is still under way."""

    sentence = "the first request with this Idempotency-Key is still under way, try again"


class AccountsUnavailable(AccountError):
    """The database of accounts cannot be used. Safe to repeat."""

    sentence = "accounts are unavailable, try again"


class _Later(AccountError):
    """Refused for now.

    @ivar retry_after: seconds, at least 1, after which it may be tried again.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class Throttled(_Later):
    """Too many wrong passwords, for this account or from this address."""

    sentence = "too many wrong passwords, try again later"


class HasherBusy(_Later):
    """More passwords wait to be checked than can be in good time."""

    sentence = "too many logins at once, try again"
