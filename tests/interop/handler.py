"""The service of everything.thrift, as simple as it can be."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from tests.interop.gen.twisted.everything import Everything
from tests.interop.gen.twisted.everything.ttypes import Bag, Either, Elsewhere, Leaf, Refused, Tree


@implementer(Everything.Iface)
class EverythingHandler:
    """Answers what it was asked with.

    @ivar held: while it is a list, `later` answers when the test fires the Deferreds in it.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.heard: list[str] = []
        self.held: list[Deferred[int]] | None = None

    def inherited(self, text: str) -> str:
        return text

    def echo(self, bag: Bag) -> Bag:
        return bag

    def leaf(self, leaf: Leaf) -> Leaf:
        return leaf

    def tree(self, tree: Tree) -> Tree:
        return tree

    def either(self, either: Either) -> Either:
        return either

    def blob(self, raw: bytes) -> bytes:
        return raw

    def real(self, value: float) -> float:
        return value

    def strings(self, values: list[str]) -> list[str]:
        return values

    def sum(self, values: list[int]) -> int:
        return sum(values)

    def count(self, words: set[str]) -> dict[str, int]:
        return {word: len(word) for word in words}

    def nothing(self) -> None:
        return None

    def refuse(self, code: int) -> int:
        if code > 0:
            raise Refused(code, "above zero")
        if code < 0:
            raise Elsewhere(Leaf(medium=code))
        return 0

    def fail(self) -> None:
        raise ValueError("an error the IDL does not know")

    def unwritable(self) -> object:
        return 42

    def later(self, milliseconds: int) -> Deferred[int]:
        if self.held is None:
            return deferLater(self.clock, milliseconds / 1000, lambda: milliseconds)
        self.held.append(Deferred())
        return self.held[-1]

    def notify(self, text: str) -> None:
        self.heard.append(text)

    def notified(self) -> list[str]:
        return self.heard
