"""What the batching store does, over a store whose every answer the test gives.

Covers `service.storage.batching.call`, `service.storage.batching.divide`, `service.storage.batching.lines`,
`service.storage.batching.queues`, `service.storage.batching.rescue`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.support.memory_store import Asked, MemoryStore
from twisted_tasks.model import (
    Condition,
    DeadlineExceeded,
    ListQuery,
    Overloaded,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskError,
    TaskNotFound,
    TaskRef,
    TaskRemoval,
    VersionConflict,
    to_milliseconds,
)
from twisted_tasks.service.storage.batching.queue import PATIENCE
from twisted_tasks.service.storage.batching.store import BatchingStore, BatchLimits
from twisted_tasks.service.storage.interface import ITaskStore, StoreMisconfigured

MOMENT = to_milliseconds(datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC))


def new_task(name: str = "tea", user: str = "me") -> Task:
    return Task(str(ObjectId()), user, name, MOMENT, False)


class Desk:
    """A batching store over one that waits for the test, with a clock at 100 s."""

    def __init__(self, **limits: Any) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.inner = MemoryStore(self.clock, hold=True)
        self.limits = BatchLimits(**{"max_in_flight": 1, **limits})
        self.make_store()

    def make_store(self) -> None:
        """Make the batching store, anew after the other one was changed."""
        self.store = BatchingStore(self.inner, self.clock, self.limits)

    def call(self, kind: str, *items: Any, timeout: float = 5.0) -> list[Any]:
        """Call; the list holds the outcomes, or the Failure, once there are any."""
        results: list[Any] = []
        result: Deferred[Any] = getattr(self.store, kind)(items, self.clock.seconds() + timeout)
        result.addBoth(lambda result: results.extend([result] if isinstance(result, Failure) else result))
        return results

    def add(self, name: str = "tea", **options: Any) -> list[Any]:
        return self.call("add", new_task(name), **options)

    def under_way(self) -> Asked:
        """The one batch that is under way."""
        (asked,) = self.inner.under_way
        return asked

    def sent(self) -> list[list[Any]]:
        """What was sent so far, by batch: of a task its name, of anything else all of it."""
        return [[getattr(item, "name", item) for item in asked.items] for asked in self.inner.asked]

    def answer_all(self) -> None:
        """Answer what is asked until nothing is."""
        while self.inner.under_way:
            self.inner.under_way[0].answer()


def error(results: list[Any]) -> type[BaseException]:
    """Return what a call failed with."""
    (failure,) = results
    return failure.type if isinstance(failure, Failure) else type(failure)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_provides_the_interface(desk: Desk) -> None:
    """It is a store like any other."""
    assert verifyObject(ITaskStore, desk.store)


def test_an_idle_service_adds_no_delay(desk: Desk) -> None:
    """The first call leaves at once, alone, and no timer is started for it."""
    result = desk.add("a")
    assert desk.sent() == [["a"]]
    assert desk.clock.getDelayedCalls() == [desk.under_way().timer]
    desk.under_way().answer()
    assert [task.name for task in result] == ["a"]
    assert desk.clock.getDelayedCalls() == []


def test_later_calls_leave_together(desk: Desk) -> None:
    """What arrives while a batch is on its way leaves in the next one, and each caller gets its own outcome."""
    results = [desk.add(name) for name in "abcd"]
    assert desk.sent() == [["a"]]
    desk.under_way().answer()
    assert desk.sent() == [["a"], ["b", "c", "d"]]
    assert [len(result) for result in results] == [1, 0, 0, 0]
    desk.under_way().answer()
    assert [result[0].name for result in results] == ["a", "b", "c", "d"]
    desk.add("e")
    assert desk.sent()[2:] == [["e"]]


def test_the_next_batch_leaves_before_the_answers(desk: Desk) -> None:
    """The store gets its next batch before callers are told of the last one."""
    sent_when_told: list[int] = []
    desk.add("a")
    waiting = desk.store.add([new_task("b")], 105)
    desk.add("c")
    desk.under_way().answer()
    waiting.addCallback(lambda _: sent_when_told.append(len(desk.inner.asked)))
    desk.add("d")
    desk.under_way().answer()
    assert sent_when_told == [3]


def test_a_full_batch_does_not_wait() -> None:
    """A batch that is full leaves beside those on their way, up to `max_in_flight`."""
    desk = Desk(max_items=2, max_in_flight=3)
    results = [desk.add(name) for name in "abcdefgh"]
    assert desk.sent() == [["a"], ["b", "c"], ["d", "e"]]
    desk.inner.under_way[1].answer()
    assert desk.sent()[3:] == [["f", "g"]]
    desk.inner.under_way[0].answer()
    assert len(desk.inner.under_way) == 2
    desk.answer_all()
    assert desk.sent()[4:] == [["h"]]
    assert [result[0].name for result in results] == list("abcdefgh")


def test_half_of_the_open_reads_leave_beside_the_others() -> None:
    """Reads travel in two batches in turns; changes go together, and a third batch of reads does not leave."""
    desk = Desk(max_in_flight=8)
    tasks = [new_task(str(number)) for number in range(30)]

    def read(count: int) -> None:
        for _ in range(count):
            desk.call("get", TaskRef(tasks.pop().id, "me"))

    read(1)
    read(3)
    assert [len(asked.items) for asked in desk.inner.asked] == [1]
    read(1)  # that makes four, and more than half of all that are open
    read(9)
    assert [len(asked.items) for asked in desk.inner.asked] == [1, 4]
    desk.inner.under_way[0].answer()  # nine of thirteen are ready
    assert [len(asked.items) for asked in desk.inner.asked] == [1, 4, 9]
    read(3)
    desk.inner.under_way[0].answer()  # three of twelve
    assert [len(asked.items) for asked in desk.inner.asked] == [1, 4, 9]
    read(6)  # nine of eighteen, the last one
    assert [len(asked.items) for asked in desk.inner.asked] == [1, 4, 9, 9]
    before = len(desk.inner.asked)
    for name in "abcdefghij":
        desk.add(name)
    assert desk.sent()[before:] == [["a"]]


def test_nothing_waits_behind_a_batch_that_is_stuck() -> None:
    """When a batch takes longer than usual the next one leaves beside it, up to `max_in_flight`."""
    desk = Desk(max_in_flight=3)
    stuck = desk.add("a")
    results = [desk.add("b"), desk.add("c")]
    desk.clock.advance(PATIENCE * 0.9)
    assert desk.sent() == [["a"]]
    desk.clock.advance(PATIENCE * 0.2)
    assert desk.sent() == [["a"], ["b", "c"]]
    desk.inner.under_way[1].answer()
    assert [result[0].name for result in results] == ["b", "c"]
    assert stuck == []

    desk.add("d")
    assert desk.sent()[2:] == []
    desk.clock.pump([PATIENCE / 4] * 5)
    assert desk.sent()[2:] == [["d"]]
    desk.add("e")
    desk.clock.pump([PATIENCE / 4] * 5)
    desk.add("f")
    desk.clock.pump([PATIENCE / 4] * 10)
    assert desk.sent()[2:] == [["d"], ["e"]]
    desk.inner.under_way[2].answer()
    assert desk.sent()[4:] == [["f"]]


def test_a_place_that_becomes_free_is_used() -> None:
    """A call that found every place taken leaves when one is free and those on their way take long."""
    desk = Desk(max_in_flight=2)
    desk.add("a")
    desk.add("b")
    desk.clock.advance(PATIENCE)
    desk.add("c")
    desk.clock.advance(PATIENCE / 2)
    desk.inner.under_way[0].answer()
    assert desk.sent() == [["a"], ["b"]]
    desk.clock.pump([PATIENCE / 4] * 4)
    assert desk.sent() == [["a"], ["b"], ["c"]]


def test_kinds_do_not_wait_for_each_other(desk: Desk) -> None:
    """Each kind of operation has a queue of its own."""
    task = new_task()
    desk.call("add", task)
    desk.call("update", TaskChange(str(ObjectId()), "me", "x", None))
    desk.call("remove", TaskRemoval(str(ObjectId()), "me"))
    desk.call("get", TaskRef(task.id, "me"))
    desk.call("find", ListQuery("me"))
    assert [asked.kind for asked in desk.inner.under_way] == ["add", "update", "remove", "get", "find"]


def test_items_of_a_batch_are_bounded() -> None:
    """A batch holds at most `max_items`, in order of arrival, so that no call waits behind more than it must."""
    desk = Desk(max_items=3)
    for name in "abcdefgh":
        desk.add(name)
    desk.answer_all()
    assert desk.sent() == [["a"], ["b", "c", "d"], ["e", "f", "g"], ["h"]]


def test_bytes_of_a_batch_are_bounded() -> None:
    """A batch holds at most `max_bytes`; an item that is larger travels alone, and characters count up to four each."""
    desk = Desk(max_bytes=100)
    small, wide, large = "s" * 40, "é" * 20, "l" * 200
    for name in ("first", small, small, small, large, wide, small, wide):
        desk.add(name)
    desk.answer_all()
    assert desk.sent() == [["first"], [small, small], [small], [large], [wide], [small], [wide]]


def test_a_batch_that_is_full_by_its_bytes_does_not_wait() -> None:
    """As one that is full by its items: the next is sent beside the one that is on its way."""
    desk = Desk(max_bytes=100, max_in_flight=2)
    for name in ("first", "s" * 40, "t" * 40):
        desk.add(name)
    assert desk.sent() == [["first"]]
    desk.add("u" * 40)
    assert desk.sent() == [["first"], ["s" * 40, "t" * 40]]


def test_tasks_of_a_batch_are_bounded() -> None:
    """A batch of lists is to bring `max_tasks`, going by what lists brought lately; pages count by their limit."""
    desk = Desk(max_tasks=60)
    users = [f"user {number}" for number in range(4)]
    for user in users:
        for _ in range(30):
            task = new_task(user=user)
            desk.inner.tasks[task.id] = task
    for _ in range(100):  # an idle service learns as well, and of whole lists alone
        desk.call("find", ListQuery("user 0"))
        desk.call("find", ListQuery("user 0", 1))
        desk.answer_all()
    before = len(desk.inner.asked)
    lists = [ListQuery(user) for user in users]
    pages = [ListQuery(user, 10) for user in users]
    results = [desk.call("find", query) for query in [lists[0], *lists, *pages, *pages[:2]]]
    desk.answer_all()
    assert desk.sent()[before:] == [lists[:1], lists[:2], lists[2:], pages]
    assert [len(result[0]) for result in results] == [30] * 5 + [10] * 6


def test_one_very_long_list_teaches_little() -> None:
    """After one list that is far longer than a batch may bring, short ones still go together."""
    desk = Desk(max_tasks=80)
    desk.inner.tasks = {task.id: task for task in [new_task(user="many") for _ in range(5000)]}
    desk.call("find", ListQuery("many"))
    desk.answer_all()
    for number in range(9):
        desk.call("find", ListQuery(f"user {number}"))
    desk.answer_all()
    assert [len(asked.items) for asked in desk.inner.asked] == [1, 1, 7, 1]


def test_several_items_of_one_call(desk: Desk) -> None:
    """A call of several items has one outcome for each, in order, though they left in different batches."""
    desk = Desk(max_items=2)
    names = ["a", "b", "c", "d", "e"]
    result = desk.call("add", *map(new_task, names))
    desk.answer_all()
    assert [task.name for task in result] == names
    assert [len(batch) for batch in desk.sent()] == [2, 2, 1]


def test_a_call_of_nothing(desk: Desk) -> None:
    """Nothing asked, nothing sent, no outcomes."""
    fired: list[Any] = []
    desk.store.get([], 105).addCallback(fired.append)
    assert fired == [[]]
    assert desk.inner.asked == []


def test_outcomes_of_several_items_are_their_own(desk: Desk) -> None:
    """Of a call of several items, those whose batch failed have its error as their outcome; the others are unharmed."""
    desk = Desk(max_items=2)
    result = desk.call("add", *map(new_task, "abc"))
    desk.under_way().answer()
    desk.under_way().fail(StoreUnavailable())
    assert [getattr(outcome, "name", type(outcome)) for outcome in result] == ["a", "b", StoreUnavailable]


@pytest.mark.parametrize("failing", [StoreUnavailable(), RuntimeError("bug")])
def test_a_call_of_several_items_that_all_fail(failing: Exception) -> None:
    """Where nothing worked the call fails as a whole."""
    desk = Desk(max_items=1)
    result = desk.call("add", *map(new_task, "ab"))
    while desk.inner.under_way:
        desk.under_way().fail(failing)
    assert error(result) is type(failing)


def test_a_full_queue_refuses() -> None:
    """With `max_open` calls waiting or on their way, one more is refused, and room made is used again."""
    desk = Desk(max_open=2, max_in_flight=1)
    first = desk.add("a")
    accepted = [desk.add("b"), desk.add("c")]
    assert error(desk.add("d")) is Overloaded
    assert error(desk.call("add", new_task("e"), new_task("f"))) is Overloaded
    desk.under_way().answer()
    assert error(desk.add("g")) is Overloaded
    desk.under_way().answer()
    assert [result[0].name for result in (first, *accepted)] == ["a", "b", "c"]
    assert desk.sent() == [["a"], ["b", "c"]]
    assert [task.name for task in desk.add("h") or desk.under_way().items] == ["h"]


# Deadlines


def test_an_expired_call_is_not_sent(desk: Desk) -> None:
    """A call whose deadline passes while it waits is told so at that moment, and its item never leaves."""
    desk.add("a", timeout=60)
    short, long = desk.add("b", timeout=2), desk.add("c", timeout=60)
    desk.clock.advance(1.9)
    assert short == []
    desk.clock.advance(0.1)
    assert error(short) is DeadlineExceeded
    desk.answer_all()
    assert desk.sent() == [["a"], ["c"]]
    assert long[0].name == "c"


def test_a_call_that_expired_this_moment_is_not_sent(desk: Desk) -> None:
    """The deadline is looked at when a batch leaves: a timer that comes late changes nothing."""
    desk.add("a", timeout=60)
    late = desk.add("b", timeout=2)
    desk.clock.rightNow += 2  # the time passes, and no timer has run
    desk.under_way().answer()
    assert error(late) is DeadlineExceeded
    assert desk.sent() == [["a"]]


def test_a_call_on_its_way_ends_at_its_own_deadline(desk: Desk) -> None:
    """A call whose batch outlives its deadline is told at its own; the batch goes on for the others."""
    desk.add("a")
    short, long = desk.add("b", timeout=2), desk.add("c", timeout=4)
    desk.under_way().answer()
    assert desk.sent()[1:] == [["b", "c"]]
    desk.clock.advance(2)
    assert error(short) is DeadlineExceeded
    desk.under_way().answer()
    assert long[0].name == "c"
    assert error(short) is DeadlineExceeded


def test_a_batch_has_the_latest_deadline_of_its_calls(desk: Desk) -> None:
    """The store may take as long as the most patient of a batch's callers waits."""
    desk.add("a", timeout=1)
    for timeout in (3, 9, 6):
        desk.add(timeout=timeout)
    desk.under_way().answer()
    assert desk.under_way().deadline == 109


