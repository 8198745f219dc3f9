"""Serves the Tasks service over tasks in memory, in a process of its own: python -m tests.interop.tasks_server."""

from __future__ import annotations

import sys

from twisted.internet.endpoints import serverFromString
from twisted.logger import globalLogBeginner, textFileLogObserver

from twisted_tasks.testing import TasksDouble


def main() -> None:
    """Serve until killed, and say on standard output where."""
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    listening = serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(TasksDouble(reactor).factory)
    listening.addCallback(lambda port: print(port.getHost(), flush=True))  # noqa: T201 -- for the test that started this
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
