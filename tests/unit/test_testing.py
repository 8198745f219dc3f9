"""The client against the service in memory: every method, every error, and what breaks between the two.

Covers `testing`, `client.calls`, `client.gate`, `client.link`, `client.methods`, `client.older`, `client.service`,
`client.values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks import testing
from twisted_tasks.client import ChangeTask, CreateTask, Health, Page, RemoveTask, RestoreTask, Task, TasksClient
from twisted_tasks.client.errors import (
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    StoreUnavailable,
    TaskIdTaken,
    TaskNotFound,
    Unreachable,
    VersionConflict,
)
from twisted_tasks.model import RemovedTask, TaskError, id_of_key
from twisted_tasks.testing import TasksDouble


def after(task: Task, changes: int, **fields: Any) -> Task:
    """Return a task as it is after so many changes, whenever they were made."""
    return task._replace(version=task.version + changes, updated_ms=ANY, **fields)


def run(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


class MethodTests(SynchronousTestCase):
    """Every method of the IDL."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.client = self.double.client()

    def result(self, calling: Deferred[Any]) -> Any:
        return self.successResultOf(calling)

    def test_add_and_get(self) -> None:
        """add makes a task that is not done, and get finds it; a task is a frozen value with an aware date."""
        task = self.result(self.client.add("alice", "tea ☕"))
        assert isinstance(task, Task)
        assert re.fullmatch("[0-9a-f]{24}", task.id)
        assert (task.user_id, task.name, task.done) == ("alice", "tea ☕", False)
        assert task.created_on.utcoffset() is not None
        assert self.result(self.client.get(task.id, "alice")) == task == self.double.store.tasks[task.id]
        with pytest.raises(AttributeError):
            task.name = "coffee"

    def test_add_sends_a_key(self) -> None:
        """add without a key makes a new task each time; with one, the same."""
        first, second = (self.result(self.client.add("alice", "tea")) for _ in range(2))
        assert first.id != second.id
        third, fourth = (self.result(self.client.add("alice", "tea", "k")) for _ in range(2))
        assert third == fourth
        assert third.id == id_of_key("alice", "k")

    def test_update(self) -> None:
        """update sets what is given and leaves the rest."""
        task = self.result(self.client.add("alice", "tea"))
        assert self.result(self.client.update(task.id, "alice", done=True)) == after(task, 1, done=True)
        changed = self.result(self.client.update(task.id, "alice", name="coffee"))
        assert changed == after(task, 2, done=True, name="coffee")

    def test_the_orders_of_update(self) -> None:
        """update takes its arguments in the contract's order, and the user first as it once did."""
        task = self.result(self.client.add("alice", "tea"))
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
            (("x", True, "alice"), {}),
            ((None, False, "alice"), {}),
            (("x", None, "alice"), {}),
            (("alice", "x", True), {}),
            (("alice", None, False), {}),
            (("alice", "x"), {}),
            (("alice",), {"name": "x"}),
            (("alice",), {"done": True}),
            ((), {"user_id": "alice", "name": "x"}),
        ]
        for given, named in calls:
            assert self.result(self.client.update(task.id, *given, **named)).user_id == "alice"
        assert self.result(self.client.update(task.id, "coffee", False, "alice"))[2:5:2] == ("coffee", False)

    def test_upsert(self) -> None:
        """upsert adds without an id, its done kept, and updates with one."""
        task = self.result(self.client.upsert("alice", name="tea", done=True))
        assert (task.name, task.done) == ("tea", True)
        assert self.result(self.client.upsert("alice", task.id, done=False)) == after(task, 1, done=False)
        assert len(self.double.store.tasks) == 1

    def test_remove(self) -> None:
        """remove removes, and a second one finds nothing."""
        task = self.result(self.client.add("alice", "tea"))
        assert self.result(self.client.remove(task.id, "alice")) is None
        self.failureResultOf(self.client.remove(task.id, "alice"), TaskNotFound)

    def test_lists(self) -> None:
        """all, page and walk give the user's tasks, newest first; page goes on from its cursor."""
        made = [self.result(self.client.add("alice", str(number))) for number in range(5)]
        self.result(self.client.update(made[0].id, "alice", done=True))
        listed = self.result(self.client.all("alice"))
        assert {task.id for task in listed} == {task.id for task in made}
        first = self.result(self.client.page("alice", 3))
        assert isinstance(first, Page)
        assert first.tasks == listed[:3]
        assert self.result(self.client.page("alice", 3, first.next)) == Page(listed[3:], None)
        assert self.result(self.client.page("alice", done=True)).tasks == [after(made[0], 1, done=True)]

        async def walked() -> list[Task]:
            return [task async for task in self.client.walk("alice", limit=2)]

        assert self.result(run(walked())) == listed
        assert self.result(self.client.all("bob")) == []

    def test_check(self) -> None:
        """check tells how the service is."""
        assert self.result(self.client.check()) == Health(True, "the task store works")
        self.double.ready = False
        assert self.result(self.client.check()).ok is False

    def test_refusals_are_typed(self) -> None:
        """What the service refuses fails at once, with the class of its code and the service's own words."""
        refused: list[tuple[Deferred[Any], type[TaskError], int]] = [
            (self.client.get("0" * 24, "alice"), TaskNotFound, 404),
            (self.client.update("0" * 24, "alice", "x"), TaskNotFound, 404),
            (self.client.get("17", "alice"), InvalidArgument, 400),
            (self.client.add("", "tea"), InvalidArgument, 400),
            (self.client.add("alice", "x" * 4097), InvalidArgument, 400),
            (self.client.page("alice", 0), InvalidArgument, 400),
            (self.client.page("alice", 2**40), InvalidArgument, 400),
            (self.client.find("alice", 0), InvalidArgument, 400),
            (self.client.find("alice", cursor=""), InvalidArgument, 400),
            (self.client.changes("alice", ""), InvalidArgument, 400),
            (self.client.changes("alice", "rubbish"), InvalidArgument, 400),
            (self.client.create("alice", "tea", key=""), InvalidArgument, 400),
            (self.client.create("alice", "tea", due="tomorrow"), InvalidArgument, 400),
            (self.client.change("0" * 24, "alice", rank="é"), InvalidArgument, 400),
            (self.client.remove("0" * 24, "alice", version=-1), InvalidArgument, 400),
            (self.client.change("0" * 24, "alice", version=2**63), InvalidArgument, 400),
            (self.client.restore("0" * 24, "alice"), TaskNotFound, 404),
            (self.client.changed_users({"alice": "rubbish"}), InvalidArgument, 400),
            (self.client.batch("alice", [RestoreTask("0" * 24)] * 501), InvalidArgument, 400),
            (self.client.batch("alice", [CreateTask(key="")]), InvalidArgument, 400),
            (self.client.remove_all(""), InvalidArgument, 400),
            (self.client.add("alice", "\ud800"), InvalidArgument, 400),
        ]
        for calling, kind, code in refused:
            error = self.failureResultOf(calling, kind).value
            assert error.code == code
            assert str(error)


