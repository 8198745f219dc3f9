"""The people there are before anything is measured: their sessions, with us and with the others, and their tasks."""

from __future__ import annotations

import hashlib
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from bson import ObjectId
from pymongo import MongoClient

from benchmarks.data import DATABASE
from twisted_tasks.gateway.api.credentials import COOKIE
from twisted_tasks.model import Task, to_milliseconds
from twisted_tasks.service.storage.mongo.documents import INDEX, to_document

LIST, POST, PATCH = "list10", "post", "patch"
READERS, POSTERS = 128, 32
FEW = 10
OURS, THEIRS = "ours", "theirs"
"""Whose sessions: a gateway's own, or those in the collection that the others look into."""
_NAME = "Buy oat milk and bread"


def fill(url: str, uri: str, path: Path) -> None:
    """Make the people by signing them up at our gateway, give them tasks, and write down how to be each of them.

    @param uri: of the MongoDB that all use.
    @param path: where to write: a JSON object of `cookies`, by whose, and `tasks`, ids, each a list by person.
    """
    with ThreadPoolExecutor(4) as pool:
        people = list(pool.map(lambda number: _sign_up(url, number), range(READERS + POSTERS)))
    expires = datetime.now(UTC) + timedelta(days=1)
    now = to_milliseconds(datetime.now(UTC))
    theirs, sessions, documents, tasks = [], [], [], []
    for user_id, _ in people:
        secret = secrets.token_urlsafe(32)
        theirs.append(f"session={secret}")
        sessions.append({"_id": hashlib.sha256(secret.encode()).hexdigest(), "userId": user_id, "expiresOn": expires})
        mine = [Task(str(ObjectId()), user_id, _NAME, now - 60_000 * number, False) for number in range(FEW)]
        tasks.append([task.id for task in mine])
        documents += [to_document(task) for task in mine]
    with MongoClient[dict[str, Any]](uri) as client:
        collection = client[DATABASE].tasks
        collection.create_index(list(INDEX.key.items()), name=INDEX.name)
        collection.insert_many(documents)
        client[DATABASE].sessions.insert_many(sessions)
    cookies = {OURS: [f"{COOKIE}={secret}" for _, secret in people], THEIRS: theirs}
    path.write_text(json.dumps({"cookies": cookies, "tasks": tasks}))


def _sign_up(url: str, number: int) -> tuple[str, str]:
    """Return a new person's id and the secret of their session."""
    body = {"username": f"person-{number}", "password": "wide open spaces"}
    made = httpx.post(f"{url}/api/v1/accounts", json=body, headers={"sec-fetch-site": "same-origin"}, timeout=60)
    made.raise_for_status()
    return made.json()["id"], made.headers["set-cookie"].partition(";")[0].partition("=")[2]
