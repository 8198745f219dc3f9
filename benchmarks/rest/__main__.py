"""`python -m benchmarks.rest`, once the servers in Node are built: measures our gateway beside servers of others.

It writes results.md, results.json and results.png beside this file, or where `--folder` says.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.__main__ import run
from benchmarks.comparing import command_line, keep, open_more_files
from benchmarks.rest.report import write
from benchmarks.rest.running import BUILT, KINDS, plan, started


def main() -> None:
    parser = command_line("python -m benchmarks.rest", Path(__file__).parent)
    options = parser.parse_args()
    if not (BUILT / "built").exists():
        parser.error(f"the servers in Node are not built in {BUILT}: make bench-rest builds them")
    open_more_files()
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as bench:
        results = run(plan(options.rounds, options.seconds), bench)
    keep(results, write(results), KINDS, options.folder)


if __name__ == "__main__":
    main()
