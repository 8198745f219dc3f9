"""Apache Thrift's TTwisted with txmongo's collections, as both have it in their documentation; always framed.

https://github.com/apache/thrift/blob/master/tutorial/py.twisted/PythonServer.py
https://txmongo.readthedocs.io
"""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory
from thrift.transport.TTwisted import ThriftServerFactory
from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from txmongo.connection import ConnectionPool
from txmongo.filter import DESCENDING, sort
from zope.interface import implementer

from benchmarks.servers.documents import command_line, make_change, make_document, make_filter, make_task
from twisted_tasks.gen.tasks import Tasks, ttypes

# As many connections as our daemon keeps.
POOL_SIZE = 8


@implementer(Tasks.Iface)
class Handler:
    """The tutorial's calls, out of our own IDL: `key` is not looked at."""

    def __init__(self, uri: str, database: str) -> None:
        self.collection = ConnectionPool(uri, pool_size=POOL_SIZE)[database]["tasks"]
        self.newest_first = sort(DESCENDING("createdOn") + DESCENDING("_id"))

    @inlineCallbacks
    def all(self, userId: str) -> Any:
        documents = yield self.collection.find({"userId": userId}, sort=self.newest_first)
        return [make_task(ttypes.Task, document) for document in documents]

    @inlineCallbacks
    def add(self, userId: str, name: str, key: str | None) -> Any:
        document = make_document(userId, name)
        yield self.collection.insert_one(document)
        return make_task(ttypes.Task, document)

    @inlineCallbacks
    def update(self, taskId: str, name: str, done: bool, userId: str) -> Any:
        document = yield self.collection.find_one_and_update(
            make_filter(taskId, userId), make_change(name, done), return_document=ReturnDocument.AFTER
        )
        if document is None:
            raise ttypes.BaseException(404, "no such task")
        return make_task(ttypes.Task, document)


if __name__ == "__main__":
    port, uri, database = command_line()
    factory = ThriftServerFactory(Tasks.Processor(Handler(uri, database)), TBinaryProtocolAcceleratedFactory())
    reactor.listenTCP(port, factory, backlog=1024, interface="127.0.0.1")  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
