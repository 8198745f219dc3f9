"""thriftpy2's asyncio server with pymongo's asynchronous client, by default but for the frames and
for the time-out, as in `tutorial`.

https://thriftpy2.readthedocs.io, https://pymongo.readthedocs.io/en/stable/async-tutorial.html
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import thriftpy2
from pymongo import AsyncMongoClient, ReturnDocument
from thriftpy2.contrib.aio.rpc import make_server
from thriftpy2.contrib.aio.transport import TAsyncFramedTransportFactory

from benchmarks.servers.documents import (
    NEWEST_FIRST,
    command_line,
    make_change,
    make_document,
    make_filter,
    make_task,
)

IDL = Path(__file__).parents[2] / "tests/integration/tutorial.thrift"


class AsyncHandler:
    """Answers in the structs of `types`, what was made of the IDL."""

    def __init__(self, uri: str, database: str, types: Any) -> None:
        self.collection = AsyncMongoClient(uri)[database].tasks
        self.types = types

    async def all(self, userId: str) -> list[Any]:
        cursor = self.collection.find({"userId": userId}).sort(NEWEST_FIRST)
        return [make_task(self.types.Task, document) async for document in cursor]

    async def add(self, userId: str, name: str) -> Any:
        document = make_document(userId, name)
        await self.collection.insert_one(document)
        return make_task(self.types.Task, document)

    async def update(self, taskId: str, name: str, done: bool, userId: str) -> Any:
        document = await self.collection.find_one_and_update(
            make_filter(taskId, userId), make_change(name, done), return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise self.types.BaseException(404, "no such task")
        return make_task(self.types.Task, document)


if __name__ == "__main__":
    port, uri, database = command_line()
    idl = thriftpy2.load(str(IDL), module_name="tutorial_thrift")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    handler = AsyncHandler(uri, database, idl)
    framed = TAsyncFramedTransportFactory()
    make_server(idl.Tasks, handler, "127.0.0.1", port, trans_factory=framed, client_timeout=None, loop=loop).serve()
