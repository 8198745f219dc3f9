"""What to do about a batch that failed as a whole: send its parts, until those that cannot work have failed alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.model import DeadlineExceeded, TaskError
from twisted_tasks.service.storage.batching.call import WaitingCall
from twisted_tasks.service.storage.batching.divide import divide
from twisted_tasks.service.storage.interface import Outcome, StoreMisconfigured


class Sender(Protocol):
    """The queue a batch is of."""

    def ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]: ...
    def settle(self, calls: Sequence[WaitingCall], failure: Failure) -> None: ...
    def settle_one(self, call: WaitingCall, outcome: Outcome[Any]) -> None: ...


class Rescue:
    """Sends the parts of batches that failed.

    @param sender: asks the store, and settles calls.
    @param ping: finds out by a deadline whether the store works, as in ITaskStore.
    @param clock: what deadlines are told on.
    """

    _log = Logger()

    def __init__(self, sender: Sender, ping: Callable[[float], Deferred[None]], clock: IReactorTime) -> None:
        self._sender = sender
        self._ping = ping
        self._clock = clock

    def run(self, batch: list[WaitingCall], failure: Failure) -> Deferred[None]:
        """Settle every call of a batch that failed, and fire then. Never fails."""
        if not failure.check(TaskError):
            self._log.failure("a batch of {count} met a bug; its parts are sent again", failure, count=len(batch))
        rescued = Deferred.fromCoroutine(divide(batch, self._send_again, self._sender.settle, self._store_works))
        return rescued.addErrback(self._met_a_bug)

    def _met_a_bug(self, failure: Failure) -> None:
        self._log.failure("sending the parts of a batch met a bug", failure)

    async def _send_again(self, calls: list[WaitingCall]) -> Failure | None:
        """Send calls and settle them. When that fails settle none, and return why."""
        now = self._clock.seconds()
        alive = [call for call in calls if call.answer is not None and call.deadline > now]
        outcomes: list[Outcome[Any]] = []
        if alive:
            try:
                outcomes = await self._sender.ask([call.item for call in alive], max(call.deadline for call in alive))
                if len(outcomes) != len(alive):
                    raise wrong_number(outcomes, alive)
            except Exception:
                return Failure()
        self._sender.settle([call for call in calls if call not in alive], Failure(DeadlineExceeded()))
        for call, outcome in zip(alive, outcomes, strict=True):
            self._sender.settle_one(call, outcome)
        return None

    async def _store_works(self, calls: list[WaitingCall]) -> bool:
        try:
            await self._ping(max(call.deadline for call in calls))
        except (TaskError, StoreMisconfigured):
            return False
        except Exception:
            self._log.failure("asking the store whether it works met a bug")
            return False
        return True


def wrong_number(outcomes: Sequence[Any], calls: Sequence[WaitingCall]) -> Exception:
    """Return what to say of a store that did not answer for each item."""
    return AssertionError(f"the store gave {len(outcomes)} outcomes for {len(calls)} items")
