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

from tests.support.daemon import environment

PROGRAM = str(Path(sys.executable).with_name("tasks"))
_PARTS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\n\r]+")


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
    return process.wait(60), shown(printed.decode())


def shown(printed: str) -> str:
    """Return what a terminal shows in the end: lines that were erased or written over are gone, colours too."""
    lines, row, column = [""], 0, 0
    for part in _PARTS.findall(printed):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[2K":
            lines[row] = ""
        elif match := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(0, row - int(match[1] or 1))
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return "\n".join(line.rstrip() for line in lines)
