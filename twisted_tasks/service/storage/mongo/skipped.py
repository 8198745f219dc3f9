"""Names documents that cannot be tasks, once each, so that an operator finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from twisted.logger import Logger

from twisted_tasks.mongo.decoding import Damaged

_MOST = 1000
"""How many are remembered as named. Beyond that, none is named any more: the log would not help to find them."""


class Skipped:
    """The documents of one database that have been named."""

    _log = Logger()

    def __init__(self, database: str) -> None:
        self._database = database
        self._named: set[str] = set()

    def note(self, document: Mapping[str, Any]) -> None:
        """Log a document's `_id`, and why it cannot be a task, unless that was done before."""
        document_id = repr(document.get("_id"))[:100]
        if document_id in self._named or len(self._named) >= _MOST:
            return
        self._named.add(document_id)
        self._log.warn(
            "left out the document {id} in {database}: {why}",
            id=document_id,
            database=self._database,
            why=_why(document),
        )


def _why(document: Mapping[str, Any]) -> str:
    if type(document.get("_id")) is not ObjectId:
        return "its _id is no ObjectId"
    if type(document.get("userId")) is not str:
        return "its userId is no string"
    if type(document) is Damaged:
        return "its userId may hold bytes that are not UTF-8"
    return "its createdOn is a list"
