"""One call that waits for its batch."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from twisted.internet.defer import Deferred


class WaitingCall:
    """One item, and whom to tell what became of it."""

    __slots__ = ("answer", "arrived", "deadline", "item", "number", "size")

    def __init__(self, item: Any, size: int, deadline: float, number: int, arrived: float) -> None:
        self.item = item
        self.size = size
        self.deadline = deadline
        self.number = number
        """In order of arrival."""
        self.arrived = arrived
        self.answer: Deferred[list[Any]] | None = Deferred()
        """None once it is answered, which may be before its batch is."""


arrival = attrgetter("number")
"""Sorts calls in order of arrival."""