def test_a_batch_that_passes_its_deadline(desk: Desk) -> None:
    """When the deadline of a whole batch has passed nothing is sent again, and the next batch leaves."""
    desk.add("a", timeout=20)
    results = [desk.add("b", timeout=3), desk.add("c", timeout=4)]
    desk.under_way().answer()
    after = desk.add("d", timeout=50)
    desk.clock.pump([3, 1])
    assert [error(result) for result in results] == [DeadlineExceeded] * 2
    assert desk.sent() == [["a"], ["b", "c"], ["d"]]
    desk.answer_all()
    assert after[0].name == "d"


def test_no_timer_is_left(desk: Desk) -> None:
    """Once every call is answered and its deadline past, nothing is left on the clock."""
    for _ in range(5):
        desk.add()
    desk.answer_all()
    desk.clock.advance(5)
    assert desk.clock.getDelayedCalls() == []


def test_many_deadlines_cost_few_looks(desk: Desk) -> None:
    """Thousands of calls that expire one after another are looked at a bounded number of times a second."""
    desk.add(timeout=60)
    results = [desk.add(timeout=1 + number / 10_000) for number in range(3000)]
    looks = 0
    while len(desk.clock.getDelayedCalls()) > 1:  # the other one is the store's
        desk.clock.advance(desk.clock.getDelayedCalls()[0].getTime() - desk.clock.seconds())
        looks += 1
    assert [error(result) for result in results] == [DeadlineExceeded] * 3000
    assert looks <= 0.3 / 0.005 + 2


