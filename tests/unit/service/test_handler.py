"""What each call of the IDL does, over a store that does nothing by itself.

`twisted_tasks.service.arguments` is tested here, too: what calls bring, checked.

Covers `model.errors`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from thrift.Thrift import TMessageType
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.support.wire_clients import DIALECTS, Client, Dialect
from twisted_tasks import convert, model
from twisted_tasks.gen.tasks import Tasks, ttypes
from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    Condition,
    DeadlineExceeded,
    InvalidArgument,
    ListQuery,
    Position,
    RemovedTask,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskIdTaken,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    UserSync,
    VersionConflict,
    to_milliseconds,
)
from twisted_tasks.service.handler import TasksHandler
from twisted_tasks.service.storage.interface import ITaskStore
from twisted_tasks.wire.server import ThriftServerFactory

ID = "0123456789abcdef01234567"
MOMENT = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC))
ON = "2026-11-23T10:15:30.000+00:00"
TASK = Task(ID, "me", "tea", MOMENT, False)


@implementer(ITaskStore)
class Store:
    """Keeps what it was asked, and lets the test answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, float]] = []
        self.answers: list[Deferred[Any]] = []

    def __getattr__(self, operation: str) -> Any:
        def ask(items: Any, deadline: float) -> Deferred[Any]:
            self.asked.append((operation, items, deadline))
            self.answers.append(Deferred())
            return self.answers[-1]

        return ask

    def answer(self, outcome: Any) -> None:
        self.answers[-1].callback([outcome])


class Call(NamedTuple):
    """A call, as the wire layer tells a handler of it."""

    arrived: float
    trace: str


class Current(NamedTuple):
    """Says which call is being made."""

    call: Call


class Desk:
    """A handler with its store and its clock."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.store = Store()
        health = lambda: (True, "fine")  # noqa: E731  (a name for what is passed)
        self.handler = TasksHandler(self.store, self.clock, health, **options)  # type: ignore[arg-type]

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Call; the list holds the result once there is one."""
        results: list[Any] = []
        getattr(self.handler, method)(*arguments).addBoth(results.append)
        return results

    def code(self, method: str, *arguments: Any) -> int:
        """Call, and return the code of the IDL's exception it has failed with at once."""
        return code(self.call(method, *arguments))


def code(results: list[Any]) -> int:
    (failure,) = results
    assert isinstance(failure, Failure)
    assert isinstance(failure.value, ttypes.BaseException), failure
    return failure.value.code


@pytest.fixture
def desk() -> Desk:
    return Desk(timeout=5.0)


def test_implements_the_idl(desk: Desk) -> None:
    """Every call of the IDL is there, with its arguments."""
    verifyObject(Tasks.Iface, desk.handler)


def test_all(desk: Desk) -> None:
    """all lists the whole list of one user."""
    results = desk.call("all", "me")
    assert desk.store.asked == [("find", [ListQuery("me")], 105.0)]
    desk.store.answer([TASK])
    assert results == [[ttypes.Task(ID, "me", "tea", ON, False, 0, ON)]]


def test_a_call_that_has_waited() -> None:
    """The time a call may take begins with its arrival."""
    desk = Desk(current=Current(Call(97.0, "t")))
    desk.call("all", "me")
    assert desk.store.asked == [("find", [ListQuery("me")], 102.0)]


def test_add(desk: Desk) -> None:
    """add makes a new task, not done, that is no older than the call, to the millisecond."""
    before = datetime.now(UTC)
    results = desk.call("add", "me", "tea", None)
    ((operation, (task,), deadline),) = desk.store.asked
    assert (operation, deadline) == ("add", 105.0)
    assert (task.user_id, task.name, task.done, len(task.id)) == ("me", "tea", False, 24)
    assert before - timedelta(milliseconds=1) < task.created_on <= datetime.now(UTC)
    desk.store.answer(TASK)
    assert results[0].id == ID


def test_add_makes_new_ids(desk: Desk) -> None:
    """Without a key no two tasks have one id."""
    desk.call("add", "me", "tea", None)
    desk.call("add", "me", "tea", None)
    ids = [task.id for _, (task,), _ in desk.store.asked]
    assert ids[0] != ids[1]


def test_add_without_a_name(desk: Desk) -> None:
    """An absent name is an empty one."""
    desk.call("add", "me", None, None)
    assert desk.store.asked[0][1][0].name == ""


