"""Health and metrics over HTTP, of the real daemon."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.ops.test_drain import InFlight, writes_held_up
from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import Daemon, run_tasks


def get(address: str, path: str) -> tuple[int, str]:
    """Return the status and the body."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(address: str) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels."""
    status, text = get(address, "/metrics")
    assert status == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def http_of(daemon: Daemon) -> str:
    return daemon.wait_for(r"health and metrics on (\S+)")[1]


def wait_until_ready(address: str) -> None:
    end = time.monotonic() + 60
    while get(address, "/health/ready")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_health(tmp_path: Path) -> None:
    """It is live at once, and ready when the store was found working; everything else is 404."""
    with Daemon(tmp_path, "--http", "0") as daemon:
        address = http_of(daemon)
        assert address.startswith("127.0.0.1:")
        assert get(address, "/health/live") == (200, '{"live": true}\n')
        wait_until_ready(address)
        assert json.loads(get(address, "/health/ready")[1]) == {"ready": True, "reason": "the task store works"}
        assert get(address, "/health")[0] == 404
        assert get(address, "/")[0] == 404


def test_not_ready_without_the_store(tmp_path: Path) -> None:
    """A store that does not work makes it not ready, with the reason, and leaves it live."""
    with Daemon(tmp_path, "--http", "0") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        with writes_held_up(tmp_path):
            end = time.monotonic() + 60
            while get(address, "/health/ready")[0] == 200:
                assert time.monotonic() < end
                time.sleep(0.05)
            answer = json.loads(get(address, "/health/ready")[1])
            assert answer["ready"] is False
            assert answer["reason"]
            assert get(address, "/health/live")[0] == 200
        wait_until_ready(address)


def test_not_ready_while_it_stops(tmp_path: Path) -> None:
    """From the signal on it is not ready, and says so until it has stopped."""
    with Daemon(tmp_path, "--http", "0", "--timeout", "50", "--drain-timeout", "50") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        with writes_held_up(tmp_path) as lock:
            call = InFlight(daemon)
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("stopping: 1 calls in flight")
            status, text = get(address, "/health/ready")
            assert (status, json.loads(text)["reason"]) == (503, "the service is stopping")
            lock.execute("COMMIT")
            assert call.result().name == "tea"
        assert daemon.process.wait(60) == 0


def test_metrics(tmp_path: Path) -> None:
    """Calls are there by method and outcome, errors by code, what is in flight, and what the process is."""
    with Daemon(tmp_path, "--http", "0", "--timeout", "50", "--max-in-flight", "1") as daemon:
        address = http_of(daemon)
        with thriftpy2_client(daemon.port) as client:
            client.add("me", "tea", None)
            for _ in range(3):
                client.all("me")
            with pytest.raises(OURS.BaseException):
                client.all("")
            with writes_held_up(tmp_path) as lock:
                call = InFlight(daemon)
                with pytest.raises(OURS.BaseException, match="429"):
                    client.all("me")
                during = metrics(address)
                lock.execute("COMMIT")
                call.result()
        end = time.monotonic() + 60
        # All this may take less than the tenth of a second after which the reactor's lag is first measured.
        while not (after := metrics(address))["reactor_lag_seconds_count", "main"]:
            assert time.monotonic() < end
    assert during["thrift_server_active_requests", "add"] == 1
    assert after["thrift_server_active_requests", "add"] == 0
    assert after["tasks_errors_total", "429"] == after["tasks_errors_total", "400"] == 1
    assert after["thrift_server_latency_seconds_count", "add", "true"] == 2
    assert after["tasks_store_latency_seconds_count", "find"] == 3
    assert after["tasks_store_batch_items_sum", "add"] == 2
    assert after["tasks_connections_opened_total", "unframed binary"] == 2
    assert after["process_resident_memory_bytes",] > 0
    assert ("python_gc_collections_total", "0") in after
    assert [value for key, value in after.items() if key[0] == "tasks_build_info"] == [1.0]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port for HTTP that is taken is one line and exit status 1."""
    with Daemon(tmp_path, "--http", "0") as daemon:
        port = http_of(daemon).rpartition(":")[2]
        ended = run_tasks(tmp_path, "--port", "0", "--http", port)
        assert ended.returncode == 1
        assert f"twistd tasks: cannot listen on tcp:{port}:interface=127.0.0.1" in ended.stdout + ended.stderr


def test_off_by_default(tmp_path: Path) -> None:
    """Without --http there is no HTTP."""
    with Daemon(tmp_path) as daemon:
        assert daemon.process is not None
        listening = Path(f"/proc/{daemon.process.pid}/net/tcp").read_text().splitlines()
        inodes = {os.readlink(link) for link in Path(f"/proc/{daemon.process.pid}/fd").iterdir() if link.is_symlink()}
        mine = [line.split() for line in listening[1:] if f"socket:[{line.split()[9]}]" in inodes]
        assert [fields[3] for fields in mine].count("0A") == 1  # 0A is LISTEN
