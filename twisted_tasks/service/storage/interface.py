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

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    ListQuery,
    StoredTask,
    Task,
    TaskChange,
    TaskError,
    TaskRef,
    TaskRemoval,
    UserSync,
)

_T = TypeVar("_T")

Outcome: TypeAlias = _T | TaskError
"""What became of one item: its result, or the error its caller is told. Returned, not raised."""


class StoreMisconfigured(Exception):
    """The store can never work as it is set up. One sentence that names the cause, for the operator."""


class ITaskStore(Interface):
    """A place that keeps tasks, with their versions, what was removed, and the order of changes.

    Every operation takes `deadline`, a time on the clock the store was made with (`IReactorTime.seconds`), and
    returns a Deferred that fires by then:

    - with a list, one outcome per item in the order given. An item that fails does so alone;
    - or with a Failure of `StoreUnavailable` or `DeadlineExceeded`: then every item failed alike, and each write of
      the batch may or may not have happened. All operations are safe to repeat, those with a condition by its key.

    No item of a batch may depend on another one of it: the order in which they happen is not defined. A batch holds at
    most one change of a task by one user. Several users may name one id; at most one of them owns the task.

    **Versions.** A task has the version it was added with (the service gives it `created_ms`); if one of its id was
    removed before and that is still known, one more than the removal's when that is greater. Each change, removal and
    restoration makes it one greater. A change that sets nothing leaves the task, its version too, as it is.

    **Conditions**, of `update` and `remove`, are part of the write itself, not of a read before it. In this order:

    1. The task, or a removed task that is still known, has the condition's key: the change has succeeded before, and
       is not made again. The outcome of an update is the task as it now is, or as it last was; of a removal None.
    2. There is no such task of this user: TaskNotFound.
    3. The condition names a version, and the task has another: VersionConflict, with the task as it is.
    4. The change is made; the task remembers the key, with the version that was made, and forgets all but the last
       `model.KEYS_KEPT`. A removed task remembers its keys and that of its removal, and has them when it is restored.

    **Removed tasks** are kept for as many days as the store was told. With 0 their contents are not kept, but id,
    user, version and keys are, for 30 days, so that `changes` can tell of them.
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
        """Set what each change gives, under its condition; the outcome is the task with that change applied.

        Else it is TaskNotFound or VersionConflict.
        """

    def get(refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """Look each task up; the outcome is the task, or TaskNotFound."""

    def remove(removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        """Remove each task, under its condition; the outcome is None, TaskNotFound or VersionConflict."""

    def find(queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """Find the tasks of each query, newest first, ties by id, the greater first; the outcome is a list."""

    def restore(refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """Bring each removed task back as it was, its version one more than the removal's; the outcome is that task.

        A task that is living is its own success: the outcome is the task as it is. TaskIdTaken when another task was
        added under the id meanwhile, which one tells by its `created_ms`; TaskNotFound when no contents are kept.
        """

    def changes(queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        """Find what became of each user's tasks since a token was handed out, in the order in which it happened.

        Every change is told at least once, with the task's or the removal's version; the greater version of an id is
        the newer. At most `limit` tasks and removed ones together, and fewer where the tasks would not fit into a
        reply (`model.fitting`), but never none while there is more. A removed task whose id is living is not told.

        `reset` when the token is older than removals are known, is another store's or another user's, is of a time to
        come, or is from before `remove_all`: the answer is then that to a query without a token. The outcome is
        InvalidArgument for a token nobody made (`model.read_sync`).
        """

    def changed_users(syncs: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        """Find out which users have anything newer than their token, all in as few questions as the store allows.

        The outcome is None for a user with nothing new, else a token to ask with the next time; whoever asks without
        a token gets one. It is for this operation alone; `changes` is asked with what `changes` gave. A token that
        `changes` would reset counts as old. A user may be told of twice, and is never left out. InvalidArgument as in
        `changes`.
        """

    def remove_all(user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        """Remove everything of each user for good, removed tasks too; the outcome is how many living tasks there were.

        A token of `changes` that was handed out before is answered with `reset` afterwards.
        """


class ITaskScan(Interface):
    """A store whose tasks, of all users, can be walked through: for copying. No call of the service comes here."""

    def scan(after_id: str | None, limit: int, deadline: float) -> Deferred[list[Task]]:
        """Fire with the tasks of the `limit` smallest ids that are greater than `after_id` (None: of all), in order.

        None at all means that there are no more. Fails as an operation of ITaskStore does.
        """

    def count(deadline: float) -> Deferred[int]:
        """Fire with how many tasks there are, as the database counts them: apart from `scan`, to check what it brought.

        Fails as an operation of ITaskStore does.
        """


class ITaskCopy(ITaskScan):
    """A store that can be copied with all it knows of each task: removed ones, too, and keys."""

    def scan_stored(after_id: str | None, limit: int, deadline: float) -> Deferred[list[StoredTask]]:
        """As `scan`, of all tasks and, among them in the order of ids, removed ones whose id is not living."""

    def put(stored: Sequence[StoredTask], deadline: float) -> Deferred[list[Outcome[bool]]]:
        """Keep each as it is given, versions, dates and keys included, unless there is as new a version of its id.

        The outcome is whether it was kept, or TaskNotFound where the id is another user's. Whether `changes` tells of
        it to those who follow this store already is not promised.
        """

    def discard(refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """Forget each task, living or removed, as if it had never been there; the outcome is None, there or not.

        Whoever follows this store is not told. For making one store the same as another.
        """


class IStoreCheck(Interface):
    """A store that an operator can have looked at without starting anything."""

    def check(deadline: float) -> Deferred[str]:
        """Look whether the store could be used as it is set up, change nothing, and say in a sentence what is there.

        Called in the place of `open`, on a store that is not used afterwards. Fails with StoreMisconfigured, with the
        cause, whether or not waiting could mend it.
        """
