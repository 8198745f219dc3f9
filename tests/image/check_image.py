"""The built image, as whoever runs it meets it: `make image-check`.

`make test` does not collect this: it needs an image and Docker, or podman, whose commands are the same.
    DOCKER   the program, which may have arguments; docker
    IMAGE    the image; twisted-tasks
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support.clients import thriftpy2_client
from tests.support.mongod import Mongod, eventually, free_port

DOCKER = shlex.split(os.environ.get("DOCKER", "docker"))
IMAGE = os.environ.get("IMAGE", "twisted-tasks")


def docker(*arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of Docker's, and check its exit status unless it is None."""
    ended = subprocess.run([*DOCKER, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert status in (None, ended.returncode), ended
    return ended


def inspect() -> dict[str, Any]:
    """Return the image's configuration."""
    (image,) = json.loads(docker("image", "inspect", IMAGE).stdout)
    # Podman keeps the health check one level higher than Docker.
    return {"Healthcheck": image.get("Healthcheck"), **image["Config"]}


class Container:
    """A container of the image, running in the background."""

    def __init__(self, docker_options: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        """Start one. `docker_options` are Docker's, `options` are appended to the image's command."""
        self.id = docker("run", "--detach", *docker_options, IMAGE, *options).stdout.strip()

    @property
    def log(self) -> str:
        """What it has written."""
        ended = docker("logs", self.id)
        return ended.stdout + ended.stderr

    @property
    def port(self) -> int:
        """The port on loopback where its own is published."""
        return int(docker("port", self.id, "6001/tcp").stdout.rpartition(":")[2])

    def wait_for(self, pattern: str) -> None:
        """Wait until it has logged this."""
        end = time.monotonic() + 60
        while not re.search(pattern, self.log):
            assert time.monotonic() < end, self.log
            time.sleep(0.1)

    def health(self) -> tuple[int, str]:
        """Run the image's health check in it, and return its exit status and what it printed."""
        kind, *command = inspect()["Healthcheck"]["Test"]
        assert kind == "CMD"
        ended = docker("exec", self.id, *command, status=None)
        return ended.returncode, ended.stdout.strip()

    def stop(self) -> int:
        """Stop it as Docker does, with SIGTERM, and return its exit status."""
        docker("stop", "--time", "60", self.id)
        return int(docker("wait", self.id).stdout)

    def remove(self) -> None:
        """Remove it and its volumes without a name, whether it runs or not."""
        docker("rm", "--force", "--volumes", self.id)


@pytest.fixture
def start() -> Iterator[Callable[..., Container]]:
    """What starts containers (see Container), published on loopback unless told otherwise, which are removed later."""
    containers: list[Container] = []

    def run(*options: str, docker_options: Sequence[str] = ("--publish", "127.0.0.1::6001")) -> Container:
        containers.append(Container(docker_options, options))
        return containers[-1]

    yield run
    for container in containers:
        container.remove()


@pytest.fixture
def volume() -> Iterator[str]:
    """A volume, which is removed later."""
    name = docker("volume", "create").stdout.strip()
    yield name
    docker("volume", "rm", name)


def test_it_answers(start: Callable[..., Container]) -> None:
    """With nothing but a published port it serves clients from outside, and its health check says that it is well."""
    container = start()
    container.wait_for("ready: ")
    assert container.health() == (0, "ready: the task store works")
    with thriftpy2_client(container.port) as client:
        assert client.check().ok is True
        task = client.add("me", "tea", None)
        assert client.all("me") == [task]


def test_the_tools(start: Callable[..., Container]) -> None:
    """The `tasks` command is in the image: it looks at the service, and copies its tasks."""
    container = start()
    container.wait_for("ready: ")
    assert "All is well" in docker("exec", container.id, "tasks", "doctor").stdout
    docker("exec", container.id, "tasks", "copy", "tasks.sqlite3", "/data/copy.sqlite3")


def test_metrics_from_outside(start: Callable[..., Container]) -> None:
    """A bare port for health and metrics is reached from outside the container."""
    container = start(docker_options=["--publish", "127.0.0.1::9091", "--env", "TASKS_HTTP=9091"])
    container.wait_for("ready: ")
    address = docker("port", container.id, "9091/tcp").stdout.strip()
    with urllib.request.urlopen(f"http://{address}/health/ready", timeout=30) as response:
        assert response.status == 200


def test_it_logs_no_trouble(start: Callable[..., Container]) -> None:
    """No start complains, least of all of a plugin cache that it cannot write."""
    container = start()
    container.wait_for("ready: ")
    for word in ("cache", "error", "warn", "Traceback", "critical"):
        assert word.lower() not in container.log.lower(), container.log


def test_it_is_not_root(start: Callable[..., Container]) -> None:
    """The daemon is the first process, is not root, and can write nothing but its data."""
    container = start()
    container.wait_for("ready: ")
    status = docker("exec", container.id, "cat", "/proc/1/status", "/proc/1/cmdline").stdout
    assert "twistd" in status
    (user,) = re.findall(r"^Uid:\t(\d+)\t", status, re.M)
    assert f"{user}:{user}" == inspect()["User"] != "0:0"
    found = docker(
        "exec", container.id, "find", "/opt", "/etc", "/usr", "/data", "-writable", "-not", "-type", "l", status=None
    )
    assert {path.split("/")[1] for path in found.stdout.split()} == {"data"}


def test_it_needs_no_privilege(start: Callable[..., Container]) -> None:
    """It runs on a file system it cannot write, without any capability, as the Compose file has it."""
    container = start(
        docker_options=[
            *("--publish", "127.0.0.1::6001", "--read-only"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        ]
    )
    container.wait_for("ready: ")
    assert container.health()[0] == 0
    with thriftpy2_client(container.port) as client:
        assert client.add("me", "tea", None).name == "tea"


def test_another_user(start: Callable[..., Container]) -> None:
    """It runs as whatever user it is given, as OpenShift does; without /data the store has to be elsewhere."""
    container = start("--mongo-host", "127.0.0.1", docker_options=["--user", "4242"])
    container.wait_for("not ready: ")
    refused = start(docker_options=["--user", "4242"])
    assert docker("wait", refused.id).stdout.strip() == "1"
    assert "cannot use tasks.sqlite3 as the task store: unable to open database file" in refused.log
    assert "Traceback" not in refused.log


def test_it_stops(start: Callable[..., Container]) -> None:
    """SIGTERM ends it in good order, with exit status 0."""
    container = start()
    container.wait_for("ready: ")
    assert container.stop() == 0
    assert "Server Shut Down" in container.log


def test_the_volume_keeps_the_tasks(start: Callable[..., Container], volume: str) -> None:
    """What one container has stored in the volume the next one has, whether the first was stopped or killed."""
    options = ["--publish", "127.0.0.1::6001", "--volume", f"{volume}:/data"]
    kept = []
    for end in (Container.stop, Container.remove, Container.stop):
        container = start(docker_options=options)
        container.wait_for("ready: ")
        with thriftpy2_client(container.port) as client:
            assert client.all("me") == kept
            kept.insert(0, client.add("me", f"task {len(kept)}", None))
        end(container)
        container.remove()  # once more does no harm


def test_further_options(start: Callable[..., Container]) -> None:
    """Options given to `docker run` are the daemon's; one that makes no sense is one line and exit status 1."""
    container = start("--sqlite", "/data/other.sqlite3", "--timeout", "3")
    container.wait_for(r"SQLite file /data/other\.sqlite3")
    refused = start("--timeout", "never")
    assert docker("wait", refused.id).stdout.strip() == "1"
    assert refused.log.splitlines() == ["twistd tasks: --timeout: 'never' is not a number of seconds"]


def test_health_follows_the_service(start: Callable[..., Container]) -> None:
    """Without its database the daemon is up, and its health check fails and says so."""
    container = start("--mongo-host", "127.0.0.1", "--timeout", "1")
    container.wait_for("not ready: ")
    status, line = container.health()
    assert status == 1
    assert line.startswith("not ready: ")
    with thriftpy2_client(container.port) as client:
        assert client.check().ok is False


@pytest.mark.mongod
def test_it_uses_a_mongodb(start: Callable[..., Container], mongod: Mongod) -> None:
    """With a MongoDB's address in the environment it keeps its tasks there; TASKS_PORT is the health check's port too.

    The container shares the machine's network, so that a mongod on loopback can be reached; so the daemon is told to
    stay there too.
    """
    port = free_port()
    container = start(
        *("--host", "127.0.0.1"),
        docker_options=["--network", "host", "--env", f"MONGO_URI={mongod.uri}", "--env", f"TASKS_PORT={port}"],
    )
    container.wait_for("ready: ")
    assert f"listening on 127.0.0.1:{port}" in container.log
    assert container.health()[0] == 0
    with thriftpy2_client(port) as client:
        task = client.add("me", "tea", None)
        assert client.get(task.id, "me") == task
    with mongod.client() as other:
        (document,) = other["tasks-db"]["tasks"].find()
    assert str(document["_id"]) == task.id
    mongod.kill()
    eventually("the health check fails", lambda: container.health()[0] == 1)
    mongod.start()
    eventually("the health check succeeds again", lambda: container.health()[0] == 0)
    with thriftpy2_client(port) as client:
        assert client.all("me") == [task]
    assert container.stop() == 0
