"""Runs `twistd` for a worker of a daemon with several: `python -m twisted_tasks.worker`. Not for people."""

from twisted.scripts.twistd import run

if __name__ == "__main__":
    run()
