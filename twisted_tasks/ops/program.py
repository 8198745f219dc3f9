"""What a daemon brings to `ops`, and what `ops` gives it to be put together with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client.core import Metric
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.daemon_settings import DaemonSettings
from twisted_tasks.ops.listening import Listen
from twisted_tasks.ops.notify import Notifier
from twisted_tasks.ops.settings import Options, Setting
from twisted_tasks.ops.tls import Tls
from twisted_tasks.reactor import IDaemonReactor

S = TypeVar("S", bound=DaemonSettings)


@dataclass(frozen=True)
class Context:
    """What a daemon is put together with, whichever process it is in.

    @ivar command: what people type to run it: "twistd tasks".
    @ivar prefix: how the names of its metrics begin: "tasks".
    @ivar clock: runs on monotonic time.
    @ivar notifier: told of the daemon's life.
    @ivar listen: what to listen on.
    @ivar metered: whether what happens is counted and timed.
    """

    command: str
    prefix: str
    reactor: IDaemonReactor
    clock: IReactorTime
    notifier: Notifier
    listen: Listen
    metered: bool


@dataclass(frozen=True)
class Parts:
    """A daemon that was put together, and what its process asks of it.

    @ivar health: gives (whether calls should come here, a sentence), at once.
    @ivar gather: collects the metrics.
    @ivar describe: yields what is under way, in lines.
    """

    daemon: Daemon
    health: Callable[[], tuple[bool, str]]
    gather: Callable[[], list[Metric]]
    describe: Callable[[], Iterator[str]]
    tls: Tls | None


@dataclass(frozen=True)
class Program(Generic[S]):
    """A daemon that `twistd` can run. `ops` gives it workers, signals, logs, TLS, readiness and metrics.

    @ivar name: of the plugin: "tasks" for `twistd tasks`.
    @ivar summary: one sentence for `--help`.
    @ivar table: its settings, those of `ops.daemon_settings` among them.
    @ivar load: makes settings of the options and the environment; raises ConfigError.
    @ivar assemble: puts the daemon together and opens nothing; raises ValueError with a sentence when a setting cannot
        be honoured.
    @ivar preflight: does what is to be done once, before there are several workers; raises StartError.
    @ivar check: for `--check-config`: looks whether what is behind the daemon could be used, changes nothing and gives
        a sentence on it; raises ValueError or OSError with the cause.
    @ivar packages: those whose versions an operator wants to know, its own first.
    """

    name: str
    summary: str
    table: Sequence[Setting]
    load: Callable[[Options, Any], S]
    assemble: Callable[[S, Context], Parts]
    check: Callable[[S, IDaemonReactor, IReactorTime], Awaitable[str]]
    preflight: Callable[[S, IDaemonReactor], None] = lambda settings, reactor: None
    packages: Sequence[str] = ("twisted-tasks", "twisted")

    @property
    def command(self) -> str:
        """What people type to run it."""
        return f"twistd {self.name}"

    @property
    def prefix(self) -> str:
        """How the names of its metrics begin."""
        return self.name.replace("-", "_")

    @property
    def worker_variable(self) -> str:
        """The environment variable that makes a process a worker; only a daemon sets it, for its own."""
        return f"{self.prefix.upper()}_WORKER"
