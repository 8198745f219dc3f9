"""What the API takes and gives, as types. Bodies are decoded and checked by them, and OpenAPI is made of them.

A field that is not here is an error. What JSON Schema cannot say of a task's fields is said by `model`'s rules.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from twisted_tasks import model
from twisted_tasks.gateway.api.problems import FieldError

_NO_NUL = "^[^\\x00]*$"

Name = Annotated[str, Meta(max_length=model.NAME_MAX, pattern=_NO_NUL, description="What is to be done.")]
Notes = Annotated[
    str,
    Meta(
        max_length=model.NOTES_MAX,
        pattern=_NO_NUL,
        description=f"At most {model.NOTES_MAX} bytes of UTF-8. Empty is none.",
    ),
]
Due = Annotated[
    str,
    Meta(
        max_length=64,
        description="A date, or a date and time with offset, kept as it was sent.",
        extra_json_schema={"anyOf": [{"format": "date"}, {"format": "date-time"}]},
    ),
]
Rank = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=model.RANK_MAX,
        pattern="^[ -~]+$",
        description="Its place in an order made by hand, compared by code unit.",
    ),
]
Id = Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Version = Annotated[int, Meta(ge=0, le=model.VERSION_MAX)]
Key = Annotated[str, Meta(min_length=1, max_length=model.KEY_MAX, pattern="^[!-~](?:[ -~]*[!-~])?$")]
Scope = Literal["tasks:read", "tasks:write"]


class In(Struct, forbid_unknown_fields=True, rename="camel"):
    """A body the API takes."""


class Out(Struct, rename="camel"):
    """A body the API gives."""


# Tasks.


class Task(Out):
    """A task."""

    id: Id
    name: str
    done: bool
    created_on: Moment
    updated_on: Moment
    version: Version
    notes: str | None
    due: str | None
    rank: str | None


class NewTask(In):
    """A task to add."""

    name: Name
    done: bool = False
    notes: Notes | None = None
    due: Due | None = None
    rank: Rank | None = None


class TaskPatch(In):
    """What to set of a task. `null` clears notes, due and rank; what is absent stays."""

    name: Name | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET
    due: Due | UnsetType | None = UNSET
    rank: Rank | UnsetType | None = UNSET


class TaskPage(Out):
    """A page of tasks, newest first; `next` is the cursor of the following one."""

    tasks: list[Task]
    next: str | None


class RemovedTask(Out):
    """A task that is gone."""

    id: Id
    version: Version


class Changes(Out):
    """What became of tasks since a token: those that are new or changed, and those that are gone."""

    tasks: list[Task]
    removed: list[RemovedTask]
    sync: str
    more: bool
    reset: bool


# A batch. The rules of fields are not in these types: one that is broken fails its own operation alone.


class AddOperation(In, tag_field="op", tag="add"):
    """Add a task."""

    name: str
    done: bool = False
    notes: str | None = None
    due: str | None = None
    rank: str | None = None
    key: str | None = None


class UpdateOperation(In, tag_field="op", tag="update"):
    """Change a task, as PATCH does; `version` is the one it must have."""

    id: str
    version: int | None = None
    key: str | None = None
    name: str | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET
    due: str | UnsetType | None = UNSET
    rank: str | UnsetType | None = UNSET


class RemoveOperation(In, tag_field="op", tag="remove"):
    """Remove a task; `version` is the one it must have."""

    id: str
    version: int | None = None
    key: str | None = None


class RestoreOperation(In, tag_field="op", tag="restore"):
    """Bring a removed task back. It can be repeated with or without a key."""

    id: str
    key: str | None = None


Operation = AddOperation | UpdateOperation | RemoveOperation | RestoreOperation


class Batch(In):
    """Operations, done in their order, each by itself."""

    operations: Annotated[list[Operation], Meta(max_length=model.BATCH_MAX)]


class ProblemContent(Out, omit_defaults=True):
    """Why a request failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []
    current: Task | None = None


class Result(Out, omit_defaults=True):
    """What came of one operation: as a request by itself would have been answered."""

    status: int
    task: Task | None = None
    problem: Any = None


class Results(Out):
    """What came of each operation, in order."""

    results: list[Result]


# Accounts.

# What else a name or a password has to be is for accounts to say, by settings and lists.
Username = Annotated[
    str,
    Meta(
        description="1 to 64 letters of any script, digits, `.`, `_`, `-`, `@`.",
        extra_json_schema={"minLength": 1, "maxLength": 64, "pattern": r"^[\w.@-]+$"},
    ),
]
Password = Annotated[str, Meta(description="10 to 256 characters.", extra_json_schema={"format": "password"})]
NewPassword = Annotated[
    str,
    Meta(
        description="10 to 256 characters, and none that others try first.",
        extra_json_schema={"format": "password", "minLength": 8, "maxLength": 256},
    ),
]


class Signup(In):
    """Who somebody will be."""

    username: Username
    password: NewPassword


class Credentials(In):
    """Who somebody is."""

    username: str
    password: Password


class PasswordReset(In):
    """A new password, and the secret of the operator's link that allows it."""

    token: str
    password: Password


class AccountPatch(In):
    """What to change of an account; the password as it was confirms it."""

    current_password: Password
    username: Username | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET


class Confirmation(In):
    """The password, to confirm what cannot be undone."""

    current_password: Password


class Account(Out):
    """An account."""

    id: Annotated[str, Meta(min_length=1, max_length=model.USER_ID_MAX)]
    username: str
    created_on: Moment


class Session(Out):
    """A login that holds."""

    id: str
    created_on: Moment
    last_seen_on: Moment
    user_agent: str
    current: bool


class Sessions(Out):
    """The account's logins."""

    sessions: list[Session]


class NewToken(In):
    """A token to make."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=_NO_NUL)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=2, extra_json_schema={"uniqueItems": True})]
    expires_on: Moment | None = None


class Token(Out):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created_on: Moment
    expires_on: Moment | None
    last_used_on: Moment | None


class MadeToken(Out):
    """A token that was just made. The secret is shown this once."""

    id: str
    name: str
    scopes: list[str]
    created_on: Moment
    expires_on: Moment | None
    token: str


class Tokens(Out):
    """The account's tokens."""

    tokens: list[Token]


class Nothing(In):
    """No field at all."""
