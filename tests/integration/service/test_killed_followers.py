"""A daemon that is killed in the middle of writes, and somebody who follows the changes through it."""

from __future__ import annotations

import random
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import Daemon
from tests.support.following import apply, living
from tests.support.mongo_stores import new_database
from tests.support.mongod import Mongod

WRITERS = 3


class Follower:
    """Applies what `changes` tells, and keeps it from one daemon to the next."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.sync = ""

    def follow(self, client: Any, limit: int, answers: int = 10_000) -> bool:
        """Ask so many times at most, until there is no more. Return whether there was an end."""
        for _ in range(answers):
            answer = client.changes("me", self.sync, limit)
            apply(self.known, answer)
            self.sync = answer.sync
            if not answer.more:
                return True
        return False

    @property
    def living(self) -> dict[str, tuple[str, int]]:
        """The tasks it believes to be there: names and versions."""
        return {task.id: (task.name, task.version) for task in living(self.known, OURS.Task).values()}


def write(port: int, seed: int) -> None:
    """Add, change, remove and restore tasks until the daemon is gone."""
    dice = random.Random(seed)
    ids: list[str] = []
    with suppress(Exception), thriftpy2_client(port) as client:
        while True:
            step = dice.choice(["add", "add", "update", "update", "remove", "restore"])
            with suppress(OURS.BaseException):
                if step == "add" or not ids:
                    ids.append(client.add("me", f"{seed} {len(ids)}", None).id)
                elif step == "update":
                    client.update(dice.choice(ids), f"{seed} {dice.random()}", None, "me")
                else:
                    getattr(client, step)(dice.choice(ids), "me")


def followed_through_kills(folder: Path, *options: str) -> None:
    follower = Follower()
    daemon = Daemon(folder, *options)
    for kill in range(3):
        with daemon:
            writers = [threading.Thread(target=write, args=(daemon.port, 10 * kill + n)) for n in range(WRITERS)]
            for writer in writers:
                writer.start()
            with thriftpy2_client(daemon.port) as client:
                while len(client.all("me")) < 20 * (kill + 1):
                    follower.follow(client, 7, answers=5)
                # In the middle of whatever the writers are doing.
                assert daemon.kill(signal.SIGKILL) == -signal.SIGKILL
            for writer in writers:
                writer.join()
    with daemon, thriftpy2_client(daemon.port) as client:
        # What was added behind the place of a listing that was under way is told by the one after it.
        assert follower.follow(client, 7)
        assert follower.follow(client, 1000)
        assert follower.living == {task.id: (task.name, task.version) for task in client.all("me")}
        names = [name for name, _ in follower.living.values()]
        assert any("." in name for name in names)  # changes arrived
        assert len(follower.known) > len(names)  # and removals


def test_killed_over_sqlite(tmp_path: Path) -> None:
    """Over SQLite: whoever goes on from the token they have ends with what `all` says."""
    followed_through_kills(tmp_path)


@pytest.mark.mongod
def test_killed_over_mongodb(tmp_path: Path, shared_mongod: Mongod) -> None:
    """So over MongoDB, where a removal is several commands."""
    followed_through_kills(tmp_path, "--mongo-uri", shared_mongod.uri, "--mongo-db", new_database())
