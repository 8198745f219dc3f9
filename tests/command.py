"""The `tasks` command as its users run it: in a process of its own, in a pipe or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from tests.daemon import environment

PROGRAM = str(Path(sys.executable).with_name("tasks"))
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run(
    *arguments: str, env: Mapping[str, str] | None = None, data: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it in pipes, and return how it ended and what it printed."""
    done = subprocess.run(
        [PROGRAM, *arguments], env=environment(env), input=data or b"", capture_output=True, cwd=cwd, timeout=300
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_on_terminal(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, width: int = 80
) -> tuple[int, str]:
    """Run it on a terminal so wide; return its status and what is on the terminal then, colours left out."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        env={**environment(env), "TERM": "xterm-256color", "TZ": "UTC"},
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=cwd,
    )
    os.close(its)
    printed = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux tells that nobody holds the other end any more
            break
        if not piece:
            break
        printed += piece
    os.close(ours)
    return process.wait(60), _ANSI.sub("", printed.decode()).replace("\r\n", "\n")
