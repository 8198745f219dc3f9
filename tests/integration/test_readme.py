"""That the README is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.daemon import ROOT, Daemon

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example(tmp_path: Path) -> None:
    """The client code prints what the README says."""
    (code,) = blocks("python")
    (printed,) = blocks("text")
    with Daemon(tmp_path) as daemon:
        ended = subprocess.run(
            [sys.executable, "-c", code.replace("6001", str(daemon.port))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.stderr == ""
    assert ended.stdout == printed


def test_the_links() -> None:
    """Every file the README points at is there."""
    for target in re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / target).exists(), target