class VersionTests(SynchronousTestCase):
    """What came with versions."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.client = self.double.client()

    def result(self, call: Deferred[Any]) -> Any:
        return self.successResultOf(call)

    def test_create(self) -> None:
        """create makes a task with its fields, and under its key the same."""
        task = self.result(self.client.create("alice", "tea", True, "green", "2026-11-25", "a", key="k"))
        assert task[2:3] + task[4:5] + task[7:] == ("tea", True, "green", "2026-11-25", "a")
        assert task.version == task.created_ms
        assert self.result(self.client.create("alice", "coffee", key="k")) == task
        assert self.result(self.client.get(task.id, "alice")) == task

    def test_change(self) -> None:
        """change sets what is given, clears what is empty, and leaves the rest."""
        task = self.result(self.client.create("alice", "tea", notes="green", rank="a"))
        changed = self.result(self.client.change(task.id, "alice", notes="", due="2026-11-25"))
        assert changed == after(task, 1, notes=None, due="2026-11-25")

    def test_a_version_that_has_passed(self) -> None:
        """A change and a removal of a version that has passed fail with the task as it is."""
        task = self.result(self.client.create("alice", "tea"))
        changed = self.result(self.client.change(task.id, "alice", version=task.version, done=True))
        for refused in (
            self.client.change(task.id, "alice", version=task.version, name="x"),
            self.client.remove(task.id, "alice", version=task.version),
        ):
            assert self.failureResultOf(refused, VersionConflict).value.current == changed
        assert self.result(self.client.remove(task.id, "alice", version=changed.version)) is None

    def test_a_key(self) -> None:
        """A change that is made again under its key finds its own success."""
        task = self.result(self.client.create("alice", "tea"))
        self.result(self.client.change(task.id, "alice", name="x", version=task.version, key="k"))
        others = self.result(self.client.change(task.id, "alice", name="y"))
        again = self.client.change(task.id, "alice", name="x", version=task.version, key="k")
        assert self.result(again) == others
        self.result(self.client.remove(task.id, "alice", key="k"))
        assert self.result(self.client.remove(task.id, "alice", key="k")) is None

    def test_restore(self) -> None:
        """restore brings a removed task back; one whose id was taken meanwhile is refused."""
        task = self.result(self.client.create("alice", "tea", notes="green", key="k"))
        self.result(self.client.remove(task.id, "alice"))
        assert self.result(self.client.restore(task.id, "alice")) == after(task, 2)
        self.result(self.client.remove(task.id, "alice"))
        self.double.store.tasks[task.id] = task._replace(created_ms=task.created_ms + 1)
        self.failureResultOf(self.client.restore(task.id, "alice"), TaskIdTaken)

    def test_find(self) -> None:
        """find pages as page does."""
        made = [self.result(self.client.create("alice", str(number), number == 0)) for number in range(5)]
        first = self.result(self.client.find("alice", 3))
        rest = self.result(self.client.find("alice", 3, first.next))
        assert {task.id for task in first.tasks + rest.tasks} == {task.id for task in made}
        assert rest.next is None
        assert self.result(self.client.find("alice", done=True)).tasks == [made[0]]

    def test_changes(self) -> None:
        """changes tells everything, and then what is new."""
        tasks = [self.result(self.client.create("alice", str(number))) for number in range(3)]
        first = self.result(self.client.changes("alice"))
        assert sorted(first.tasks) == sorted(tasks)
        self.result(self.client.remove(tasks[0].id, "alice"))
        changed = self.result(self.client.change(tasks[1].id, "alice", done=True))
        second = self.result(self.client.changes("alice", first.sync))
        removed = RemovedTask(tasks[0].id, tasks[0].version + 1)
        assert second[:2] == ([changed], [removed])
        assert self.result(self.client.changes("alice", second.sync))[:2] == ([], [])
        part = self.result(self.client.changes("alice", first.sync, 1))
        assert part.more

    def test_changed_users(self) -> None:
        """changed_users tells who has something new, and gives tokens to begin with."""
        syncs = self.result(self.client.changed_users({"alice": None, "bob": None}))
        assert syncs.keys() == {"alice", "bob"}
        assert self.result(self.client.changed_users(syncs)) == {}
        self.result(self.client.create("bob", "tea"))
        assert self.result(self.client.changed_users(syncs)).keys() == {"bob"}

    def test_batch(self) -> None:
        """batch makes each change by itself, in order."""
        task = self.result(self.client.create("alice", "tea"))
        outcomes = self.result(
            self.client.batch(
                "alice",
                [
                    CreateTask("new", notes="n", key="k"),
                    ChangeTask(task.id, name="coffee", version=task.version),
                    ChangeTask(task.id, name="water", version=task.version),
                    RemoveTask(task.id),
                    RestoreTask(task.id),
                    RemoveTask("17"),
                ],
            )
        )
        assert (outcomes[0].name, outcomes[0].notes) == ("new", "n")
        assert outcomes[1] == after(task, 1, name="coffee")
        assert isinstance(outcomes[2], VersionConflict)
        assert outcomes[2].current == outcomes[1]
        assert outcomes[3] is None
        assert outcomes[4] == after(task, 3, name="coffee")
        assert isinstance(outcomes[5], InvalidArgument)
        assert self.result(self.client.batch("alice", [])) == []

    def test_remove_all(self) -> None:
        """remove_all removes everything of one user."""
        for user in ("alice", "alice", "bob"):
            self.result(self.client.create(user, "tea"))
        assert self.result(self.client.remove_all("alice")) == 2
        assert self.result(self.client.all("alice")) == []
        assert len(self.result(self.client.all("bob"))) == 1


class LostReplyTests(SynchronousTestCase):
    """Calls that are done and whose first reply is lost: each is a success, done once."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.client = self.double.client()
        self.task = self.successResultOf(self.client.create("alice", "tea"))

    def lose_the_reply(self, start: Callable[[], Deferred[Any]]) -> Any:
        """Return the result of a call whose first reply is lost, and meanwhile somebody else writes."""
        self.double.mute = True
        calling = start()
        self.double.mute = False
        self.assertNoResult(calling)
        self.double.cut()
        self.double.clock.advance(0)
        return self.successResultOf(calling)

    def test_create(self) -> None:
        """One task is made."""
        task = self.lose_the_reply(lambda: self.client.create("alice", "coffee"))
        assert task.name == "coffee"
        assert len(self.double.store.tasks) == 2

    def test_change_of_a_version(self) -> None:
        """A change of a version is not told that the task has moved on by the change itself, and is made once."""
        start = lambda: self.client.change(self.task.id, "alice", name="x", version=self.task.version)  # noqa: E731
        assert self.lose_the_reply(start) == after(self.task, 1, name="x")

    def test_remove(self) -> None:
        """A removal is not told that there is no such task; one of a version neither."""
        self.lose_the_reply(lambda: self.client.remove(self.task.id, "alice", version=self.task.version))
        other = self.successResultOf(self.client.create("alice", "other"))
        self.lose_the_reply(lambda: self.client.remove(other.id, "alice"))
        assert self.double.store.tasks == {}

    def test_restore(self) -> None:
        """A restoration finds its own success."""
        self.successResultOf(self.client.remove(self.task.id, "alice"))
        assert self.lose_the_reply(lambda: self.client.restore(self.task.id, "alice")) == after(self.task, 2)

    def test_batch(self) -> None:
        """Each change of a batch is a success, done once."""
        changes = [
            CreateTask("new"),
            ChangeTask(self.task.id, name="x", version=self.task.version),
            RemoveTask(self.successResultOf(self.client.create("alice", "other")).id),
        ]
        created, changed, removed = self.lose_the_reply(lambda: self.client.batch("alice", changes))
        assert created.name == "new"
        assert changed == after(self.task, 1, name="x")
        assert removed is None
        versions = {task.id: task.version for task in (created, changed)}
        assert {task.id: task.version for task in self.double.store.tasks.values()} == versions


