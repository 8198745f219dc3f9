"""Metrics of the process: how late its reactor is, memory, garbage collections, versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from twisted_tasks.ops.metrics import Histogram, Pulled, gauge, histogram


class ReactorLag(Service):
    """Measures how late the reactor is, which is how long a call that arrives now has to wait.

    @param clock: the reactor's timers, on monotonic time.
    """

    interval = 0.1
    """Seconds between two measurements. A stall of this length is always seen."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self.lag = Histogram()

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()
        self._wait()

    def stopService(self) -> None:
        """Stop measuring."""
        super().stopService()
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _wait(self) -> None:
        self._call = self._clock.callLater(self.interval, self._tick, self._clock.seconds() + self.interval)

    def _tick(self, due: float) -> None:
        self.lag.observe(max(0.0, self._clock.seconds() - due))
        self._wait()

    def collect(self) -> Iterable[Metric]:
        """Return the family."""
        return [
            histogram("reactor_lag_seconds", "How late the reactor runs what is due.", "reactor", {"main": self.lag})
        ]


def versions_text(packages: Sequence[str]) -> str:
    """Return the versions of these packages in a line: "twisted-tasks 0.1.0 (twisted 26.10.0, Python 3.13.1)"."""
    own, *others = [f"{package} {metadata.version(package)}" for package in packages]
    return f"{own} ({', '.join([*others, f'Python {platform.python_version()}'])})"


def build_info(name: str, packages: Iterable[str]) -> Pulled:
    """Return a collector of one gauge, always 1, whose labels are the versions of Python and these packages."""
    versions = {"python": platform.python_version()}
    for package in packages:
        versions[package.replace("-", "_")] = metadata.version(package)

    def collect() -> Iterable[Metric]:
        return [gauge(name, "The versions this runs on.", list(versions), {tuple(versions.values()): 1})]

    return Pulled(collect)


def process_registry() -> CollectorRegistry:
    """Return a registry with prometheus_client's metrics of every process: CPU, memory, files, collections."""
    registry = CollectorRegistry()
    GCCollector(registry)
    ProcessCollector(registry=registry)
    return registry


MAXIMA: Mapping[str, str] = {"process_start_time_seconds": "the newest", "process_max_fds": "each has its own"}
"""Gauges of which the sum over several processes means nothing, and why."""
