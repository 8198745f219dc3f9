"""Tasks as MongoDB's documents, and back. Values in, values out.

    {_id: ObjectId, userId: str, name: str, createdOn: date, done: bool,    as the original tutorial's service wrote it
     version: int64, updatedOn: date, notes: str, due: str, rank: str,      newer: each of them may be absent
     keys: [{k: digest, v: version}]}                                       the changes made last under a key

Anybody may have written a document, so reading is tolerant: an absent name is empty, an absent `done` is False, an
absent version is 0, and text is made of other values. A date outside the years 1 to 9999 is the nearest one within, and
a `createdOn` that is no date is the first date there is.

Three things a task cannot do without: an id that can be named to a caller, one user, and one place in that user's list.
Where `_id` is no ObjectId, `userId` no string, or `createdOn` a list, a document is nobody's, for every operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from twisted_tasks.model import FIRST_MS, LAST_MS, StoredTask, Task, UsedKey
from twisted_tasks.mongo.decoding import Damaged
from twisted_tasks.mongo.indexes import Index

COLLECTION = "tasks"
INDEX = Index(COLLECTION, "userId_1_createdOn_-1__id_-1", {"userId": 1, "createdOn": -1, "_id": -1})
"""What lists and pages are read by."""

FIELDS: Final = dict.fromkeys(
    ("userId", "name", "createdOn", "done", "version", "updatedOn", "notes", "due", "rank"), 1
)
"""What is read of a document, besides its `_id`. Other programs may keep fields of any size in it."""
STORED_FIELDS: Final = {**FIELDS, "keys": 1}
"""The same, with the keys of the changes made last."""

BEYOND_VERSIONS: Final = 2**62
"""No version is this great: every one can be counted up."""

_ABOUT_NOW_MS = 5000
_BY_PLACE = itemgetter(Task._fields.index("created_ms"), Task._fields.index("id"))
_OPTIONAL_TEXTS = ("notes", "due", "rank")


def to_document(task: Task) -> dict[str, Any]:
    """Return the document of a task. What it lacks is absent, as in the tutorial's documents."""
    document = {
        "_id": ObjectId(task.id),
        "userId": task.user_id,
        "name": task.name,
        "createdOn": DatetimeMS(task.created_ms),
        "done": task.done,
    }
    if task.version:
        document["version"] = Int64(task.version)
    if task.updated_ms is not None:
        document["updatedOn"] = DatetimeMS(task.updated_ms)
    for name in _OPTIONAL_TEXTS:
        if (text := getattr(task, name)) is not None:
            document[name] = text
    return document


def to_added(task: Task, now_ms: int) -> dict[str, Any]:
    """Return the document of a task that is added now.

    `changes` finds what was added lately by its `createdOn`. Where that is not about now, it finds it by `updatedOn`.
    """
    document = to_document(task)
    if abs(task.created_ms - now_ms) > _ABOUT_NOW_MS and task.updated_ms is None and task.version == task.created_ms:
        document["updatedOn"] = DatetimeMS(now_ms)
    return document


def to_task(document: Mapping[str, Any]) -> Task | None:
    """Return the task a document holds, or None when it cannot be a task. Dates have to be DatetimeMS."""
    get = document.get
    task_id, user_id, created = get("_id"), get("userId"), get("createdOn")
    if type(task_id) is not ObjectId or type(user_id) is not str or type(created) is list:
        return None
    if type(document) is Damaged and "\ufffd" in user_id:
        return None  # the user's name may be what was damaged, and then it is somebody else's
    name, done, created_ms = get("name"), get("done"), _milliseconds(created)
    version = get("version")
    if type(version) is not Int64 or not 0 <= version < BEYOND_VERSIONS:
        version = _version(version)
    updated = get("updatedOn")
    return Task(
        str(task_id),
        user_id,
        name if type(name) is str else "" if name is None else str(name),
        created_ms,
        done is True or (done is not False and _counts_as_true(done)),
        version,
        # A task that has the version it was added with was never changed: see `to_added`.
        None if updated is None or version == created_ms else to_milliseconds(updated),
        None if (notes := get("notes")) is None else _text(notes),
        None if (due := get("due")) is None else _text(due),
        None if (rank := get("rank")) is None else _text(rank),
    )


def to_tasks(documents: Iterable[Mapping[str, Any]]) -> list[Task]:
    """Return the tasks that documents hold, those left out that cannot be tasks."""
    return [task for document in documents if (task := to_task(document)) is not None]


def to_stored(document: Mapping[str, Any]) -> StoredTask | None:
    """Return the task a document of `STORED_FIELDS` holds, with its keys, or None when it cannot be a task."""
    task = to_task(document)
    return None if task is None else StoredTask(task, to_keys(document.get("keys")))


def to_keys(value: object) -> tuple[UsedKey, ...]:
    """Return the keys in a document's `keys`; what is none is left out."""
    if type(value) is not list:
        return ()
    return tuple(
        UsedKey(one["k"], _version(one.get("v")))
        for one in value
        if isinstance(one, dict) and type(one.get("k")) is str
    )


def from_keys(keys: Iterable[UsedKey]) -> list[dict[str, Any]]:
    """Return what is kept of keys in a document."""
    return [{"k": key.digest, "v": Int64(key.version)} for key in keys]


def newest_first(tasks: list[Task]) -> list[Task]:
    """Return one user's tasks in the order of lists, when they were read in the index's order.

    The two differ only for dates that are not within the years 1 to 9999.
    """
    if tasks and (tasks[0].created_ms == LAST_MS or min(map(_BY_PLACE, tasks))[0] == FIRST_MS):
        tasks.sort(key=_BY_PLACE, reverse=True)
    return tasks


def is_ordinary(task: Task) -> bool:
    """Return whether a task's place in the index is its place in its user's list."""
    return FIRST_MS < task.created_ms < LAST_MS


def to_milliseconds(value: object) -> int | None:
    """Return the date in a document, within the years 1 to 9999, or None when it is none."""
    return _milliseconds(value) if type(value) is DatetimeMS else None


def _milliseconds(value: object) -> int:
    if type(value) is not DatetimeMS:
        return FIRST_MS
    milliseconds = int(value)
    return milliseconds if FIRST_MS <= milliseconds <= LAST_MS else FIRST_MS if milliseconds < 0 else LAST_MS


def _counts_as_true(value: object) -> bool:
    """Return whether `{done: {$in: [true, 1]}}` finds a value: the 1 of a client that has no booleans, of any type."""
    if type(value) is list:
        return any(type(one) is not list and _counts_as_true(one) for one in value)
    return value is True or _number(value) == 1


def _version(value: object) -> int:
    """Return a document's version; 0 for what is none. `writes.at_version` finds it."""
    number = _number(value)
    return 0 if number is None or not 0 <= number < BEYOND_VERSIONS else int(number)


def _number(value: object) -> int | float | Decimal | None:
    """Return the number a value of any of BSON's types is; None for what can be compared with no number."""
    if type(value) is not Decimal128:
        return value if isinstance(value, int | float) and type(value) is not bool else None
    number = value.to_decimal()
    return number if number.is_finite() else None  # a signaling NaN raises when it is compared


def _text(value: object) -> str | None:
    return value if type(value) is str else None