def test_add_with_a_key(desk: Desk) -> None:
    """The same user and key is the same id, whatever the name."""
    desk.call("add", "me", "tea", "k")
    desk.call("add", "me", "coffee", "k")
    desk.call("add", "you", "tea", "k")
    ids = [task.id for _, (task,), _ in desk.store.asked]
    assert ids[0] == ids[1] != ids[2]


def test_update(desk: Desk) -> None:
    """update passes on what is given, under the id in lower case."""
    desk.call("update", ID.upper(), "tea", True, "me")
    desk.call("update", ID, None, None, "me")
    assert [items for _, items, _ in desk.store.asked] == [
        [TaskChange(ID, "me", "tea", True)],
        [TaskChange(ID, "me", None, None)],
    ]


def test_upsert_without_an_id(desk: Desk) -> None:
    """upsert of a task that has no id adds it, its done kept, its date not looked at."""
    desk.call("upsert", ttypes.Task(userId="me", name="tea", createdOn="yesterday", done=True))
    desk.call("upsert", ttypes.Task(userId="me"))
    (_, (one,), _), (_, (other,), _) = desk.store.asked
    assert (one.user_id, one.name, one.done) == ("me", "tea", True)
    assert (other.name, other.done) == ("", False)


def test_upsert_with_an_id(desk: Desk) -> None:
    """upsert of a task that has an id updates it; a field that was not sent stays."""
    desk.call("upsert", ttypes.Task(id=ID, userId="me", done=True))
    assert desk.store.asked == [("update", [TaskChange(ID, "me", None, True)], 105.0)]


def test_get_and_remove(desk: Desk) -> None:
    """get and remove name the task and its user; remove answers nothing."""
    got = desk.call("get", ID, "me")
    desk.store.answer(TASK)
    removed = desk.call("remove", ID, "me", None)
    desk.store.answer(None)
    assert [(operation, items) for operation, items, _ in desk.store.asked] == [
        ("get", [TaskRef(ID, "me")]),
        ("remove", [TaskRemoval(ID, "me")]),
    ]
    assert got[0].id == ID
    assert removed == [None]


def test_page(desk: Desk) -> None:
    """page asks for one task more than it answers, and names the next page's place."""
    results = desk.call("page", "me", 2, None, True)
    assert desk.store.asked[0][1] == [ListQuery("me", 3, None, True)]
    desk.store.answer([TASK, TASK._replace(id="f" * 24), TASK])
    (page,) = results
    assert [task.id for task in page.tasks] == [ID, "f" * 24]
    desk.call("page", "me", 2, page.nextCursor, True)
    assert desk.store.asked[1][1] == [ListQuery("me", 3, Position(MOMENT, "f" * 24), True)]


def test_the_last_page(desk: Desk) -> None:
    """The last page names no next one, even when it is full; an absent limit is 100."""
    results = desk.call("page", "me", None, None, None)
    assert desk.store.asked[0][1] == [ListQuery("me", 101, None, None)]
    desk.store.answer([TASK] * 100)
    assert len(results[0].tasks) == 100
    assert results[0].nextCursor is None


def test_check(desk: Desk) -> None:
    """check tells the health at once and asks the store nothing."""
    assert desk.handler.check() == ttypes.Healthcheck(True, "fine")
    assert desk.store.asked == []


BAD_FIELDS: list[dict[str, Any]] = [
    {"name": "x" * 4097},
    {"name": "\0"},
    {"notes": "x" * 16_385},
    {"notes": "é" * 8193},
    {"notes": "\0"},
    {"notes": "\ud800"},
    *({"due": due} for due in ("tomorrow", "2026-02-30", "20261125", "2026-11-25T09:30:00", "2026-11-25T25:00:00Z")),
    *({"rank": rank} for rank in ("x" * 65, "é", "a\nb", "\x7f")),
]
BAD_CONDITIONS: list[dict[str, Any]] = [{"version": -1}, {"key": "x" * 129}, {"version": 1, "key": "\0"}]

