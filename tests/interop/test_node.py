"""Thrift's own library for Node, from npm: buffered, framed, HTTP and multiplexed, with each of its protocols."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.server import Served
from tests.support.mongod import in_ci

FOLDER = Path(__file__).with_name("node")
TRANSPORTS = ("buffered", "framed", "http", "multiplexed")
PROTOCOLS = ("binary", "compact", "json", "header")


@pytest.fixture(scope="module")
def installed() -> None:
    """Thrift for Node is there."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        (pytest.fail if in_ci() else pytest.skip)(f"{' and '.join(missing)} cannot be found")
    result = subprocess.run([str(FOLDER / "install")], capture_output=True, text=True, timeout=300)
    if result.returncode:
        (pytest.fail if in_ci() else pytest.skip)(f"npm cannot install Thrift: {result.stderr[-500:]}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_conversation(served: Served, transport: str, protocol: str) -> None:
    """Each protocol in each transport."""
    result = subprocess.run(
        ["node", "converse.js", str(served.port), transport, protocol],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
