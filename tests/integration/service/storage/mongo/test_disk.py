"""MongoDB's disk is full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from tests.support.load import HANG, Load
from tests.support.mongo_stores import CLOCK, blocking, new_database, opened, verify
from tests.support.mongod import Mongod, running
from tests.support.waiting import until

SIZE_MB = 320  # MongoDB wants 100 MB for a journal, and as much again for the next one


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, and a small one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be made here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.mongod
@pytest_twisted.ensureDeferred
async def test_a_full_disk(small_disk: Path) -> None:
    """While the disk is full calls fail in time; with room again all is well, and nothing acknowledged is lost.

    MongoDB ends itself when it cannot write. Whoever looks after it makes room and starts it again.
    """
    with running(Mongod(small_disk / "mongod", ["--syncdelay", "1"])) as server:
        database = new_database()
        async with opened(server.uri, database=database) as store:
            load = Load(store, CLOCK, timeout=1.0)
            load.start()
            await load.well_again(0.0)
            filler = small_disk / "filler"
            space = os.statvfs(small_disk)
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)
            await until(CLOCK, lambda: len(load.errors()) > 20, HANG)
            filler.unlink()
            await blocking(server.kill)
            await blocking(server.start)
            await load.well_again(CLOCK.seconds())
            await load.stop()
            assert load.in_time(), load.summary()
            await verify(load, server, database)