# Changes of one task


def test_changes_of_one_task_never_share_a_batch(desk: Desk) -> None:
    """Two updates of one task leave one after the other, in order, and each answer shows its caller's own change."""
    one, other = new_task("one"), new_task("other")
    desk.inner.tasks = {one.id: one, other.id: other}
    desk.call("update", TaskChange(str(ObjectId()), "me", "x", None))
    first = desk.call("update", TaskChange(one.id, "me", "1", None))
    second = desk.call("update", TaskChange(one.id, "me", None, True))
    third = desk.call("update", TaskChange(one.id, "me", "3", None))
    beside = desk.call("update", TaskChange(other.id, "me", "o", None))
    desk.answer_all()
    assert [[item.id for item in asked.items] for asked in desk.inner.asked[1:]] == [
        [one.id, other.id],
        [one.id],
        [one.id],
    ]
    assert [first, second, third] == [
        [one._replace(name="1", version=1, updated_ms=100_000)],
        [one._replace(name="1", done=True, version=2, updated_ms=100_000)],
        [one._replace(name="3", done=True, version=3, updated_ms=100_000)],
    ]
    assert beside == [other._replace(name="o", version=1, updated_ms=100_000)]


def test_changes_of_one_task_never_meet(desk: Desk) -> None:
    """A change waits while another of the same task is on its way, in whatever batch, of whatever kind."""
    desk = Desk(max_in_flight=5)
    task = new_task()
    ref = TaskRemoval(task.id, "me")
    results = [
        desk.call("add", task),
        desk.call("update", TaskChange(task.id, "me", "new", None)),
        desk.call("remove", ref),
        desk.call("remove", ref),
        desk.call("add", task),
    ]
    kinds = []
    while desk.inner.under_way:
        kinds.append(desk.under_way().kind)
        desk.under_way().answer()
    assert kinds == ["add", "update", "remove", "remove", "add"]
    assert results[:3] == [[task], [task._replace(name="new", version=1, updated_ms=100_000)], [None]]
    assert isinstance(results[3][0], TaskNotFound)
    assert results[4] == [task._replace(version=3)]


