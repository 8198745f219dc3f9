"""What Linux tells of a process: the CPU time it has used, and its memory."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int | str) -> float:
    """Return the CPU time a process has used, in all its threads."""
    # What follows the command's name, which may hold anything: field 3 and on.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(pid: int, what: str = "VmRSS") -> int:
    """Return the bytes of memory a process has (VmRSS), or has had at most since `forget_peak` (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/{pid}/status has no {what}")


def forget_peak(pid: int) -> None:
    """Let the peak of a process's memory be what it has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