INVALID: list[tuple[Any, ...]] = [
    *((method, *arguments) for user in (None, "", "x" * 257, "\0") for method, arguments in (
        ("all", (user,)),
        ("add", (user, "tea", None)),
        ("update", (ID, "tea", True, user)),
        ("upsert", (ttypes.Task(userId=user),)),
        ("upsert", (ttypes.Task(id=ID, userId=user),)),
        ("get", (ID, user)),
        ("remove", (ID, user, None)),
        ("page", (user, None, None, None)),
        ("create", (user, None, None)),
        ("change", (ID, user, None, None)),
        ("restore", (ID, user)),
        ("find", (user, None)),
        ("changes", (user, None, None)),
        ("changedUsers", ({user: ""},)),
        ("batch", (user, [])),
        ("removeAll", (user,)),
    )),
    *((method, *arguments) for task_id in (None, "", "1", "g" * 24) for method, arguments in (
        ("update", (task_id, "tea", True, "me")),
        ("get", (task_id, "me")),
        ("remove", (task_id, "me", None)),
        ("change", (task_id, "me", None, None)),
        ("restore", (task_id, "me")),
    )),
    *(("upsert", ttypes.Task(id=task_id, userId="me")) for task_id in ("", "1", "g" * 24)),
    *((method, *arguments) for name in ("x" * 4097, "\0") for method, arguments in (
        ("add", ("me", name, None)),
        ("update", (ID, name, None, "me")),
        ("upsert", (ttypes.Task(userId="me", name=name),)),
        ("upsert", (ttypes.Task(id=ID, userId="me", name=name),)),
    )),
    *(("add", "me", "tea", key) for key in ("x" * 129, "\0")),
    *(("page", "me", limit, None, None) for limit in (-1, 1001)),
    ("page", "me", None, "second", None),
    *((method, *arguments) for fields in BAD_FIELDS for method, arguments in (
        ("create", ("me", ttypes.TaskFields(**fields), None)),
        ("change", (ID, "me", ttypes.TaskFields(**fields), None)),
    )),
    *(("create", "me", None, key) for key in ("x" * 129, "\0")),
    *((method, *arguments) for condition in BAD_CONDITIONS for method, arguments in (
        ("change", (ID, "me", None, ttypes.Condition(**condition))),
        ("remove", (ID, "me", ttypes.Condition(**condition))),
    )),
    *(("find", "me", ttypes.PageQuery(limit=limit)) for limit in (-1, 1001)),
    ("find", "me", ttypes.PageQuery(cursor="second")),
    *(("changes", "me", None, limit) for limit in (-1, 1001)),
    ("changedUsers", {str(number): "" for number in range(1001)}),
    ("batch", "me", [ttypes.Change()] * 501),
    ("upsert", None),
]  # fmt: skip


@pytest.mark.parametrize("call", INVALID, ids=lambda call: str(call)[:60])
def test_invalid_arguments(desk: Desk, call: tuple[Any, ...]) -> None:
    """What breaks the contract is answered 400, and the store is not asked."""
    assert desk.code(*call) == 400
    assert desk.store.asked == []
    assert desk.handler.in_flight == 0


def test_a_task_that_is_not_there(desk: Desk) -> None:
    """The store's outcome of one item is the caller's error."""
    results = desk.call("get", ID, "me")
    desk.store.answer(TaskNotFound())
    assert code(results) == 404


@pytest.mark.parametrize(("error", "expected"), [(StoreUnavailable(), 503), (DeadlineExceeded(), 504)])
def test_a_store_that_fails(desk: Desk, error: Exception, expected: int) -> None:
    """A batch that failed is every caller's error."""
    results = desk.call("all", "me")
    desk.store.answers[0].errback(error)
    assert code(results) == expected


def test_a_bug(desk: Desk) -> None:
    """What nobody foresaw is answered 500 without a detail, and logged with all of them."""
    with capturedLogs() as events:
        results = desk.call("all", "me")
        desk.store.answers[0].errback(ZeroDivisionError("secret"))
    assert code(results) == 500
    assert "secret" not in results[0].value.message
    assert [event["log_level"] for event in events] == [LogLevel.critical]
    assert events[0]["log_failure"].check(ZeroDivisionError)


@pytest.mark.parametrize("outcomes", [[], [None]])
def test_a_bug_in_an_outcome(desk: Desk, outcomes: list[Any]) -> None:
    """An outcome that is none is a bug like any other: answered 500, logged and counted."""
    with capturedLogs() as events:
        results = desk.call("get", ID, "me")
        desk.store.answers[0].callback(outcomes)
    assert code(results) == 500
    assert [event["log_level"] for event in events] == [LogLevel.critical]
    assert desk.handler.errors == {500: 1}
    assert desk.handler.in_flight == 0