@pytest.mark.parametrize("kind", ["update", "remove"])
def test_strangers_in_line(desk: Desk, kind: str) -> None:
    """Changes of somebody's task by others, which find nothing, do not hold up its owner's."""
    task = new_task()
    desk.inner.tasks[task.id] = task

    def change(user: str) -> list[Any]:
        item = TaskChange(task.id, user, "x", None) if kind == "update" else TaskRemoval(task.id, user)
        return desk.call(kind, item)

    strangers = [change(f"stranger {number % 3}") for number in range(30)]
    own = change("me")
    desk.under_way().answer()
    desk.under_way().answer()
    assert len(own) == 1
    assert not isinstance(own[0], TaskError)
    desk.answer_all()
    assert [error(results) for results in strangers] == [TaskNotFound] * 30


def test_a_read_does_not_wait_for_changes(desk: Desk) -> None:
    """Reads of a task leave while a change of it is on its way."""
    task = new_task()
    desk.call("add", task)
    desk.call("get", TaskRef(task.id, "me"))
    assert [asked.kind for asked in desk.inner.under_way] == ["add", "get"]


def test_a_change_in_line_expires(desk: Desk) -> None:
    """A change that waits for another of its task is told when its deadline passes; those behind it move up."""
    desk = Desk(max_in_flight=5)
    task = new_task()
    desk.call("add", task, timeout=60)
    late = desk.call("update", TaskChange(task.id, "me", "late", None), timeout=1)
    last = desk.call("update", TaskChange(task.id, "me", "last", None), timeout=60)
    desk.clock.advance(1)
    assert error(late) is DeadlineExceeded
    desk.answer_all()
    assert desk.sent() == [["tea"], ["last"]]
    assert last[0].name == "last"


