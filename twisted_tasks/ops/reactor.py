"""What the process of a daemon needs of its reactor. Parts of it ask for less: see their types."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorProcess,
    IReactorSocket,
    IReactorThreads,
    IReactorTime,
)


class IDaemonReactor(IReactorCore, IReactorTime, IReactorThreads, IReactorProcess, IReactorSocket):
    """A reactor that runs, tells the time, and has threads, processes and sockets."""
