"""What somebody has set up on the collection that will refuse tasks for good: unique indexes, validators, a view.

Written as pure questions and judgements, so that the daemon's check and `tasks doctor`, each by its own driver, say the
same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twisted_tasks.model import Task
from twisted_tasks.service.storage.mongo.documents import COLLECTION, to_document

_SAMPLES = [
    Task("0" * 24, "somebody", "", 0, False),
    Task("0" * 24, "somebody", "x" * 4096, 0, True, 1, 0, "notes", "2026-11-25", "a"),
]
"""Tasks that have to be let in: one with the least that a task has, and one with all."""


def list_collection() -> dict[str, Any]:
    """Return the command that says how the collection was made."""
    return {"listCollections": 1, "filter": {"name": COLLECTION}}


def list_indexes() -> dict[str, Any]:
    """Return the command that lists the collection's indexes."""
    return {"listIndexes": COLLECTION}


def try_validator(validator: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command that finds those of some usual documents that a validator lets in. It writes nothing."""
    samples = [to_document(task) for task in _SAMPLES]
    stages: list[dict[str, Any]] = [
        {"$collStats": {"count": {}}},
        {"$project": {"_id": 0, "sample": {"$literal": samples}}},
        {"$unwind": "$sample"},
        {"$replaceWith": "$sample"},
        {"$match": validator},
    ]
    return {"aggregate": COLLECTION, "pipeline": stages, "cursor": {}}


def validator_of(collections: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the validator that refuses documents of the collection, or None."""
    for collection in collections:
        options: Mapping[str, Any] = collection.get("options", {})
        if options.get("validator") and options.get("validationAction", "error") == "error":
            validator: Mapping[str, Any] = options["validator"]
            return validator
    return None


def is_view(collections: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the collection is a view, or capped, so that it takes no task or lets none go."""
    return any(one.get("type") == "view" or one.get("options", {}).get("capped") for one in collections)


def unique_indexes(indexes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of unique indexes that two tasks can come into conflict in."""
    return [str(index["name"]) for index in indexes if index.get("unique") and "_id" not in index["key"]]


def judge(collections: list[Any], indexes: list[Any], let_in: int | None) -> list[str]:
    """Return what will refuse tasks, one sentence each.

    @param let_in: how many documents `try_validator` found; None when there is no validator.
    """
    found = [
        f"the unique index {name} of the collection {COLLECTION} refuses tasks that are alike in it: drop it"
        for name in unique_indexes(indexes)
    ]
    if is_view(collections):
        found.append(f"the collection {COLLECTION} is a view, or capped: tasks cannot be changed in it")
    if let_in is not None and let_in < len(_SAMPLES):
        found.append(f"the validator of the collection {COLLECTION} refuses tasks the service writes: loosen it")
    return found
