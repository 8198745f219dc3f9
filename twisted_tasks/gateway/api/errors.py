"""What accounts and the Tasks service fail with -> problems."""

from __future__ import annotations

from collections.abc import Callable

from twisted_tasks.client.errors import BadReply, InternalError
from twisted_tasks.gateway.accounts import errors
from twisted_tasks.gateway.api import problems
from twisted_tasks.gateway.api.credentials import CHALLENGE
from twisted_tasks.gateway.api.present import present
from twisted_tasks.gateway.api.problems import FieldError, Kind, Problem
from twisted_tasks.model import (
    DeadlineExceeded,
    InvalidArgument,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    VersionConflict,
)

_ACCOUNTS: dict[type[errors.AccountError], Kind] = {
    errors.UsernameTaken: problems.USERNAME_TAKEN,
    errors.WrongCredentials: problems.WRONG_CREDENTIALS,
    errors.WrongPassword: problems.WRONG_PASSWORD,
    errors.SignupClosed: problems.SIGNUP_CLOSED,
    errors.AccountLeaving: problems.UNAUTHENTICATED,
    errors.NotFound: problems.NOT_FOUND,
    errors.ResetExpired: problems.RESET_EXPIRED,
    errors.ChangedMeanwhile: problems.ACCOUNT_CHANGED,
    errors.KeyReused: problems.KEY_REUSED,
    errors.KeyInProgress: problems.KEY_IN_PROGRESS,
    errors.AccountsUnavailable: problems.UNAVAILABLE,
    errors.Throttled: problems.THROTTLED,
    errors.HasherBusy: problems.BUSY,
}

_REFUSED: dict[type[errors.AccountError], str] = {
    errors.UsernameRefused: "/username",
    errors.PasswordRefused: "/password",
}


def problem_of(error: Exception, service_works: Callable[[], bool]) -> Problem | None:
    """Return the problem an error is for the client; None for a bug.

    @param service_works: tells whether the Tasks service worked when last looked at.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.AccountError):
        return of_accounts(error)
    if isinstance(error, TaskError):
        return of_tasks(error, service_works)
    return None


def of_accounts(error: errors.AccountError) -> Problem:
    """Return the problem that an error of accounts is."""
    if (pointer := _REFUSED.get(type(error))) is not None:
        return Problem(problems.INVALID, error.reason, errors=[FieldError(pointer, error.reason)])
    kind = _ACCOUNTS.get(type(error), problems.INTERNAL_ERROR)
    fields = [CHALLENGE] if kind.status == 401 else []
    return Problem(kind, error.reason, retry_after=getattr(error, "retry_after", None), fields=fields)


def of_tasks(error: TaskError, service_works: Callable[[], bool]) -> Problem:
    """Return the problem that an error of the Tasks service is."""
    if isinstance(error, TaskNotFound):
        return Problem(problems.NOT_FOUND)
    if isinstance(error, VersionConflict):
        current = None if error.current is None else present(error.current)
        return Problem(problems.VERSION_CONFLICT, current=current)
    if isinstance(error, TaskIdTaken):
        return Problem(problems.ID_TAKEN)
    if isinstance(error, InvalidArgument):
        # What the types cannot tell: a cursor or a token that is none.
        return Problem(problems.BAD_QUERY, "cursor or since is not one that this API answered")
    if isinstance(error, BadReply | InternalError):
        return Problem(problems.BAD_GATEWAY)
    if isinstance(error, DeadlineExceeded) and service_works():
        return Problem(problems.TIMEOUT)
    if error.code in (429, 503, 504):
        return Problem(problems.UNAVAILABLE, "the Tasks service is away or has too much to do, try again")
    return Problem(problems.BAD_GATEWAY)
