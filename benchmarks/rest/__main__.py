"""`python -m benchmarks.rest`, once the servers in Node are built: measures our gateway beside servers of others.

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
from benchmarks.plot import draw
from benchmarks.rest.report import write
from benchmarks.rest.running import BUILT, KINDS, plan, started

FOLDER = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rest")
    parser.add_argument("--rounds", type=int, default=8, help="how often each is measured (default 8)")
    parser.add_argument("--seconds", type=float, default=0.75, help="how long each time (default 0.75)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results go")
    options = parser.parse_args()
    if not (BUILT / "built").exists():
        parser.error(f"the servers in Node are not built in {BUILT}: make bench-rest builds them")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as bench:
        results = run(plan(options.rounds, options.seconds), bench)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "results.md").write_text(write(results))
    (options.folder / "results.json").write_text(json.dumps(results.to_json(), indent=1) + "\n")
    draw(results, options.folder / "results.png", KINDS)
    sys.stdout.write(f"written to {options.folder}\n")


if __name__ == "__main__":
    main()