def test_too_many_calls() -> None:
    """Beyond the limit a call is answered 429 without asking the store; check passes; room comes back."""
    desk = Desk(max_in_flight=2)
    first, second = desk.call("all", "me"), desk.call("get", ID, "me")
    assert desk.code("all", "me") == 429
    assert len(desk.store.asked) == 2
    assert desk.handler.check().ok
    desk.store.answers[0].errback(StoreUnavailable())
    desk.store.answer(TaskNotFound())
    assert (code(first), code(second)) == (503, 404)
    assert desk.handler.in_flight == 0
    desk.call("all", "me")
    assert len(desk.store.asked) == 3


@pytest.mark.parametrize(
    ("call", "other"),
    [
        (("page", "me", 0, "", None), ("page", "me", None, None, None)),
        (("find", "me", None), ("page", "me", None, None, None)),
        (("find", "me", ttypes.PageQuery()), ("page", "me", None, None, None)),
        (("find", "me", ttypes.PageQuery(0, "", None)), ("page", "me", None, None, None)),
        (("find", "me", ttypes.PageQuery(7, None, False)), ("page", "me", 7, None, False)),
        (("changes", "me", "", 0), ("changes", "me", None, None)),
        (("changes", "me", "", 0), ("changes", "me", None, 1000)),
        (("change", ID, "me", ttypes.TaskFields(), ttypes.Condition()), ("change", ID, "me", None, None)),
        (("change", ID, "me", None, ttypes.Condition(key="")), ("update", ID, None, None, "me")),
        (("remove", ID, "me", ttypes.Condition()), ("remove", ID, "me", None)),
        (("changedUsers", {"me": ""}), ("changedUsers", {"me": ""})),
    ],
)
def test_zero_values_are_absent(desk: Desk, call: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """What code in C++, Go, Java, Rust and C# sends for an absent argument asks the store as if it were absent."""
    desk.call(*call)
    desk.call(*other)
    assert desk.store.asked[0] == desk.store.asked[1]


def test_an_empty_key_is_no_key(desk: Desk) -> None:
    """Tasks that are added under an empty key are as many as there are calls."""
    desk.call("add", "me", "tea", "")
    desk.call("add", "me", "tea", "")
    desk.call("create", "me", None, "")
    assert len({task.id for _, (task,), _ in desk.store.asked}) == 3


def test_create(desk: Desk) -> None:
    """create adds a task with its fields, under the id that add has for its key, its version its time."""
    desk.call("create", "me", ttypes.TaskFields("tea", True, "green", "2026-11-25", "a"), "k")
    desk.call("add", "me", "tea", "k")
    (_, (task,), _), (_, (other,), _) = desk.store.asked
    assert task == Task(other.id, "me", "tea", task.created_ms, True, task.created_ms, None, "green", "2026-11-25", "a")
    assert other.version == other.created_ms


def test_create_with_nothing(desk: Desk) -> None:
    """A task that is created without fields, or with empty ones, has no name, notes, due date or rank."""
    desk.call("create", "me", None, None)
    desk.call("create", "me", ttypes.TaskFields("", False, "", "", ""), None)
    assert [task[2:3] + task[7:] for _, (task,), _ in desk.store.asked] == [("", None, None, None)] * 2


def test_change(desk: Desk) -> None:
    """change passes on what is given and the condition, and clears what is given as empty."""
    fields = ttypes.TaskFields(notes="", due="2026-11-25T09:30:00+01:00")
    desk.call("change", ID.upper(), "me", fields, ttypes.Condition(version=7))
    (change,) = desk.store.asked[0][1]
    assert change == TaskChange(ID, "me", notes="", due="2026-11-25T09:30:00+01:00", condition=Condition(7))


def test_the_digest_of_a_key(desk: Desk) -> None:
    """Only the same change under the same key has the same digest, so that no other passes for its repetition."""
    fields = [ttypes.TaskFields(name="a"), ttypes.TaskFields(notes="a"), ttypes.TaskFields(done=True), None]
    for key in ("k", "l"):
        for version in (None, 1, 2):
            for one in fields:
                desk.call("change", ID, "me", one, ttypes.Condition(version, key))
            desk.call("remove", ID, "me", ttypes.Condition(version, key))
    digests = [items[0].condition.key for _, items, _ in desk.store.asked]
    assert len(set(digests)) == len(digests) == 30
    desk.call("change", ID, "me", fields[0], ttypes.Condition(None, "k"))
    assert desk.store.asked[-1][1][0].condition.key == digests[0]


def test_a_condition_that_does_not_hold(desk: Desk) -> None:
    """A version that has passed is answered 412, with the task as it is."""
    results = desk.call("change", ID, "me", None, ttypes.Condition(version=7))
    desk.store.answer(VersionConflict(TASK))
    assert code(results) == 412
    assert results[0].value.current == convert.to_thrift(TASK)


def test_restore(desk: Desk) -> None:
    """restore names the task; one whose id was taken is answered 409."""
    results = desk.call("restore", ID, "me")
    assert desk.store.asked == [("restore", [TaskRef(ID, "me")], 105.0)]
    desk.store.answer(TaskIdTaken())
    assert code(results) == 409


def test_changes(desk: Desk) -> None:
    """changes asks with the token and the limit, and answers tasks, removed ones, token, more and reset."""
    results = desk.call("changes", "me", "token", 5)
    assert desk.store.asked[0][1] == [ChangesQuery("me", "token", 5)]
    desk.store.answer(Changes([TASK], [RemovedTask("f" * 24, 9)], "next", True, False))
    removed = [ttypes.RemovedTask("f" * 24, 9)]
    assert results == [ttypes.TaskChanges([convert.to_thrift(TASK)], removed, "next", True, False)]


def test_changed_users(desk: Desk) -> None:
    """changedUsers is one question, and answers those that have something newer; a bad token fails the call."""
    results = desk.call("changedUsers", {"me": "a", "you": "b", "she": ""})
    assert desk.store.asked[0][1] == [UserSync("me", "a"), UserSync("you", "b"), UserSync("she", None)]
    desk.store.answers[0].callback([None, "c", "d"])
    assert results == [{"you": "c", "she": "d"}]
    results = desk.call("changedUsers", {"me": "rubbish"})
    desk.store.answer(InvalidArgument("no token"))
    assert code(results) == 400


@pytest.mark.parametrize("syncs", [None, {}])
def test_changed_users_of_nobody(desk: Desk, syncs: Any) -> None:
    """Nobody's changes are known without the store."""
    assert desk.call("changedUsers", syncs) == [{}]
    assert desk.store.asked == []


def test_remove_all(desk: Desk) -> None:
    """removeAll answers how many tasks there were."""
    results = desk.call("removeAll", "me")
    assert desk.store.asked == [("remove_all", ["me"], 105.0)]
    desk.store.answer(3)
    assert results == [3]


def test_a_page_that_would_be_too_long(desk: Desk) -> None:
    """A page holds fewer tasks than its limit where they would pass 4 MiB, and names the next one's place."""
    large = [TASK._replace(id=f"{number:024x}", notes="é" * 8192) for number in range(400)]
    results = desk.call("find", "me", ttypes.PageQuery(limit=300))
    desk.store.answer(large[:301])
    (page,) = results
    assert 200 < len(page.tasks) < 300
    assert page.nextCursor == model.write_cursor(Position(MOMENT, page.tasks[-1].id))


# Thrift's TMultiplexedProtocol does not go around what only thriftpy2 has.
@pytest.mark.parametrize("service", [None, "Tasks"])
@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if "thriftpy2" not in dialect.name], ids=str)
def test_overload_in_every_dialect(dialect: Dialect, service: str | None) -> None:
    """With calls enough in flight each method is answered 429, whatever its arguments, and `check` as always."""
    desk = Desk(max_in_flight=1)
    desk.handler.all("me").addErrback(lambda _: None)
    connection = ThriftServerFactory(Tasks.Processor(desk.handler), clock=desk.clock).buildProtocol(None)
    assert connection is not None
    transport = StringTransport()
    connection.makeConnection(transport)
    client = Client(dialect, service)
    for name in Tasks.Iface.names(all=True):
        client.out.writeMessageBegin(name, TMessageType.CALL, 1)
        getattr(Tasks, f"{name}_args")().write(client.out)
        client.out.writeMessageEnd()
        client.protocol.trans.flush()
        connection.dataReceived(bytes(client.pipe.sent))
        client.pipe.sent.clear()
        client.pipe.received += transport.value()
        transport.clear()
        assert client.protocol.readMessageBegin()[:2] == (name, TMessageType.REPLY)
        result = getattr(Tasks, f"{name}_result")()
        result.read(client.protocol)
        client.protocol.readMessageEnd()
        assert result.success.ok if name == "check" else result.ouch.code == 429
    assert len(desk.store.asked) == 1
