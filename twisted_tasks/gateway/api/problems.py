"""What an answer of 400 and above says: problem+json (RFC 9457), one kind for each way a request can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from twisted_tasks.gateway.api.answers import Answer, Fields

MEDIA_TYPE = b"application/problem+json"


@dataclass(frozen=True)
class Kind:
    """A way in which requests fail.

    @ivar name: the end of its `type`, which never changes.
    @ivar detail: a sentence for people, where nothing says more.
    @ivar retry_after: seconds after which trying again may help; None: it will not.
    """

    name: str
    status: int
    title: str
    detail: str
    retry_after: int | None = None


KINDS: dict[str, Kind] = {}
"""All kinds, by name."""


def _kind(name: str, status: int, title: str, detail: str, retry_after: int | None = None) -> Kind:
    kind = KINDS[name] = Kind(name, status, title, detail, retry_after)
    return kind


BAD_REQUEST = _kind("bad-request", 400, "Not a request", "this is not HTTP as this server takes it")
NOT_JSON = _kind("not-json", 400, "Not JSON", "the body is not JSON in UTF-8")
BAD_QUERY = _kind("bad-query", 400, "Bad query", "a parameter of the query is unknown or wrong")
BAD_HEADER = _kind("bad-header", 400, "Bad header", "a field of the head is wrong")
TWO_CREDENTIALS = _kind(
    "two-credentials", 400, "Two credentials", "send a session's cookie or a token, not both: they may be two accounts'"
)
UNAUTHENTICATED = _kind("unauthenticated", 401, "Who are you?", "log in, or send a token that is valid")
WRONG_CREDENTIALS = _kind("wrong-credentials", 401, "Wrong credentials", "the username or the password is wrong")
CROSS_SITE = _kind("cross-site", 403, "From another site", "a page of another site may not do this with your session")
WRONG_PASSWORD = _kind("wrong-password", 403, "Wrong password", "the current password is wrong")
INSUFFICIENT_SCOPE = _kind("insufficient_scope", 403, "Insufficient scope", "this token may not do that")
SIGNUP_CLOSED = _kind("signup-closed", 403, "Signup is closed", "no new accounts are made here")
NOT_FOUND = _kind("not-found", 404, "Not found", "there is no such thing, or it is not yours")
RESET_EXPIRED = _kind("reset-expired", 404, "Link expired", "this link was used or has expired, ask for a new one")
METHOD_NOT_ALLOWED = _kind("method-not-allowed", 405, "Method not allowed", "this cannot be done to that")
NOT_ACCEPTABLE = _kind("not-acceptable", 406, "Not acceptable", "the answer has another media type")
REQUEST_TIMEOUT = _kind("request-timeout", 408, "Too slow", "the request did not come whole in time")
USERNAME_TAKEN = _kind("username-taken", 409, "Username taken", "somebody has this username, choose another one")
KEY_IN_PROGRESS = _kind(
    "key-in-progress", 409, "Under way", "the first request with this Idempotency-Key is still under way", 1
)
ID_TAKEN = _kind("id-taken", 409, "Id taken", "another task was added under this id since it was removed")
ACCOUNT_CHANGED = _kind("account-changed", 409, "Changed meanwhile", "the account was changed at the same time")
TASK_REMOVED = _kind("task-removed", 410, "Task removed", "the task that this key made has been removed")
VERSION_CONFLICT = _kind("version-conflict", 412, "Changed meanwhile", "the task has changed: see what it is now")
TOO_LARGE = _kind("too-large", 413, "Too large", "the body is too long")
URL_TOO_LONG = _kind("url-too-long", 414, "URL too long", "the request line is too long")
UNSUPPORTED_MEDIA_TYPE = _kind(
    "unsupported-media-type", 415, "Unsupported media type", "send application/json in UTF-8, not compressed"
)
EXPECTATION_FAILED = _kind("expectation-failed", 417, "Expectation failed", "the only expectation is 100-continue")
INVALID = _kind("invalid", 422, "Invalid", "a field of the body is wrong")
KEY_REUSED = _kind("key-reused", 422, "Key reused", "this Idempotency-Key was used for another request")
PRECONDITION_REQUIRED = _kind(
    "precondition-required", 428, "Precondition required", "say with If-Match which version you have seen"
)
TOO_MANY_REQUESTS = _kind("too-many-requests", 429, "Too many requests", "this account asks too often", 60)
TOO_MANY_STREAMS = _kind("too-many-streams", 429, "Too many streams", "this account listens too often at once", 15)
THROTTLED = _kind("throttled", 429, "Too many wrong passwords", "too many wrong passwords, try again later", 1)
HEAD_TOO_LARGE = _kind("head-too-large", 431, "Head too large", "the head of the request is too long")
INTERNAL_ERROR = _kind("internal-error", 500, "Internal error", "the gateway met a bug of its own")
BAD_GATEWAY = _kind("bad-gateway", 502, "Bad gateway", "the Tasks service answered nonsense")
UNAVAILABLE = _kind("unavailable", 503, "Unavailable", "this does not work just now, try again", 2)
BUSY = _kind("busy", 503, "Busy", "too much at once, try again", 1)
TIMEOUT = _kind("timeout", 504, "Timeout", "the Tasks service did not answer in time", 2)
HTTP_VERSION = _kind("http-version", 505, "HTTP version", "this server speaks HTTP/1.1")

OF_HTTP = {
    kind.status: kind
    for kind in (
        BAD_REQUEST,
        REQUEST_TIMEOUT,
        TOO_LARGE,
        URL_TOO_LONG,
        EXPECTATION_FAILED,
        HEAD_TOO_LARGE,
        BUSY,
        HTTP_VERSION,
    )
}
"""What the HTTP layer refuses requests with, by status."""


class FieldError(msgspec.Struct):
    """What is wrong with one field of a body; `pointer` is a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class Problem(Exception):
    """Why a request fails.

    @param detail: a sentence for people.
    @param errors: what is wrong with fields of the body.
    @param current: the task as it is, as the API shows it.
    @param retry_after: seconds.
    @param fields: of the answer's head.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        current: Any = None,
        retry_after: float | None = None,
        fields: Fields = (),
    ) -> None:
        super().__init__(detail or kind.detail)
        self.kind = kind
        self.errors = errors
        self.current = current
        self.fields = fields
        self.retry_after = kind.retry_after if retry_after is None else max(1, round(retry_after))

    def content(self, instance: str) -> dict[str, Any]:
        """Return it as JSON has it.

        @param instance: the request's id.
        """
        content: dict[str, Any] = {
            "type": f"/problems/{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": str(self),
            "instance": instance,
        }
        if self.errors:
            content["errors"] = self.errors
        if self.current is not None:
            content["current"] = self.current
        return content

    def answer(self, instance: str) -> Answer:
        """Return the answer that tells of it."""
        fields = [*self.fields, (b"Cache-Control", b"no-store")]
        if self.retry_after is not None:
            fields.append((b"Retry-After", b"%d" % self.retry_after))
        return Answer(self.kind.status, msgspec.json.encode(self.content(instance)), fields, media_type=MEDIA_TYPE)


def invalid(pointer: str, detail: str) -> Problem:
    """Return the problem of one wrong field."""
    return Problem(INVALID, detail, errors=[FieldError(pointer, detail)])
