"""`tasks import` against the service in memory: every line once, bad ones told, and going on after a stop."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks.cli.importing import Import
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.screen import Screen
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client.errors import StoreUnavailable
from twisted_tasks.testing import TasksDouble


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


class ImportTests(SynchronousTestCase):
    """Imports of a few lines."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.client = self.double.client(timeout=2)
        self.screen = Screen(False)
        self.screen.err = Console(file=io.StringIO())

    def begin(self, data: bytes, user: str | None = "alice", skip: bool = False, kind: str = "jsonl") -> Any:
        self.meter = Meter(self.screen.err, "importing", None)
        self.importing = Import(self.client, self.screen, self.meter, "a.jsonl", user, skip)
        return Deferred.fromCoroutine(self.importing.run(pieces(data), kind))

    def names(self, user: str = "alice") -> list[tuple[str, bool]]:
        return sorted((task.name, task.done) for task in self.double.store.tasks.values() if task.user_id == user)

    def said(self) -> str:
        return self.screen.err.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    def test_twice(self) -> None:
        """Importing the same file again adds nothing, however much of it was there; equal lines are two tasks."""
        lines = [b'{"name": "tea"}\n', b'{"name": "tea"}\n', b'{"name": "coffee", "done": true}\n']
        self.successResultOf(self.begin(b"".join(lines[:2])))
        assert self.meter.count == 2
        for _ in range(2):
            self.successResultOf(self.begin(b"".join(lines)))
            assert self.names() == [("coffee", True), ("tea", False), ("tea", False)]

    def test_many(self) -> None:
        """More lines than fit into the window all arrive."""
        data = b"".join(json.dumps({"name": f"{number:05}"}).encode() + b"\n" for number in range(2000))
        self.successResultOf(self.begin(data))
        assert [name for name, _ in self.names()] == [f"{number:05}" for number in range(2000)]

    def test_a_bad_line_ends_it(self) -> None:
        """Without being told to skip, the first bad line ends the import, by its number."""
        error = self.failureResultOf(self.begin(b'{"name": "a"}\ntea\n{"name": "b"}\n'), Trouble).value
        assert str(error).startswith("line 2: not JSON")
        assert error.status == Status.INVALID
        assert self.names() == [("a", False)]

    def test_bad_lines_are_skipped(self) -> None:
        """Told to skip, it names each bad line, those the service refuses included, and adds the others."""
        data = b'{"name": "a"}\ntea\n{"name": "%s"}\n{"name": "b"}\n' % (b"x" * 5000)
        self.successResultOf(self.begin(data, skip=True))
        assert self.importing.bad == 2
        assert self.meter.count == 2
        assert "line 2: not JSON" in self.said()
        assert "line 3: name is longer than 4096 characters" in self.said()
        assert self.names() == [("a", False), ("b", False)]

    def test_every_bad_line_is_named(self) -> None:
        """However many lines are bad, each is told by its number."""
        self.successResultOf(self.begin(b"tea\n" * 100, skip=True))
        said = self.said()
        assert all(f"line {number}: " in said for number in range(1, 101))

    def test_users_in_the_file(self) -> None:
        """Each line may say whose task it is; one that does not is bad then."""
        data = b'{"name": "a", "userId": "alice"}\n{"name": "b", "userId": "bob"}\n{"name": "c"}\n'
        self.successResultOf(self.begin(data, user=None, skip=True))
        assert (self.names("alice"), self.names("bob")) == ([("a", False)], [("b", False)])
        assert "line 3: userId is missing" in self.said()
        self.successResultOf(self.begin(data))
        assert len(self.names("alice")) == 3

    def test_a_service_that_fails(self) -> None:
        """When the service fails for longer than each line may take the import ends, and says at which line."""
        self.double.fail(StoreUnavailable())
        importing = self.begin(b'{"name": "a"}\n{"name": "b"}\n')
        for _ in range(50):
            self.double.clock.advance(0.1)
        error = self.failureResultOf(importing, StoreUnavailable).value
        assert str(error).startswith("line ")
        self.double.fail(None)
        self.successResultOf(self.begin(b'{"name": "a"}\n{"name": "b"}\n'))
        assert len(self.names()) == 2
