"""What systemd is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from twisted_tasks.ops.notify import systemd_notifier


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def heard(listener: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(listener.recv(1024).decode())
        except BlockingIOError:
            return messages


def test_nobody_asked() -> None:
    """Without NOTIFY_SOCKET, or with one of a kind unknown, there is nobody to tell."""
    assert systemd_notifier({}, Clock(), 1) is None
    assert systemd_notifier({"NOTIFY_SOCKET": "vsock:2:1"}, Clock(), 1) is None


def test_messages(listener: socket.socket) -> None:
    """Each message is a datagram as sd_notify(3) has it; a status is one line."""
    notifier = systemd_notifier({"NOTIFY_SOCKET": listener.getsockname()}, Clock(), 1)
    assert notifier is not None
    notifier.ready()
    notifier.status("not ready:\nno\0 store".replace("\0", ""))
    notifier.stopping()
    assert heard(listener) == ["READY=1", "STATUS=not ready: no store", "STOPPING=1"]


def test_the_watchdog(listener: socket.socket) -> None:
    """It is fed twice in each interval, from start to stop."""
    clock = Clock()
    where = {"NOTIFY_SOCKET": listener.getsockname(), "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "7"}
    notifier = systemd_notifier(where, clock, 7)
    assert notifier is not None
    notifier.startService()
    clock.pump([2.0, 2.0])
    assert heard(listener) == ["WATCHDOG=1"] * 3
    notifier.stopService()
    clock.pump([2.0, 2.0])
    assert heard(listener) == []


def test_another_process_s_watchdog(listener: socket.socket) -> None:
    """A watchdog that waits for another process is not fed."""
    clock = Clock()
    where = {"NOTIFY_SOCKET": listener.getsockname(), "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "8"}
    notifier = systemd_notifier(where, clock, 7)
    assert notifier is not None
    notifier.startService()
    clock.pump([2.0, 2.0])
    assert heard(listener) == []


def test_systemd_is_gone(tmp_path: Path) -> None:
    """A socket nobody reads is one line in the log, and no error."""
    notifier = systemd_notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, Clock(), 1)
    assert notifier is not None
    with capturedLogs() as events:
        notifier.ready()
        notifier.stopping()
    assert len(events) == 1
