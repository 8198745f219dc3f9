"""The seam between the service and where its tasks are kept.

Operations take a list and give one outcome per item, in the same order, because databases answer sixty-four questions
at once for little more than the price of one. A single call is a batch of one.

Everything handed to a store is valid by `twisted_tasks.model`: ids are 24 lower-case hexadecimal digits, dates are
milliseconds since 1970 within the years 1 to 9999.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Interface

from twisted_tasks.model import ListQuery, Task, TaskChange, TaskError, TaskRef

_T = TypeVar("_T")

Outcome: TypeAlias = _T | TaskError
"""What became of one item: its result, or the error its caller is told. Returned, not raised."""


class StoreMisconfigured(Exception):
    """The store can never work as it is set up. One sentence that names the cause, for the operator."""


class ITaskStore(Interface):
    """A place that keeps tasks.

    Every operation takes `deadline`, a time on the clock the store was made with (`IReactorTime.seconds`), and
    returns a Deferred that fires by then:

    - with a list, one outcome per item in the order given. An item that fails does so alone;
    - or with a Failure of `StoreUnavailable` or `DeadlineExceeded`: then every item failed alike, and each write of
      the batch may or may not have happened. All operations are safe to repeat.

    No item of a batch may depend on another one of it: the order in which they happen is not defined. Two changes of
    one task in one batch are not allowed.
    """

    def open() -> Deferred[None]:
        """Start. Called once, with the reactor about to run or running; operations may follow at once.

        Fires when the store is usable, or, for one that is reached over a network and mends by itself, when the first
        attempt has ended, whichever way. Fails with StoreMisconfigured when waiting could not mend it.
        """

    def close() -> Deferred[None]:
        """Stop: let go of everything `open` took. Operations still under way fail. Never fails itself."""

    def ping(deadline: float) -> Deferred[None]:
        """Find out whether the store works. Fails as an operation does, or with StoreMisconfigured."""

    def add(tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """Add each task under its id.

        When the id is there already and is of the same user, the outcome is the task as it is in the store and
        nothing is changed: that makes adding repeatable. When it is another user's, the outcome is TaskNotFound.
        """

    def update(changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """Set what each change gives; the outcome is the task with that change applied, or TaskNotFound."""

    def get(refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """Look each task up; the outcome is the task, or TaskNotFound."""

    def remove(refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """Remove each task; the outcome is None, or TaskNotFound."""

    def find(queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """Find the tasks of each query, newest first, ties by id, the greater first; the outcome is a list."""


class ITaskScan(Interface):
    """A store whose tasks, of all users, can be walked through: for copying. No call of the service comes here."""

    def scan(after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """Fire with the tasks of the `limit` smallest ids that are greater than `after_id` (None: of all), in order.

        Fewer than `limit` are the last ones. Fails as an operation of ITaskStore does.
        """


class IStoreCheck(Interface):
    """A store that an operator can have looked at without starting anything."""

    def check(deadline: float) -> Deferred[str]:
        """Look whether the store could be used as it is set up, change nothing, and say in a sentence what is there.

        Called in the place of `open`, on a store that is not used afterwards. Fails with StoreMisconfigured, with the
        cause, whether or not waiting could mend it.
        """
