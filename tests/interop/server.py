"""Serves everything.thrift on real sockets, in a process of its own: python -m tests.interop.server ENDPOINT..."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.logger import globalLogBeginner, textFileLogObserver

from tests.interop.gen.twisted.everything import Everything
from tests.interop.handler import EverythingHandler
from tests.support.paths import ROOT
from twisted_tasks.wire.server import Limits, ThriftServerFactory


def main(limits: dict[str, Any], endpoints: list[str]) -> None:
    """Serve until killed, and say on standard output where. SIGUSR1 takes all descriptors, SIGUSR2 lets go of them."""
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    factory = ThriftServerFactory(
        Everything.Processor(EverythingHandler(reactor)),  # type: ignore[arg-type]
        Limits(**limits),
    )

    hoarded: list[Any] = []

    def hoard(*_: object) -> None:
        """Open files until there are no descriptors left."""
        try:
            while True:
                hoarded.append(open(os.devnull))  # noqa: SIM115 -- to be kept open
        except OSError:
            return

    signal.signal(signal.SIGUSR1, hoard)
    signal.signal(signal.SIGUSR2, lambda *_: hoarded.clear())

    def report(port: Any) -> None:
        print(port.getHost(), flush=True)  # noqa: T201 -- for the test that started this

    for endpoint in endpoints:
        serverFromString(reactor, endpoint).listen(factory).addCallback(report)
    reactor.run()  # type: ignore[attr-defined]


class Served:
    """Such a process. A context manager: leaving it kills the process.

    @ivar port: where it listens on the loopback interface.
    @ivar log: the file with what it logs.
    """

    def __init__(
        self,
        folder: Path,
        *more: str,
        limits: dict[str, Any] | None = None,
        command: str = "",
        module: str = "tests.interop.server",
    ) -> None:
        self.log = folder / "served.log"
        arguments = [sys.executable, "-m", module, json.dumps(limits or {})]
        arguments += ["tcp:0:interface=127.0.0.1:backlog=1024", *more]
        if command:
            arguments = ["sh", "-c", f'{command} && exec "$@"', "sh", *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        hosts = [self.process.stdout.readline().decode() for _ in range(1 + len(more))]
        match = re.search(r"IPv4Address\(.*port=(\d+)", "".join(hosts))
        assert match, f"it did not start:\n{self.log.read_text()}"
        self.port = int(match[1])
        self.ports = [int(number) for number in re.findall(r"IPv4Address\(.*port=(\d+)", "".join(hosts))]

    def logged(self) -> str:
        """Return what it has logged so far."""
        return self.log.read_text()

    def memory(self) -> int:
        """Return how many bytes of memory it has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def cpu(self) -> float:
        """Return how many seconds of CPU it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def sockets(self) -> int:
        """Return how many sockets it has, those it listens on and the reactor's own included."""
        return sum(os.readlink(path).startswith("socket:") for path in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def wait_for_log(self, text: str) -> None:
        """Return once it has logged this."""
        end = time.monotonic() + 60
        while text not in self.logged():
            assert time.monotonic() < end, self.logged()
            time.sleep(0.05)

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
