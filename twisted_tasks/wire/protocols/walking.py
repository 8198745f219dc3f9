"""How far a walk through a message has come, and how far it may go.

A message may have so many values. A walk goes through some of them, and goes on when others had their turn: so neither
a message nor a turn takes longer than its limits say, whatever the bytes are.
"""

from __future__ import annotations

from typing import Any

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.head import Malformed

TURN = 4096
"""Steps of a walk before it is the turn of others: 2 to 10 ms."""


class WalkState:
    """How far a message has been walked through. What it means is up to the protocol's walk.

    @ivar stack: what the walk is in: None for a struct; for a container [values to come, the type of each even one,
        the type of each odd one]; in JSON, the brackets. The message ends when it is empty.
    @ivar left: how many steps the walk may still take in this turn.
    @ivar paused: whether the walk has stopped because its turn is over.
    """

    __slots__ = (
        "_in_all",
        "_in_first",
        "_later",
        "_max_depth",
        "_max_string",
        "_max_values",
        "_steps",
        "left",
        "paused",
        "stack",
    )

    def __init__(self, limits: Limits) -> None:
        self._max_depth = limits.max_depth
        self._max_string = limits.max_string_length
        self._max_values = limits.max_values
        self._count_as(1)
        self.begin()

    def _count_as(self, steps: int) -> None:
        """Count a value as so many steps from now on."""
        self._steps = steps
        self._in_all = self._max_values * steps
        self._in_first = min(TURN, self._in_all)

    @property
    def longest_string(self) -> int:
        """Bytes that a string may have."""
        return self._max_string

    @property
    def values(self) -> int:
        """How many values the walk has gone through."""
        return self._max_values - (self.left + self._later) // self._steps

    def begin(self, steps: int = 1) -> None:
        """Be at the beginning of the body of a message, in a protocol that counts a value as so many steps."""
        if steps != self._steps:
            self._count_as(steps)
        self.stack: list[Any] = [None]
        self.left = self._in_first
        self._later = self._in_all - self._in_first
        self.paused = False

    def go_on(self) -> None:
        """Begin another turn."""
        more = min(TURN - self.left, self._later)
        self.left += more
        self._later -= more
        self.paused = False

    def pause(self) -> None:
        """Stop because no step is left in this turn. Raise Malformed when none is left in any."""
        if not self._later:
            raise self._too_many()
        self.paused = True

    def steps_beyond(self, steps: int) -> bool:
        """Return whether there are fewer than so many steps left in all."""
        return steps > self.left + self._later

    def spend(self, steps: int) -> None:
        """Take so many steps at once, also those of later turns. Raise Malformed when there are fewer."""
        self.left -= steps
        if self.left < 0:
            self._later += self.left
            self.left = 0
            if self._later < 0:
                raise self._too_many()

    def count(self, elements: int) -> None:
        """Raise Malformed when a container cannot have so many elements, or has more than are left in the message."""
        if elements < 0:
            raise Malformed("a container of less than no elements")
        if self.steps_beyond(elements):
            raise self._too_many()

    def _too_many(self) -> Malformed:
        return Malformed(f"more than {self._max_values} values in one message")

    def push(self, what: Any) -> None:
        """Enter a struct or container, or raise Malformed when it is too deep within others."""
        if len(self.stack) >= self._max_depth:
            raise Malformed(f"more than {self._max_depth} structs and containers within one another")
        self.stack.append(what)

    def bracket(self, closing: int) -> None:
        """Enter a bracket of JSON, which has about two where other protocols have a struct or container."""
        if len(self.stack) > 2 * self._max_depth:
            raise Malformed(f"more than {2 * self._max_depth} brackets within one another")
        self.stack.append(closing)

    def string(self, length: int) -> int:
        """Return the length of a string, or raise Malformed when it is too long."""
        if not 0 <= length <= self._max_string:
            raise Malformed(f"a string of length {length}, where 0 to {self._max_string} are taken")
        return length
