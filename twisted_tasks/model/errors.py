"""How a call can fail: one class for each code its caller can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from twisted_tasks.model.values import Task


class TaskError(Exception):
    """A call that failed: `code` is HTTP-like, and the message is a sentence for people."""

    code: ClassVar[int]


class InvalidArgument(TaskError):
    """The arguments break a rule of the contract: repeating the call will fail again."""

    code = 400


class TaskNotFound(TaskError):
    """No such task, or not this user's: the two are never told apart."""

    code = 404

    def __init__(self, message: str = "there is no such task") -> None:
        super().__init__(message)


class TaskIdTaken(TaskError):
    """The task cannot be restored: another one was added under its id after it was removed."""

    code = 409

    def __init__(self, message: str = "another task was added under this id since it was removed") -> None:
        super().__init__(message)


class VersionConflict(TaskError):
    """The task does not have the version that the condition names. Nothing was done.

    @ivar current: the task as it is.
    """

    code = 412

    def __init__(self, current: Task | None = None, message: str = "") -> None:
        super().__init__(message or "the task has changed since it was read: see what it is now, and try again")
        self.current = current


class Overloaded(TaskError):
    """Too many requests in flight. Nothing was done: safe to retry."""

    code = 429

    def __init__(self, message: str = "too many requests in flight, try again") -> None:
        super().__init__(message)


class StoreUnavailable(TaskError):
    """The store cannot be reached or refuses to work. Safe to retry."""

    code = 503

    def __init__(self, message: str = "the task store is unavailable, try again") -> None:
        super().__init__(message)


class TaskRefused(TaskError):
    """The store refuses to keep the task as it is given: repeating the call will fail again."""

    code = 500

    def __init__(self, message: str = "the task store refuses this task: its operator finds why in the log") -> None:
        super().__init__(message)


class DeadlineExceeded(TaskError):
    """The deadline passed before the store answered; the call may have been done. Safe to retry."""

    code = 504

    def __init__(self, message: str = "the deadline passed before the task store answered, try again") -> None:
        super().__init__(message)
