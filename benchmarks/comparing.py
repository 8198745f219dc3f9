"""What the comparisons beside `python -m benchmarks` have in common: their command line, and where results go."""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.plot import draw
from benchmarks.results import Results


def command_line(prog: str, folder: Path) -> argparse.ArgumentParser:
    """Return the options: how often and how long each is measured, and where the results go, by default to `folder`."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--rounds", type=int, default=8, help="how often each is measured (default 8)")
    parser.add_argument("--seconds", type=float, default=0.75, help="how long each time (default 0.75)")
    parser.add_argument("--folder", type=Path, default=folder, help="where the results go")
    return parser


def open_more_files() -> None:
    """Let this process, and those it starts, have as many connections as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def keep(results: Results, page: str, kinds: Mapping[str, str], folder: Path) -> None:
    """Write results.md, results.json and results.png.

    @param kinds: the columns of the picture: titles by kind of call.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(page)
    (folder / "results.json").write_text(json.dumps(results.to_json(), indent=1) + "\n")
    draw(results, folder / "results.png", kinds)
    sys.stdout.write(f"written to {folder}\n")
