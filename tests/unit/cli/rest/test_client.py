"""The client of the gateway, against a gateway that the test plays.

Covers `cli.rest.additions`, `cli.rest.exchange`, `cli.rest.values`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from twisted_tasks.cli.rest.client import RestClient
from twisted_tasks.cli.rest.errors import NotLoggedIn
from twisted_tasks.cli.rest.http import HttpAnswer
from twisted_tasks.client.errors import (
    BadReply,
    DeadlineExceeded,
    Disconnected,
    InternalError,
    InvalidArgument,
    Overloaded,
    StoreUnavailable,
    TaskError,
    TaskNotFound,
    Unreachable,
)

ID = "a" * 24
TEA = {
    "id": ID,
    "name": "tea",
    "done": False,
    "createdOn": "2026-11-26T02:00:00.123+00:00",
    "updatedOn": "2026-11-26T02:00:01.000+00:00",
    "version": 7,
    "notes": None,
    "due": None,
    "rank": None,
}


def answer(status: int, body: Any = None, **fields: str) -> HttpAnswer:
    kind = "application/json" if status < 300 else "application/problem+json"
    headers = Headers({"Content-Type": [kind], **{name.replace("_", "-"): [text] for name, text in fields.items()}})
    return HttpAnswer(status, headers, b"" if body is None else json.dumps(body).encode())


def problem(status: int, name: str = "x", **fields: str) -> HttpAnswer:
    return answer(status, {"type": f"/problems/{name}", "title": "T", "detail": "what happened"}, **fields)


class Played:
    """A transport whose answers the test gives, in turn; an exception is raised, None never comes."""

    def __init__(self) -> None:
        self.answers: list[HttpAnswer | Exception | None] = []
        self.sent: list[tuple[str, str, Mapping[str, str], Any]] = []

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        self.sent.append((method, url, headers, None if body is None else json.loads(body)))
        given = self.answers.pop(0)
        if given is None:
            await Deferred()
        if isinstance(given, Exception):
            raise given
        assert given is not None
        return given

    async def close(self) -> None:
        pass


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.played = Played()
        self.client = RestClient("https://tasks.example", "tt_x", "olga", self.played, self.clock, 10)

    def answers(self, *answers: HttpAnswer | Exception | None) -> None:
        self.played.answers += answers

    def test_get(self) -> None:
        """A task has all its fields, and is the account's; the token is sent."""
        self.answers(answer(200, TEA))
        task = self.successResultOf(self.client.get(ID, "olga"))
        assert (task.id, task.user_id, task.name, task.done, task.version) == (ID, "olga", "tea", False, 7)
        assert task.created_ms == 1_795_658_400_123
        (method, url, headers, body) = self.played.sent[0]
        assert (method, url, body) == ("GET", f"https://tasks.example/api/v1/tasks/{ID}", None)
        assert headers["Authorization"] == "Bearer tt_x"

    def test_of_somebody_else(self) -> None:
        """The tasks of another user cannot be asked for: nothing is sent."""
        for call in (
            lambda: self.client.get(ID, "peter"),
            lambda: self.client.add("peter", "tea"),
            lambda: self.client.update(ID, "peter", done=True),
            lambda: self.client.remove(ID, "peter"),
            lambda: self.client.page("peter"),
        ):
            with pytest.raises(InvalidArgument):
                call()
        assert self.played.sent == []

    def test_changes(self) -> None:
        """A change sends what it sets; empty text clears notes, due and rank."""
        self.answers(answer(200, TEA), answer(200, TEA))
        self.successResultOf(self.client.update(ID, "olga", done=False))
        self.successResultOf(self.client.change(ID, "olga", name="", notes="", due="2026-11-25"))
        assert [body for *_, body in self.played.sent] == [
            {"done": False},
            {"name": "", "notes": None, "due": "2026-11-25"},
        ]

    def test_walk(self) -> None:
        """A list is read page by page."""
        other = {**TEA, "id": "b" * 24}
        self.answers(answer(200, {"tasks": [TEA], "next": "c&d"}), answer(200, {"tasks": [other], "next": None}))

        async def walk() -> list[str]:
            return [task.id async for task in self.client.walk("olga", True)]

        assert self.successResultOf(Deferred.fromCoroutine(walk())) == [ID, "b" * 24]
        assert [url.partition("?")[2] for _, url, *_ in self.played.sent] == [
            "limit=1000&done=true",
            "limit=1000&cursor=c%26d&done=true",
        ]

    def test_errors(self) -> None:
        """Each status has the error that the service's own code has."""
        for status, kind in (
            (400, InvalidArgument),
            (401, NotLoggedIn),
            (403, InvalidArgument),
            (404, TaskNotFound),
            (409, InvalidArgument),
            (422, InvalidArgument),
            (500, InternalError),
            (502, BadReply),
        ):
            self.answers(problem(status))
            error = self.failureResultOf(self.client.get(ID, "olga"), TaskError).value
            assert type(error) is kind, status
            assert str(error).startswith("what happened")

    def test_no_gateway(self) -> None:
        """What is no gateway is told so, whatever it answers."""
        html = HttpAnswer(404, Headers({"Content-Type": ["text/html"]}), b"<p>")
        moved = HttpAnswer(302, Headers({"Location": ["https://a"]}), b"")
        for given in (html, moved, answer(200, ["a"]), answer(200, {"a": 1}), HttpAnswer(200, Headers(), b"<p>")):
            self.answers(given)
            self.failureResultOf(self.client.get(ID, "olga"), BadReply)

    def test_repeated(self) -> None:
        """What may pass is tried again, after the pause that the gateway asks for."""
        self.answers(problem(503), problem(429, retry_after="3"), Disconnected(), answer(200, TEA))
        getting = self.client.get(ID, "olga")
        self.clock.pump([0.1] * 29)
        self.assertNoResult(getting)
        assert len(self.played.sent) == 2
        self.clock.pump([0.1] * 60)
        assert self.successResultOf(getting).name == "tea"

    def test_deadline(self) -> None:
        """A call ends by its deadline: with what went wrong the last time, or with no answer."""
        for given, kind in (([problem(503)] * 99, StoreUnavailable), ([problem(429)] * 99, Overloaded)):
            self.played.answers = list(given)
            getting = self.client.get(ID, "olga")
            self.clock.pump([0.1] * 101)
            self.failureResultOf(getting, kind)
        self.played.answers = [None]
        getting = self.client.get(ID, "olga")
        self.clock.advance(10)
        self.failureResultOf(getting, DeadlineExceeded)

    def test_unreachable(self) -> None:
        """Where nobody listens, nobody waits for the deadline."""
        self.answers(Unreachable("nobody is there"))
        self.failureResultOf(self.client.get(ID, "olga"), Unreachable)

    def test_removed_before(self) -> None:
        """A removal whose answer was lost, and that then finds nothing, has succeeded; another one has not."""
        self.answers(Disconnected(), problem(404))
        removing = self.client.remove(ID, "olga")
        self.clock.advance(1)
        assert self.successResultOf(removing) is None
        self.answers(problem(404))
        self.failureResultOf(self.client.remove(ID, "olga"), TaskNotFound)

    def test_add(self) -> None:
        """A task is added with a key, which stays the same when it is tried again; any text is a key."""
        self.answers(Disconnected(), answer(201, TEA), answer(201, TEA), answer(201, TEA))
        adding = self.client.add("olga", "tea")
        self.clock.advance(1)
        assert self.successResultOf(adding).id == ID
        keys = [headers["Idempotency-Key"] for _, _, headers, _ in self.played.sent]
        assert keys[0] == keys[1]
        self.successResultOf(self.client.add("olga", "tea", "today"))
        self.successResultOf(self.client.add("olga", "tea", "fr\u00fch\n"))
        keys = [headers["Idempotency-Key"] for _, _, headers, _ in self.played.sent[2:]]
        assert keys[0] == "today"
        assert keys[1].isalnum()

    def test_under_way(self) -> None:
        """While an attempt whose answer was lost is still under way, the next one waits."""
        self.answers(Disconnected(), problem(409, "key-in-progress"), answer(201, TEA))
        adding = self.client.add("olga", "tea")
        self.clock.pump([0.5] * 10)
        assert self.successResultOf(adding).id == ID

    def test_many(self) -> None:
        """What is added while a request is under way leaves in one batch, and each has its own outcome."""
        first: Deferred[Any] = Deferred()
        send = self.played.send

        async def held(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
            if url.endswith("/tasks"):
                await first
            return await send(method, url, headers, body)

        self.played.send = held  # type: ignore[method-assign]
        adding = [self.client.add_done("olga", f"task {number}", f"k{number}", number == 2) for number in range(4)]
        refused = {"status": 422, "problem": {"type": "/problems/invalid", "detail": "no"}}
        self.answers(
            answer(201, TEA),
            answer(200, {"results": [{"status": 201, "task": TEA}, refused, {"status": 201, "task": TEA}]}),
        )
        first.callback(None)
        assert self.successResultOf(adding[0]).id == ID
        assert self.successResultOf(adding[1]).id == ID
        self.failureResultOf(adding[2], InvalidArgument)
        assert self.successResultOf(adding[3]).id == ID
        assert self.played.sent[1][3]["operations"] == [
            {"op": "add", "key": "k1", "name": "task 1"},
            {"op": "add", "key": "k2", "name": "task 2", "done": True},
            {"op": "add", "key": "k3", "name": "task 3"},
        ]

    def test_a_batch_fails(self) -> None:
        """When a batch fails as a whole, or is answered with something else, each of it fails; the next goes on."""
        self.answers(answer(201, TEA))
        self.successResultOf(self.client.add("olga", "tea"))
        for given, kind in ((problem(500), InternalError), (answer(200, {"results": []}), BadReply)):
            self.answers(None)
            blocking = self.client.add("olga", "slow", timeout=1)
            adding = [self.client.add("olga", "tea") for _ in range(2)]
            self.answers(given, answer(201, TEA))
            self.clock.advance(1)
            self.failureResultOf(blocking, DeadlineExceeded)
            for one in adding:
                self.failureResultOf(one, kind)
            assert self.successResultOf(self.client.add("olga", "tea")).id == ID

    def test_check(self) -> None:
        """A check says whether tasks can be read."""
        self.answers(answer(200, {"tasks": [], "next": None}))
        assert self.successResultOf(self.client.check()).ok
        self.played.answers = [problem(503)] * 99
        checking = self.client.check(timeout=1)
        self.clock.pump([0.1] * 11)
        assert not self.successResultOf(checking).ok

    def test_changes_since(self) -> None:
        """What changed since a token is asked with it, and comes as the service's own client has it."""
        body = {"tasks": [TEA], "removed": [{"id": ID, "version": 8}], "sync": "s2", "more": True, "reset": False}
        self.played.answers = [answer(200, body), answer(200, {"tasks": []})]
        found = self.successResultOf(self.client.changes("olga", "s 1", 5))
        assert (found.tasks[0].name, found.removed[0].version, found.sync, found.more) == ("tea", 8, "s2", True)
        assert self.played.sent[0][1].endswith("/changes?since=s+1&limit=5")
        self.failureResultOf(self.client.changes("olga"), BadReply)