def test_an_expired_change_makes_way(desk: Desk) -> None:
    """A change that expired before it left does not hold up the next one of its task."""
    task = new_task()
    desk.inner.tasks[task.id] = task
    desk.call("update", TaskChange(str(ObjectId()), "me", None, None), timeout=60)
    late = desk.call("update", TaskChange(task.id, "me", "late", None), timeout=1)
    last = desk.call("update", TaskChange(task.id, "me", "last", None), timeout=60)
    desk.clock.advance(1)
    assert error(late) is DeadlineExceeded
    desk.answer_all()
    assert last[0].name == "last"


def test_a_busy_task_does_not_overtake(desk: Desk) -> None:
    """Changes that stood in line keep their place: a stream of changes of one task cannot keep others waiting."""
    desk = Desk(max_items=1)
    task = new_task()
    desk.inner.tasks[task.id] = task
    for name in ("t1", "t2"):
        desk.call("update", TaskChange(task.id, "me", name, None))
    desk.call("update", TaskChange(str(ObjectId()), "me", "other", None))
    for name in ("t3", "t4"):
        desk.call("update", TaskChange(task.id, "me", name, None))
    desk.answer_all()
    assert desk.sent() == [["t1"], ["t2"], ["other"], ["t3"], ["t4"]]


def test_nothing_is_remembered_of_settled_tasks(desk: Desk) -> None:
    """What keeps changes of one task apart is forgotten when they are settled, whichever way."""
    task = new_task()
    desk.call("add", task, timeout=60)
    desk.call("update", TaskChange(task.id, "me", "a", None), timeout=1)
    desk.call("update", TaskChange(task.id, "me", "b", None), timeout=60)
    desk.call("remove", TaskRemoval(task.id, "me"), timeout=60)
    desk.clock.advance(1)
    desk.under_way().answer()
    desk.under_way().fail(RuntimeError("bug"))
    desk.answer_all()
    assert len(desk.store._adds._lines) == 0


# Reads


def test_a_read_starts_after_its_call(desk: Desk) -> None:
    """A read that arrives while the same query is under way gets one of its own, and so sees what was written since."""
    first = desk.call("find", ListQuery("me"))
    desk.under_way().apply()
    task = new_task()
    desk.inner.tasks[task.id] = task
    second = desk.call("find", ListQuery("me"))
    desk.answer_all()
    assert [first, second] == [[[]], [[task]]]


