"""Work that is done again and again for as long as the process lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure


def unending(work: Callable[[], Any], complain: Callable[[Failure], None], clock: IReactorTime) -> LoopingCall:
    """Return a loop that goes on when its work fails, which would end a LoopingCall for good.

    @param work: a function, or a coroutine function.
    @param complain: told of each failure.
    """
    loop = LoopingCall(lambda: maybeDeferred(work).addErrback(complain))
    loop.clock = clock
    return loop
