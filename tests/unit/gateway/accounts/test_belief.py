"""Answers that are believed for one second."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks.gateway.accounts.belief import Belief


class Database:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    async def ask(self, secret: str) -> str | None:
        question: Deferred[str | None] = Deferred()
        self.asked.append(question)
        return await question


class BeliefTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.database = Database()
        self.belief: Belief[str] = Belief(self.clock, self.database.ask)

    def test_from_the_start(self) -> None:
        """An answer is believed for a second from when it was asked for, however late it came."""
        first = self.belief.get("s")
        self.clock.advance(0.9)
        self.database.asked[0].callback("yes")
        assert self.successResultOf(first) == "yes"
        assert self.successResultOf(self.belief.get("s")) == "yes"
        self.clock.advance(0.1)
        self.assertNoResult(self.belief.get("s"))
        assert len(self.database.asked) == 2

    def test_shared(self) -> None:
        """Requests that come while the question is under way wait for its answer."""
        waiting = [self.belief.get("s") for _ in range(5)]
        assert len(self.database.asked) == 1
        self.database.asked[0].callback("yes")
        assert [self.successResultOf(one) for one in waiting] == ["yes"] * 5

    def test_no_is_not_remembered(self) -> None:
        """That there is no such session is asked each time."""
        first = self.belief.get("s")
        self.database.asked[0].callback(None)
        assert self.successResultOf(first) is None
        self.assertNoResult(self.belief.get("s"))

    def test_failure(self) -> None:
        """A question that fails, fails for all who wait, and is asked again by the next."""
        waiting = [self.belief.get("s") for _ in range(2)]
        self.database.asked[0].errback(ValueError())
        for one in waiting:
            self.failureResultOf(one, ValueError)
        self.assertNoResult(self.belief.get("s"))

    def test_forget(self) -> None:
        """What was ended here is believed no longer, also if the question about it is under way."""
        self.belief.get("s")
        self.belief.get("t")
        self.database.asked[0].callback("of s")
        self.belief.forget(lambda answer: answer == "of s")
        self.database.asked[1].callback("of t")
        self.assertNoResult(self.belief.get("s"))
        self.assertNoResult(self.belief.get("t"))

    def test_memory(self) -> None:
        """Answers that are too old are let go of."""
        for number in range(10_000):
            self.belief.get(str(number))
            self.database.asked[-1].callback("yes")
            self.clock.advance(0.01)
        assert len(self.belief._questions) < 2_000


@given(
    st.lists(st.tuples(st.sampled_from(["get", "end", "answer"]), st.sampled_from([0.0, 0.3, 0.5, 1.0])), max_size=40)
)
def test_never_longer_than_a_second(steps: list[tuple[str, float]]) -> None:
    """Whatever happens in whatever order, nobody is told of a session that ended a second before the question."""
    clock, ended, truth = Clock(), [-1.0], [True]
    asked: list[tuple[bool, Deferred[Any]]] = []

    async def ask(secret: str) -> str | None:
        question: Deferred[str | None] = Deferred()
        asked.append((truth[0], question))
        return await question

    belief: Belief[str] = Belief(clock, ask)

    def told(answer: str | None, at: float) -> None:
        if answer is not None:
            assert truth[0] or at < ended[0] + 1.0

    for step, seconds in steps:
        clock.advance(seconds)
        if step == "get":
            belief.get("s").addCallback(told, clock.seconds())
        elif step == "end" and truth[0]:
            truth[0], ended[0] = False, clock.seconds()
        elif step == "answer" and asked:
            good, question = asked.pop(0)
            question.callback("yes" if good else None)
