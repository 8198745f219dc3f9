"""Starts the processes of workers."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import Factory

from twisted_tasks.ops.workers.channel import WorkerChannel
from twisted_tasks.ops.workers.handle import WorkerHandle
from twisted_tasks.ops.workers.sockets import CONTROL, Inherited
from twisted_tasks.reactor import IDaemonReactor


class Spawner:
    """Starts workers' processes.

    @param reactor: starts the processes, and connects their channels.
    @param arguments: for Python, after its own name.
    @param environment: of the workers.
    @param variable: the environment variable that makes a process a worker.
    """

    def __init__(
        self, reactor: IDaemonReactor, arguments: Sequence[str], environment: Mapping[str, str], variable: str
    ) -> None:
        self._reactor = reactor
        self._arguments = [sys.executable, *arguments]
        self._environment = environment
        self._variable = variable

    def __call__(self, worker: WorkerHandle, ports: Sequence[tuple[str, IListeningPort]]) -> None:
        """Start a worker that takes connections from these ports, each with the text that named it.

        Raises OSError if the machine has no process or descriptor left. Nothing of the worker remains then.
        """
        opened: list[Any] = [port for _, port in ports]
        listen = tuple((name, int(port.addressFamily)) for (name, _), port in zip(ports, opened, strict=True))
        told = Inherited(worker.number, listen).to_environment(self._variable)
        ours, theirs = socket.socketpair()
        with ours, theirs, open(os.devnull) as nothing:
            files: dict[int, int | str] = {0: nothing.fileno(), 1: "r", 2: "r", CONTROL: theirs.fileno()}
            files |= {CONTROL + 1 + index: port.fileno() for index, port in enumerate(opened)}
            # The channel first: nobody could stop a process without one. It closes if the process does not start.
            take_up(self._reactor, ours, worker.channel)
            self._reactor.spawnProcess(
                worker, sys.executable, self._arguments, env={**self._environment, **told}, childFDs=files
            )


def take_up(reactor: IReactorSocket, end: socket.socket, channel: WorkerChannel) -> None:
    """Connect a channel to its end of a pair of sockets."""
    end.setblocking(False)
    factory: Any = Factory.forProtocol(lambda: channel)  # a server's is asked for, and any one will do
    reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
    end.close()  # the reactor has a copy
