"""FastAPI on uvicorn, with PyMongo's asynchronous client: the same routes, as its documentation shows."""

from __future__ import annotations

import hashlib
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from bson import Int64, ObjectId
from fastapi import Cookie, Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from pymongo import AsyncMongoClient, ReturnDocument

BELIEVED = 1.0
"""Seconds that a session is believed after the database was asked."""

app = FastAPI()
database: Any = None
sessions: dict[str, tuple[float, str]] = {}


class NewTask(BaseModel):
    """What a task is made of."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=4096)
    done: bool = False
    notes: str | None = None
    due: str | None = None
    rank: str | None = None


class TaskChange(BaseModel):
    """What is to be changed."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(None, min_length=1, max_length=4096)
    done: bool | None = None
    notes: str | None = None
    due: str | None = None
    rank: str | None = None


class TaskOut(BaseModel):
    """A task."""

    id: str
    name: str
    done: bool
    createdOn: datetime
    updatedOn: datetime
    version: int
    notes: str | None
    due: str | None
    rank: str | None


class Page(BaseModel):
    """A list."""

    tasks: list[TaskOut]
    next: str | None


async def user(session: Annotated[str | None, Cookie()] = None) -> str:
    """Return who asks."""
    if session is None:
        raise HTTPException(401)
    now = time.monotonic()
    believed = sessions.get(session)
    if believed is not None and believed[0] > now:
        return believed[1]
    digest = hashlib.sha256(session.encode()).hexdigest()
    found = await database.sessions.find_one({"_id": digest, "expiresOn": {"$gt": datetime.now(UTC)}})
    if found is None:
        raise HTTPException(401)
    sessions[session] = now + BELIEVED, found["userId"]
    return str(found["userId"])


User = Annotated[str, Depends(user)]


def out(document: dict[str, Any]) -> TaskOut:
    """Return a document as a task."""
    created = document["createdOn"]
    return TaskOut(
        id=str(document["_id"]),
        name=document["name"],
        done=document["done"],
        createdOn=created,
        updatedOn=document.get("updatedOn", created),
        version=document.get("version", 0),
        notes=document.get("notes"),
        due=document.get("due"),
        rank=document.get("rank"),
    )


@app.get("/api/v1/tasks")
async def list_tasks(user: User, limit: Annotated[int, Field(ge=1, le=1000)] = 100) -> Page:
    """List the newest tasks."""
    cursor = database.tasks.find({"userId": user}).sort([("createdOn", -1), ("_id", -1)]).limit(limit)
    return Page(tasks=[out(document) for document in await cursor.to_list()], next=None)


@app.post("/api/v1/tasks", status_code=201)
async def add_task(user: User, task: NewTask) -> TaskOut:
    """Add a task."""
    now = datetime.now(UTC)
    document = {"_id": ObjectId(), "userId": user, "createdOn": now, "version": Int64(1), **task.model_dump()}
    await database.tasks.insert_one(document)
    return out(document)


@app.patch("/api/v1/tasks/{task_id}")
async def change_task(user: User, task_id: str, change: TaskChange) -> TaskOut:
    """Change a task."""
    fields = {**change.model_dump(exclude_unset=True), "updatedOn": datetime.now(UTC)}
    found = await database.tasks.find_one_and_update(
        {"_id": ObjectId(task_id), "userId": user},
        {"$set": fields, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if found is None:
        raise HTTPException(404)
    return out(found)


def main() -> None:
    """Serve: the port, MongoDB's URI and the database are the arguments."""
    global database
    port, uri, name = sys.argv[1:]
    database = AsyncMongoClient(uri)[name]
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