def test_equal_reads_of_a_batch_are_asked_once(desk: Desk) -> None:
    """Callers that ask the same in one batch share a query; every answer is the same as if asked alone."""
    tasks = {user: new_task(user=user) for user in ("me", "you")}
    desk.inner.tasks = {task.id: task for task in tasks.values()}
    desk.call("find", ListQuery("nobody"))
    users = ["me", "you", "me", "nobody", "me"]
    results = [desk.call("find", ListQuery(user)) for user in users]
    desk.under_way().answer()
    assert desk.under_way().items == [ListQuery("me"), ListQuery("you"), ListQuery("nobody")]
    desk.answer_all()
    assert results == [[[tasks[user]] if user in tasks else []] for user in users]


# Failures


def test_an_outcome_that_is_an_error_is_its_callers_alone(desk: Desk) -> None:
    """A refused item of a batch fails for its own caller; nothing is sent again."""
    taken = new_task(user="you")
    desk.inner.tasks[taken.id] = taken
    desk.add("a")
    good, refused, also_good = desk.add("b"), desk.call("add", taken._replace(user_id="me")), desk.add("c")
    desk.answer_all()
    assert [good[0].name, error(refused), also_good[0].name] == ["b", TaskNotFound, "c"]
    assert len(desk.inner.asked) == 2


def poison(desk: Desk, error: Exception, names: str) -> None:
    """Answer until nothing is asked; a batch fails whole where it holds one of these names."""
    while desk.inner.under_way:
        asked = desk.under_way()
        if any(item.name in names for item in asked.items):
            asked.fail(error)
        else:
            asked.answer()


@pytest.mark.parametrize("failing", [RuntimeError("a document that cannot be encoded"), StoreUnavailable()])
@pytest.mark.parametrize("bad", ["b", "i", "e", "bi", "efg", "bcdefgh", "bcdefghi"])
def test_a_poisonous_item_fails_alone(desk: Desk, failing: Exception, bad: str) -> None:
    """An item that makes every batch it is in fail takes no other down: the batch is sent again in parts."""
    desk.add("a")
    results = {name: desk.add(name) for name in "bcdefghi"}
    with capturedLogs():
        desk.under_way().answer()
        poison(desk, failing, bad)
    for name, result in results.items():
        if name in bad:
            assert error(result) is type(failing)
        else:
            assert result[0].name == name
    trips = len(desk.inner.asked) - 1
    assert trips <= 1 + 2 * 3 * len(bad)  # the batch, and two for each time that eight can be halved


def test_a_bug_that_every_item_meets(desk: Desk) -> None:
    """Where nothing works every caller is told, and the queue goes on."""
    desk.add("a")
    results = [desk.add(name) for name in "bcd"]
    with capturedLogs() as logs:
        desk.under_way().answer()
        poison(desk, RuntimeError("bug"), "bcd")
    assert [error(result) for result in results] == [RuntimeError] * 3
    assert [event["log_level"] for event in logs] == [LogLevel.critical]
    desk.add("e")
    assert desk.sent()[-1] == ["e"]


@pytest.mark.parametrize("trouble", [StoreUnavailable(), DeadlineExceeded(), StoreMisconfigured("no right to write")])
def test_a_store_that_is_down_is_not_asked_for_every_item(desk: Desk, trouble: Exception) -> None:
    """When the store is unavailable for both halves and says itself that it does not work, nothing more is sent."""
    pings: list[float] = []

    def ping(deadline: float) -> Deferred[None]:
        pings.append(deadline)
        return fail(trouble)

    desk.inner.ping = ping  # type: ignore[method-assign]
    desk.make_store()
    desk.add("a")
    results = [desk.add(str(number)) for number in range(63)] + [desk.add("last", timeout=7)]
    desk.under_way().answer()
    while desk.inner.under_way:
        desk.under_way().fail(StoreUnavailable())
    assert [error(result) for result in results] == [StoreUnavailable] * 64
    assert len(desk.inner.asked) == 1 + 3
    assert pings == [107]
    desk.add("b")
    assert desk.sent()[-1] == ["b"]


def test_a_store_that_never_says_whether_it_works(desk: Desk) -> None:
    """Callers are answered at their deadlines, and the batch keeps its place until the store has spoken."""
    answer: Deferred[None] = Deferred()
    desk.inner.ping = lambda deadline: answer  # type: ignore[method-assign]
    desk.make_store()
    desk.add("a")
    results = [desk.add(name, timeout=5) for name in "bcd"]
    desk.under_way().answer()
    while desk.inner.under_way:
        desk.under_way().fail(StoreUnavailable())
    later = desk.add("later", timeout=20)
    desk.clock.pump([5.1, 0.1])
    assert [error(result) for result in results] == [DeadlineExceeded] * 3
    answer.errback(DeadlineExceeded())
    desk.answer_all()
    assert later[0].name == "later"


