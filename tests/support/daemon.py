"""The real daemon, started as its user would, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TWISTD = [str(Path(sys.executable).with_name("twistd"))]

# What a developer may have set for a daemon of their own.
_OURS = re.compile(r"(TASKS|MONGO|MONGODB)_")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment less what configures the daemon, and with `extra`."""
    clean = {name: text for name, text in os.environ.items() if not _OURS.match(name)}
    return {**clean, **(extra or {})}


class Daemon:
    """`twistd -n tasks` with some options, in some folder. A context manager: leaving it kills the process.

    @param folder: where it runs, and its log is kept.
    @param options: given to `tasks`, after `--port 0` unless they say where to listen.
    @param env: environment variables besides this process's.
    @param command: what twistd runs in the place of `tasks` with its options.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.command = command
        self.folder = folder
        self.options: Sequence[str] = options
        self.env = env
        self.log = folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Daemon:
        """Start it, and return when it listens. Raises AssertionError with its output when it does not."""
        where = [] if {"--port", "--listen"} & set(self.options) else ["--port", "0"]
        with self.log.open("ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(
                [*TWISTD, "-n", "--pidfile=", *(self.command or ["tasks", *where, *self.options])],
                cwd=self.folder,
                env=environment(self.env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.address = self.wait_for(r"listening on ([^\s\"]+)", start)[1]
        return self

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self.address.rpartition(":")[2])

    def wait_for(self, pattern: str, start: int = 0, timeout: float = 60.0) -> re.Match[str]:
        """Return the match of a pattern in what it has logged from byte `start` on, as soon as there is one."""
        end = time.monotonic() + timeout
        while True:
            text = self.log.read_bytes()[start:].decode(errors="replace")
            if match := re.search(pattern, text):
                return match
            running = self.process is not None and self.process.poll() is None
            assert running, f"the daemon ended; no {pattern!r} in what it logged:\n{text}"
            assert time.monotonic() < end, f"no {pattern!r} in what the daemon logged:\n{text}"
            time.sleep(0.02)

    def logged(self, pattern: str) -> re.Match[str]:
        """Return the match of a pattern in what it has logged; it may have ended."""
        text = self.log.read_text(errors="replace")
        match = re.search(pattern, text)
        assert match, f"no {pattern!r} in what the daemon logged:\n{text}"
        return match

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal, and return the exit status when it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> Daemon:
        return self.start()

    def __exit__(self, *error: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


def run_tasks(
    folder: Path, *options: str, env: Mapping[str, str] | None = None, twistd: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run `twistd -n tasks`, `twistd` being options of twistd's own, where it is expected to end by itself.

    Return how it did.
    """
    return subprocess.run(
        [*TWISTD, "-n", "--pidfile=", *twistd, "tasks", *options],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=60,
    )
