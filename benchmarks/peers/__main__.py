"""`python -m benchmarks.peers`, once the peers are built: measures ours, with MongoDB, beside them.

It writes results.md, results.json and results.png beside this file, or where `--folder` says.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import run
from benchmarks.peers.report import write
from benchmarks.peers.servers import BUILT, KINDS, plan
from benchmarks.plot import draw
from benchmarks.running import started

FOLDER = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--rounds", type=int, default=8, help="how often each is measured (default 8)")
    parser.add_argument("--seconds", type=float, default=0.75, help="how long each time (default 0.75)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results go")
    options = parser.parse_args()
    measured = plan(options.rounds, options.seconds)
    if len(measured.servers) == 1:
        parser.error(f"no peer is built in {BUILT}: make bench-peers builds those this machine has compilers for")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, started(measured.servers, Path(folder)) as bench:
        results = run(measured, bench)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "results.md").write_text(write(results))
    (options.folder / "results.json").write_text(json.dumps(results.to_json(), indent=1) + "\n")
    draw(results, options.folder / "results.png", KINDS)
    sys.stdout.write(f"written to {options.folder}\n")


if __name__ == "__main__":
    main()
