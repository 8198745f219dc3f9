"""Why a daemon cannot start, and results that are known at once."""

from __future__ import annotations

from typing import TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_T = TypeVar("_T")


class StartError(SystemExit, Exception):
    """Why the daemon cannot start, in one line.

    An Exception, so that twistd removes its pid file and tells the parent of a daemonized process; a SystemExit, so
    that Python prints the line instead of a traceback, and exits with status 1.

    @param command: the daemon's, as people type it: "twistd tasks".
    @param why: what happened and what to do.
    """

    def __init__(self, command: str, why: object) -> None:
        super().__init__(f"{command}: {why}")


def result_of(deferred: Deferred[_T]) -> _T:
    """Return or raise what a Deferred has fired with. Every endpoint that twistd can be given listens at once."""
    if not deferred.called:
        raise RuntimeError("it was not ready at once")
    results: list[object] = []
    deferred.addBoth(results.append)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return cast(_T, results[0])
