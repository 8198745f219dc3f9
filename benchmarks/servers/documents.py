"""The tutorial's calls as MongoDB's commands and documents, the same for every server here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

NEWEST_FIRST = [("createdOn", -1), ("_id", -1)]


def command_line() -> tuple[int, str, str]:
    """Return the port to listen on, the MongoDB to use, and the database in it."""
    _, port, uri, database = sys.argv
    return int(port), uri, database


def make_document(user_id: str, name: str) -> dict[str, Any]:
    return {"userId": user_id, "name": name, "createdOn": datetime.now(UTC), "done": False}


def make_filter(task_id: str, user_id: str) -> dict[str, Any]:
    return {"_id": ObjectId(task_id), "userId": user_id}


def make_change(name: str, done: bool) -> dict[str, Any]:
    return {"$set": {"name": name, "done": done}}


def make_task(task_class: Any, document: Mapping[str, Any]) -> Any:
    """Return the struct of a document."""
    return task_class(
        str(document["_id"]),
        document["userId"],
        document["name"],
        document["createdOn"].isoformat(),
        document["done"],
    )
