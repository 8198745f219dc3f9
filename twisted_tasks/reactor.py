"""What we need of Twisted's reactor, as types. Whoever needs one of Twisted's interfaces alone asks for that one."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorPluggableNameResolver,
    IReactorProcess,
    IReactorSocket,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUNIX,
)


class INetworkReactor(IReactorTime, IReactorTCP, IReactorUNIX, IReactorPluggableNameResolver, IReactorThreads):
    """What clients and stores need: it connects, looks names up, tells the time, and has threads."""


class ICommandReactor(INetworkReactor, IReactorCore, IReactorFDSet):
    """What a command needs: it also starts and stops, and reads from files."""


class IDaemonReactor(INetworkReactor, IReactorCore, IReactorProcess, IReactorSocket):
    """What a daemon needs: it also starts and stops, and has processes and inherited sockets."""