def test_a_bug_in_asking_whether_the_store_works(desk: Desk) -> None:
    """It is logged, and no caller is left without an answer."""
    desk.inner.ping = lambda deadline: 1 / 0  # type: ignore[assignment,method-assign,return-value]
    desk.make_store()
    desk.add("a")
    results = [desk.add(name) for name in "bcd"]
    desk.under_way().answer()
    with capturedLogs() as logs:
        while desk.inner.under_way:
            desk.under_way().fail(StoreUnavailable())
    assert [error(result) for result in results] == [StoreUnavailable] * 3
    assert [event["log_level"] for event in logs] == [LogLevel.critical]


def test_a_store_that_raises(desk: Desk) -> None:
    """An operation that raises instead of giving a Deferred is a failure like any other."""
    desk.inner.get = lambda items, deadline: 1 / 0  # type: ignore[method-assign]
    store = BatchingStore(desk.inner, desk.clock)
    results: list[Any] = []
    store.get([TaskRef(str(ObjectId()), "me")], 105).addErrback(results.append)
    assert error(results) is ZeroDivisionError


def test_outcomes_that_are_missing(desk: Desk) -> None:
    """A store that gives too few outcomes leaves no caller without an answer, and gives none another's."""
    desk.add("a")
    results = [desk.add(name) for name in "bc"]
    with capturedLogs():
        desk.under_way().answer()
        while desk.inner.under_way:
            asked = desk.under_way()
            asked._end(lambda asked=asked: asked.result.callback([]))
    assert [error(result) for result in results] == [AssertionError] * 2


def test_parts_keep_the_place_of_their_batch(desk: Desk) -> None:
    """While parts of a batch are sent again no further batch leaves in its place."""
    desk.add("a")
    for name in "bcde":
        desk.add(name)
    desk.under_way().answer()
    desk.add("later")
    with capturedLogs():
        desk.under_way().fail(RuntimeError("bug"))
    while desk.sent()[-1] != ["later"]:
        assert len(desk.inner.under_way) == 1
        desk.under_way().answer()
    assert desk.sent()[2:] == [["b", "c"], ["d", "e"], ["later"]]


def test_an_expired_call_is_not_sent_again(desk: Desk) -> None:
    """Of a batch that failed, only calls whose deadline is ahead are sent again."""
    desk.add("a", timeout=60)
    short, long = desk.add("b", timeout=1), desk.add("c", timeout=60)
    desk.under_way().answer()
    desk.clock.rightNow += 1
    with capturedLogs():
        desk.under_way().fail(RuntimeError("bug"))
    desk.answer_all()
    assert desk.sent() == [["a"], ["b", "c"], ["c"]]
    assert error(short) is DeadlineExceeded
    assert long[0].name == "c"


@pytest.mark.parametrize("kind", ["remove", "update"])
def test_a_change_sent_twice_does_not_lie(desk: Desk, kind: str) -> None:
    """A removal that took effect before its batch failed is not told that there was no such task when sent again."""
    tasks = [new_task(), new_task()]
    desk.inner.tasks = {task.id: task for task in tasks}
    items = [TaskChange(task.id, "me", "x", None) if kind == "update" else TaskRemoval(task.id, "me") for task in tasks]
    desk.call(kind, TaskChange(str(ObjectId()), "me", None, None))
    results = [desk.call(kind, item) for item in items]
    desk.under_way().answer()
    desk.under_way().apply(1)
    with capturedLogs():
        desk.under_way().fail(RuntimeError("the connection was cut"))
    if kind == "update":  # another process removes it meanwhile
        del desk.inner.tasks[tasks[0].id]
    desk.answer_all()
    assert error(results[0]) is StoreUnavailable
    assert not isinstance(results[1][0], TaskError)


def test_a_refusal_that_may_be_of_its_own_success(desk: Desk) -> None:
    """A conditional update without a key that took effect before its batch failed is not told 412; with one it is done.

    What another caller's change did to the task is told as it is.
    """
    tasks = [new_task(str(number)) for number in range(3)]
    desk.inner.tasks = {task.id: task for task in tasks}
    conditions = [Condition(0), Condition(0, "k"), Condition(7, "l")]
    changes = [
        TaskChange(task.id, "me", "x", condition=condition) for task, condition in zip(tasks, conditions, strict=True)
    ]
    desk.call("update", TaskChange(str(ObjectId()), "me", done=True))
    results = [desk.call("update", change) for change in changes]
    desk.under_way().answer()
    desk.under_way().apply(2)
    with capturedLogs():
        desk.under_way().fail(RuntimeError("the connection was cut"))
    desk.answer_all()
    assert error(results[0]) is StoreUnavailable
    assert (results[1][0].name, results[1][0].version) == ("x", 1)
    assert error(results[2]) is VersionConflict