class TroubleTests(SynchronousTestCase):
    """What goes wrong between the two, and passes or not."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.clock: Clock = self.double.clock

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def test_an_unavailable_store_is_asked_again(self) -> None:
        """A call that met 503 is repeated inside its deadline."""
        client = self.double.client()
        self.double.fail(StoreUnavailable())
        adding = client.add("alice", "tea")
        self.pass_time(3)
        self.assertNoResult(adding)
        self.double.fail(None)
        self.pass_time(3)
        assert self.successResultOf(adding).name == "tea"
        assert len(self.double.store.tasks) == 1

    def test_the_deadline_ends_it(self) -> None:
        """Trouble that lasts is told within the deadline, by the error it met."""
        client = self.double.client()
        for error in (StoreUnavailable("no disk"), Overloaded("busy")):
            self.double.fail(error)
            adding = client.add("alice", "tea", timeout=2)
            self.pass_time(2)
            assert str(self.failureResultOf(adding, type(error)).value) == str(error)

    def test_what_the_service_said_is_told(self) -> None:
        """When the last attempt has no answer the error is what the service said before, rather than that."""
        client = self.double.client()
        self.double.fail(StoreUnavailable("no disk"))
        adding = client.add("alice", "tea", timeout=1.5)
        self.pass_time(0.5)
        self.double.silent = True
        self.pass_time(1.5)
        assert str(self.failureResultOf(adding, StoreUnavailable).value) == "no disk"

    def test_nothing_to_connect_to(self) -> None:
        """A call without a connection fails at its deadline as Unreachable, and says why there is none."""
        self.double.refuse = True
        client = self.double.client()
        adding = client.add("alice", "tea", timeout=2)
        self.pass_time(1.9)
        self.assertNoResult(adding)
        self.pass_time(0.2)
        error = self.failureResultOf(adding, Unreachable).value
        assert "refused" in str(error)

    def test_impatience(self) -> None:
        """A client that is not patient fails as soon as every address was tried."""
        self.double.refuse = True
        other = TasksDouble(self.clock)
        other.refuse = True
        client = TasksClient([self.double, other], self.clock, patient=False)
        client.startService()
        adding = client.add("alice", "tea")
        self.pass_time(0.2)
        self.failureResultOf(adding, Unreachable)
        other.refuse = False
        adding = client.add("alice", "tea")
        self.pass_time(0.5)
        self.successResultOf(adding)

    def test_it_comes_back(self) -> None:
        """A call made while nothing listens is answered when something does."""
        self.double.refuse = True
        client = self.double.client()
        adding = client.add("alice", "tea")
        self.pass_time(2)
        self.double.refuse = False
        self.pass_time(5)
        assert self.successResultOf(adding).name == "tea"

    def test_a_cut_connection_is_replaced_at_once(self) -> None:
        """Calls in flight on a connection that breaks are repeated on the next one, which is made without a pause."""
        client = self.double.client()
        self.successResultOf(client.check())
        self.double.silent = True
        calls = [client.add("alice", str(number)) for number in range(10)]
        self.double.silent = False
        self.double.cut()
        self.clock.advance(0)
        assert sorted(self.successResultOf(call).name for call in calls) == [str(number) for number in range(10)]
        assert self.double.connected == 2
        assert len(self.double.store.tasks) == 10

    def test_a_silent_connection_is_replaced(self) -> None:
        """A connection that brings nothing while a reply is due is given up, and its calls are repeated."""
        client = self.double.client(silence=2)
        self.successResultOf(client.check())
        self.double.silent = True
        adding = client.add("alice", "tea", timeout=8)
        self.pass_time(1.8)
        assert self.double.connected == 1
        self.pass_time(0.4)
        assert self.double.connected == 2
        self.double.silent = False
        self.pass_time(4.5)
        assert self.successResultOf(adding).name == "tea"
        assert len(self.double.store.tasks) == 1

    def test_patience_grows(self) -> None:
        """Each connection that stays silent from the start lets the next one be silent for twice as long."""
        client = self.double.client(silence=1)
        self.successResultOf(client.check())
        self.double.silent = True
        adding = client.add("alice", "tea", timeout=20)
        self.pass_time(16)
        # After 1, 2, 4 and 8 s, and pauses.
        assert self.double.connected == 5
        self.pass_time(5)
        self.failureResultOf(adding, DeadlineExceeded)

    def test_an_idle_connection_is_tried(self) -> None:
        """A connection that died while nobody used it is found before somebody does."""
        client = self.double.client(silence=1, ping_interval=10)
        self.pass_time(25)
        assert self.double.connected == 1
        self.double.silent = True
        self.pass_time(12)
        assert self.double.connected >= 2
        self.double.silent = False
        self.pass_time(5)
        self.successResultOf(client.add("alice", "tea"))

    def test_a_lost_reply_is_in_doubt(self) -> None:
        """No reply by the deadline is DeadlineExceeded, for the call may have been done."""
        client = self.double.client()
        self.successResultOf(client.check())
        self.double.silent = True
        adding = client.add("alice", "tea", timeout=1)
        self.pass_time(1.1)
        self.failureResultOf(adding, DeadlineExceeded)

    def test_remove_that_was_done_already(self) -> None:
        """A remove whose first reply was lost and which then finds nothing has succeeded."""
        client = self.double.client()
        task = self.successResultOf(client.add("alice", "tea"))
        self.double.silent = True
        removing = client.remove(task.id, "alice")
        del self.double.store.tasks[task.id]
        self.double.silent = False
        self.double.cut()
        self.clock.advance(0)
        assert self.successResultOf(removing) is None

    def test_remove_after_a_refusal_for_load(self) -> None:
        """A remove that was only turned away before, and then finds nothing, has found nothing."""
        client = self.double.client()
        self.double.fail(Overloaded())
        removing = client.remove("0" * 24, "alice")
        self.double.fail(None)
        self.pass_time(1)
        self.failureResultOf(removing, TaskNotFound)

    def test_calls_in_flight_are_bounded(self) -> None:
        """No more calls go out than allowed; others wait, so many at most, inside their own deadlines."""
        client = self.double.client(max_in_flight=2, max_waiting=2)
        self.successResultOf(client.check())
        self.double.silent = True
        calls = [client.add("alice", "tea", timeout=1) for _ in range(5)]
        self.failureResultOf(calls[4], Overloaded)
        self.pass_time(0.9)
        for call in calls[:4]:
            self.assertNoResult(call)
        self.pass_time(0.2)
        for call, error in zip(calls[:4], (DeadlineExceeded, DeadlineExceeded, Overloaded, Overloaded), strict=True):
            self.failureResultOf(call, error, DeadlineExceeded)
        assert client._gate.inside == client._gate.waiting == 0

    def test_many_that_fail_at_once(self) -> None:
        """However many calls wait for a turn, and fail as soon as it comes, each fails by its own error."""
        client = self.double.client(max_in_flight=1)
        self.successResultOf(client.check())
        self.double.silent = True
        first = client.add("alice", "tea", timeout=1)
        calls = [client.add("alice", "\ud800") for _ in range(2000)]
        self.pass_time(1.1)
        self.failureResultOf(first, DeadlineExceeded)
        for call in calls:
            self.failureResultOf(call, InvalidArgument)

    def test_cancelling(self) -> None:
        """A cancelled call is forgotten, and its late reply upsets nobody."""
        client = self.double.client()
        self.successResultOf(client.check())
        self.double.silent = True
        adding = client.add("alice", "tea")
        adding.cancel()
        self.failureResultOf(adding, CancelledError)
        self.double.silent = False
        self.double.cut()
        self.clock.advance(0)
        self.successResultOf(client.add("alice", "coffee"))
        assert client._gate.inside == 0

    def test_when_ready(self) -> None:
        """when_ready waits for a connection, and then for the service to say that it is ready."""
        self.double.refuse = True
        self.double.ready = False
        client = self.double.client()
        waiting = client.when_ready()
        self.pass_time(30)
        self.double.refuse = False
        self.pass_time(10)
        self.assertNoResult(waiting)
        self.double.ready = True
        self.pass_time(3)
        assert self.successResultOf(waiting) is None

    def test_close_by_itself(self) -> None:
        """A client of the double with no call under way closes without the clock's going on."""
        client = self.double.client(connections=3)
        self.successResultOf(client.add("alice", "tea"))
        self.successResultOf(client.close())
        assert self.clock.getDelayedCalls() == []

    def test_close_waits(self) -> None:
        """close lets calls in flight end, takes no others, and leaves nothing behind."""
        client = self.double.client()
        self.double.fail(StoreUnavailable())
        adding = client.add("alice", "tea")
        closing = client.close()
        self.failureResultOf(client.add("alice", "coffee"), Unreachable)
        self.assertNoResult(closing)
        self.double.fail(None)
        self.pass_time(3)
        self.successResultOf(adding)
        assert self.successResultOf(closing) is None
        assert self.clock.getDelayedCalls() == []
        self.successResultOf(client.close())

    def test_close_of_a_connection_that_is_dead(self) -> None:
        """A connection whose other side does not end it, as TLS waits for, is cut soon."""
        client = self.double.client()
        self.patch(testing._End, "loseConnection", lambda end: None)
        closing = client.close()
        self.pass_time(0.5)
        self.assertNoResult(closing)
        self.pass_time(0.6)
        self.successResultOf(closing)
        assert self.clock.getDelayedCalls() == []

    def test_close_at_once(self) -> None:
        """A client can be closed as soon as its first call has failed, which may be before anything was sent."""
        self.double.refuse = True
        client = self.double.client()
        adding = client.add("alice", "\ud800")
        closing = adding.addErrback(lambda failure: failure.trap(InvalidArgument)).addCallback(lambda _: client.close())
        self.double.refuse = False
        self.pass_time(1)
        self.successResultOf(closing)
        assert self.clock.getDelayedCalls() == []

    def test_close_for_want_of_a_connection(self) -> None:
        """An impatient client can be closed as soon as an attempt to connect has failed."""
        self.double.refuse = True
        client = self.double.client(patient=False)
        closing = client.add("alice", "tea").addErrback(lambda failure: client.close())
        self.pass_time(1)
        self.successResultOf(closing)
        assert self.clock.getDelayedCalls() == []

    def test_calls_that_waited_go_in_order(self) -> None:
        """Calls made before there is a connection go out in the order in which they were made."""
        self.double.refuse = True
        client = self.double.client()
        calls = [client.add("alice", str(number)) for number in range(20)]
        self.double.refuse = False
        self.pass_time(1)
        assert [task.name for task in self.double.store.tasks.values()] == [str(number) for number in range(20)]
        for call in calls:
            self.successResultOf(call)

    def test_close_waits_for_both_steps(self) -> None:
        """A call that is made of two is in flight until the second one has ended."""
        client = self.double.client()
        self.double.fail(StoreUnavailable())
        adding = client.upsert("alice", name="tea", done=True)
        closing = client.close()
        self.double.fail(None)
        self.pass_time(3)
        assert self.successResultOf(adding).done
        self.successResultOf(closing)

    def test_when_ready_ends_with_the_client(self) -> None:
        """when_ready of a client that is closed fails."""
        self.double.refuse = True
        client = self.double.client(timeout=1)
        waiting = client.when_ready()
        client.close()
        self.pass_time(5)
        self.failureResultOf(waiting, Unreachable)

    def test_not_started(self) -> None:
        """A client that was not started says so."""
        client = TasksClient(self.double, self.clock)
        error = self.failureResultOf(client.all("alice"), Unreachable).value
        assert "start it" in str(error)

    def test_several_addresses(self) -> None:
        """When one address does not work the next one is used, for calls in flight too."""
        other = TasksDouble(self.clock)
        client = TasksClient([self.double, other], self.clock)
        client.startService()
        self.successResultOf(client.add("alice", "tea"))
        self.double.refuse = True
        self.double.cut()
        self.clock.advance(0)
        self.successResultOf(client.add("alice", "coffee"))
        assert [task.name for task in other.store.tasks.values()] == ["coffee"]

    def test_several_connections(self) -> None:
        """A client may keep several connections, and works with those there are."""
        client = self.double.client(connections=3)
        assert self.double.connected == 3
        for _ in range(4):
            self.successResultOf(client.add("alice", "tea"))
        self.double.cut()
        self.pass_time(1)
        assert self.double.connected == 6
        self.successResultOf(client.add("alice", "tea"))
        closing = client.close()
        self.clock.advance(0)
        self.successResultOf(closing)
