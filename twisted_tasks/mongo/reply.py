"""What can go wrong with MongoDB, and how its replies say so.

A command can fail in several places of its reply: `ok`, `writeErrors` and `writeConcernError`, with `errorLabels`
beside any of them. `check` looks at all of them, for every command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Codes and what they mean: MongoDB's Server Discovery and Monitoring, Retryable Reads and Retryable Writes
# specifications, and the server's error_codes.yml.
NOT_PRIMARY = frozenset({10058, 10107, 13435})
RECOVERING = frozenset({91, 189, 11600, 11602, 13436})
_PASSING = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        43,  # CursorNotFound: the server was restarted
        89,  # NetworkTimeout
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference: a router that sees no primary
        134,  # ReadConcernMajorityNotAvailableYet
        175,  # QueryPlanKilled: an index or the collection came or went
        237,  # CursorKilled
        262,  # ExceededTimeLimit
        9001,  # SocketException
    }
)
_REFUSED = frozenset(
    {
        2,  # BadValue: a document of somebody's holds a number that can be counted up no further
        14,  # TypeMismatch: a document of somebody's holds what cannot be counted up
        28,  # PathNotViable
        66,  # ImmutableField
        121,  # DocumentValidationFailure
        166,  # CommandNotSupportedOnView
        10003,  # CannotGrowDocumentInCappedNamespace
        10334,  # BSONObjectTooLarge
        11000,  # DuplicateKey
        17280,  # KeyTooLong
        17419,  # the document would be too large
        17420,
    }
)
"""What is refused because of what was sent: it would be refused again, for whomever."""
_PASSING_LABELS = frozenset({"RetryableWriteError", "RetryableError", "TransientTransactionError"})
DUPLICATE_KEY = 11000
UNAUTHORIZED = 13
_MAX_TIME_EXPIRED = 50


class MongoError(Exception):
    """Something went wrong with MongoDB. The text is for the log: it never goes to a caller."""


class NotConnected(MongoError):
    """There was no connection to the primary. Nothing was sent."""


class ConnectionLost(MongoError):
    """The connection ended before the reply came: what was asked may or may not have been done."""


class TimedOut(MongoError):
    """The time for it was over before the reply came: what was asked may or may not have been done."""


class Misconfigured(MongoError):
    """What was set up can never work: waiting does not mend it. One sentence for the operator."""


class LoginFailed(Misconfigured):
    """The server refuses the credentials, or is not to be trusted with them."""


class CommandFailed(MongoError):
    """The server answered that a command failed.

    @ivar code: the server's number for it; 0 when it gave none.
    @ivar name: the server's name for it.
    @ivar message: its sentence, which may quote what is in the database.
    @ivar reason: its name and sentence for a log, less the values of documents.
    @ivar not_primary: whether it is said by a server that is not primary, or about to end.
    @ivar key: of a duplicate, the index it is in.
    @ivar refused: whether what was sent is refused, and would be again.
    @ivar passing: whether the same command may well succeed a moment later, or elsewhere.
    """

    def __init__(self, details: Mapping[str, Any], labels: object = ()) -> None:
        self.code = int(details.get("code") or 0)
        self.name = str(details.get("codeName") or self.code)
        self.message = str(details.get("errmsg") or "no reason given")
        self.reason = _reason(self.name, self.message, details)
        super().__init__(self.name)
        self.key: Mapping[str, Any] = details.get("keyPattern") or {"_id": 1}
        self.refused = self.code in _REFUSED
        self.not_primary = self.code in NOT_PRIMARY or self.code in RECOVERING
        labelled = isinstance(labels, list) and not _PASSING_LABELS.isdisjoint(labels)
        self.passing = self.not_primary or self.code in _PASSING or labelled


def _reason(name: str, message: str, details: Mapping[str, Any]) -> str:
    """Return what a log may have of an error: of a duplicate which index it is in, of a rule which field breaks it."""
    message = message.partition(" dup key:")[0]
    rules = details.get("errInfo", {}).get("details", {}).get("schemaRulesNotSatisfied", [])
    fields = [
        str(field)
        for rule in rules
        for field in [
            *(one.get("propertyName") for one in rule.get("propertiesNotSatisfied", [])),
            *rule.get("missingProperties", []),
            *rule.get("additionalProperties", []),
        ]
    ]
    return f"{name}: {message}" + (f" ({', '.join(fields)})" if fields else "")


class NotConfirmed(CommandFailed):
    """A write was done by the primary, and not confirmed as the write concern asks: it may yet be undone."""


def check(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of single items (`writeErrors`) in a reply; none when everything was done.

    @raise CommandFailed: the command as a whole failed, or has to be repeated as a whole.
    @raise NotConfirmed: the write concern was not met.
    @raise TimedOut: the server gave up at maxTimeMS.
    """
    labels = reply.get("errorLabels")
    if not reply.get("ok"):
        raise _failed(reply, labels)
    errors: list[dict[str, Any]] = reply.get("writeErrors") or []
    for error in errors:
        failure = _failed(error, labels)
        if isinstance(failure, TimedOut) or failure.passing:
            raise failure
    if unconfirmed := reply.get("writeConcernError"):
        # It covers the items that failed too: a duplicate is no answer before what it duplicates is confirmed.
        raise NotConfirmed(unconfirmed, labels)
    return errors


def _failed(details: Mapping[str, Any], labels: object) -> CommandFailed | TimedOut:
    if details.get("code") == _MAX_TIME_EXPIRED:
        return TimedOut("the server gave up at maxTimeMS")
    return CommandFailed(details, labels)