def test_one_of_several_conditional_updates_wins(desk: Desk) -> None:
    """Of several callers who change a task in its version the first wins; the others are told what it is then."""
    task = new_task()
    desk.inner.tasks = {task.id: task}
    desk.call("update", TaskChange(str(ObjectId()), "me", done=True))
    results = [desk.call("update", TaskChange(task.id, "me", name, condition=Condition(0))) for name in "abc"]
    desk.answer_all()
    assert results[0][0].name == "a"
    for (outcome,) in results[1:]:
        assert isinstance(outcome, VersionConflict)
        assert outcome.current == results[0][0]


def test_equal_changes_are_not_shared(desk: Desk) -> None:
    """Callers who ask for the very same conditional change do not get each other's success; under one key they do."""
    task = new_task()
    desk.inner.tasks = {task.id: task}
    same = [desk.call("remove", TaskRemoval(task.id, "me", Condition(0))) for _ in range(3)]
    desk.answer_all()
    assert [type(result[0]) for result in same] == [type(None), TaskNotFound, TaskNotFound]
    desk.call("restore", TaskRef(task.id, "me"))
    desk.answer_all()
    same = [desk.call("update", TaskChange(task.id, "me", "x", condition=Condition(2, "k"))) for _ in range(3)]
    desk.answer_all()
    assert [result[0].version for result in same] == [3, 3, 3]


def test_changes_of_every_kind_keep_apart(desk: Desk) -> None:
    """A restoration waits for the removal before it, and the update after it for both."""
    task = new_task()
    desk.inner.tasks = {task.id: task}
    desk.call("remove", TaskRemoval(task.id, "me"))
    restored = desk.call("restore", TaskRef(task.id, "me"))
    updated = desk.call("update", TaskChange(task.id, "me", "x"))
    assert [asked.kind for asked in desk.inner.asked] == ["remove"]
    desk.answer_all()
    assert [asked.kind for asked in desk.inner.asked] == ["remove", "restore", "update"]
    assert restored[0].version + 1 == updated[0].version


# A store that answers at once


def test_a_store_that_answers_at_once_meets_no_depth() -> None:
    """However many calls wait, a store that answers at once is asked in a loop and not in a recursion."""
    desk = Desk(max_items=1, max_open=10_000)
    task = new_task()
    results = [desk.add()]
    for number in range(2000):
        results.append(desk.add())
        results.append(desk.call("update", TaskChange(task.id, "me", str(number), None)))
        results.append(desk.call("remove", TaskRemoval(task.id, "me")))
    desk.inner.hold = False
    for asked in desk.inner.under_way:
        asked.answer()
    assert all(len(result) == 1 for result in results)


def test_a_caller_that_calls_again_at_once() -> None:
    """A caller that asks for more from within its answer is served, and the limits hold."""
    desk = Desk(max_items=2)
    names: list[str] = []

    def again(number: int) -> None:
        if number < 50:
            result = desk.store.add([new_task(str(number))], desk.clock.seconds() + 5)
            result.addCallback(lambda tasks: (names.append(tasks[0].name), again(number + 1)))

    for _ in range(4):
        again(0)
    while desk.inner.under_way:
        assert len(desk.inner.under_way) == 1
        assert len(desk.under_way().items) <= 2
        desk.under_way().answer()
    assert sorted(names) == sorted([str(number) for number in range(50)] * 4)


# Opening and closing


def test_close_answers_everything(desk: Desk) -> None:
    """After close every call has an answer, nothing more is sent, and no timer is left."""
    task = new_task()
    results = [
        desk.add("a"),
        desk.add("b"),
        desk.call("add", task),
        desk.call("update", TaskChange(task.id, "me", "x", None)),
        desk.call("find", ListQuery("me")),
        desk.call("find", ListQuery("me")),
    ]
    closed: list[Any] = []
    desk.store.close().addCallback(closed.append)
    assert closed == [None]
    assert [error(result) for result in results] == [StoreUnavailable] * 6
    assert desk.sent() == [["a"], [ListQuery("me")]]
    assert desk.clock.getDelayedCalls() == []
    assert error(desk.add("late")) is StoreUnavailable


def test_ping_goes_straight_to_the_store(desk: Desk) -> None:
    """A look at the store does not wait for batches."""
    desk.add("a")
    looked: list[Any] = []
    desk.store.ping(105).addCallback(looked.append)
    assert looked == [None]
