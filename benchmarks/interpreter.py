"""Which Python the benchmarks run on: `python3 benchmarks/interpreter.py` prints the path of the quickest there is.

A third of a server's time, in Python, depends on whether the interpreter was built with profile-guided optimisation.
`sysconfig` knows the options of `configure`, but not all: Debian builds its own with optimisation and says so nowhere.
So each interpreter also runs the same small loop. This file needs no more than the standard library.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

NAMES = ("python3.11", "python3.12", "python3.13", "python3.14", "python3")
FOLDERS = ("/usr/bin", "/usr/local/bin")
CLEARLY = 0.9
"""An interpreter is taken for quicker when it needs at most this share of the time of the one that asks."""

_PROBE = """
import pathlib, sys, sysconfig, time
def work():
    made = {}
    begun = time.process_time()
    for number in range(200_000):
        made[number & 1023] = (str(number), [number, number + 1])
    return time.process_time() - begun
headers = pathlib.Path(sysconfig.get_path("include"), "Python.h").exists()
print(min(work() for _ in range(7)), sys.version_info >= (3, 11) and headers)
"""


def probe(python: str) -> float | None:
    """Return the seconds of CPU an interpreter needs for a small loop, the least of seven.

    None when it does not run, is too old, or has no headers, without which Thrift's codec in C cannot be built.
    """
    result = subprocess.run([python, "-I", "-c", _PROBE], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None
    seconds, good = result.stdout.split()
    return float(seconds) if good == "True" else None


def candidates() -> list[str]:
    """Return the interpreters of this machine, each once, by its real path."""
    found = [shutil.which(name) for name in NAMES]
    found += [f"{folder}/{name}" for folder in FOLDERS for name in NAMES if Path(folder, name).exists()]
    return sorted({str(Path(path).resolve()) for path in found if path is not None})


def quickest(own: str, probed: dict[str, float | None]) -> str:
    """Return the quickest interpreter, and `own` unless another is clearly quicker."""
    known = {python: seconds for python, seconds in probed.items() if seconds is not None}
    best = min(known, key=known.__getitem__, default=own)
    own_time = known.get(own)
    return best if own_time is None or (best in known and known[best] <= CLEARLY * own_time) else own


def describe() -> str:
    """Return how this interpreter was built, as `sysconfig` has it, and how long it takes for the loop."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    said = [option for option in ("--enable-optimizations", "--with-lto") if option in options]
    built = f"configured with {' '.join(said)}" if said else "configured without --enable-optimizations"
    seconds = probe(sys.executable)
    loop = "" if seconds is None else f"; a small loop takes it {seconds * 1e3:.0f} ms"
    return f"{built}, compiled with {sysconfig.get_config_var('OPT')}{loop}"


if __name__ == "__main__":
    mine = str(Path(sys.executable).resolve())
    sys.stdout.write(quickest(mine, {python: probe(python) for python in {mine, *candidates()}}) + "\n")
