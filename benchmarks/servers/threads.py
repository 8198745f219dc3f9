"""The calls with pymongo, which blocks: for servers that have threads."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient, ReturnDocument

from benchmarks.servers.documents import NEWEST_FIRST, make_change, make_document, make_filter, make_task


class BlockingHandler:
    """Answers in the structs of `types`, the code made of the IDL."""

    def __init__(self, uri: str, database: str, types: Any) -> None:
        self.collection = MongoClient(uri)[database].tasks
        self.types = types

    def all(self, userId: str) -> list[Any]:
        cursor = self.collection.find({"userId": userId}).sort(NEWEST_FIRST)
        return [make_task(self.types.Task, document) for document in cursor]

    def add(self, userId: str, name: str) -> Any:
        document = make_document(userId, name)
        self.collection.insert_one(document)
        return make_task(self.types.Task, document)

    def update(self, taskId: str, name: str, done: bool, userId: str) -> Any:
        document = self.collection.find_one_and_update(
            make_filter(taskId, userId), make_change(name, done), return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise self.types.BaseException(404, "no such task")
        return make_task(self.types.Task, document)
