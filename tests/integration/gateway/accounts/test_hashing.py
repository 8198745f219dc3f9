"""Passwords' hashes, with argon2 and threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import argon2
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from twisted_tasks.gateway.accounts.errors import HasherBusy
from twisted_tasks.gateway.accounts.hashing import LANES, MEMORY_KIB, TIME_COST, ThreadHasher
from twisted_tasks.gateway.accounts.logins import NOBODYS_HASH


@pytest.fixture
def hasher() -> Iterator[ThreadHasher]:
    hasher = ThreadHasher(reactor, threads=2)
    hasher.start()
    yield hasher
    hasher.stop()


@pytest_twisted.ensureDeferred
async def test_a_hash(hasher: ThreadHasher) -> None:
    """A hash is a PHC string of argon2id with the parameters there are, each with a salt of its own."""
    one, other = await gatherResults([hasher.hash("wide open spaces"), hasher.hash("wide open spaces")])
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (TIME_COST, MEMORY_KIB, LANES) == (2, 19456, 1)
    assert await hasher.verify(one, "wide open spaces") is True
    assert await hasher.verify(one, "wide open space") is False
    assert await hasher.verify(other, "wide open spaces") is True


@pytest_twisted.ensureDeferred
async def test_whole_passwords(hasher: ThreadHasher) -> None:
    """No character of a password is cut off, NUL ends nothing, and accents may be typed in two ways."""
    phc = await hasher.hash("\u00e9" + "x" * 254 + "y")
    assert await hasher.verify(phc, "e\u0301" + "x" * 254 + "y") is True
    assert await hasher.verify(phc, "\u00e9" + "x" * 254 + "z") is False
    phc = await hasher.hash("a\0b")
    assert await hasher.verify(phc, "a\0c") is False
    assert await hasher.verify(phc, "\ud800") is False


@pytest_twisted.ensureDeferred
async def test_what_is_no_hash(hasher: ThreadHasher) -> None:
    """A hash that is damaged fits no password."""
    for phc in ("", "x", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$12$abc"):
        assert await hasher.verify(phc, "wide open spaces") is False


def test_weak(hasher: ThreadHasher) -> None:
    """A hash is weak if less time or memory was spent on it, or another algorithm; not if more was."""
    assert hasher.is_weak(argon2.PasswordHasher(1, 19456, 1).hash("x"))
    assert hasher.is_weak(argon2.PasswordHasher(2, 1024, 1).hash("x"))
    assert hasher.is_weak(argon2.PasswordHasher(2, 19456, 1, type=argon2.Type.I).hash("x"))
    assert hasher.is_weak("$2b$12$abc")
    assert not hasher.is_weak(argon2.PasswordHasher(2, 19456, 1).hash("x"))
    assert not hasher.is_weak(argon2.PasswordHasher(3, 65536, 4).hash("x"))


@pytest_twisted.ensureDeferred
async def test_nobodys_hash(hasher: ThreadHasher) -> None:
    """What unknown usernames are checked against is made as every hash is, and fits no password."""
    assert argon2.extract_parameters(NOBODYS_HASH) == argon2.extract_parameters(await hasher.hash("x"))
    assert await hasher.verify(NOBODYS_HASH, "") is False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has nice values of threads")
@pytest_twisted.ensureDeferred
async def test_behind_the_others(hasher: ThreadHasher) -> None:
    """Hashes are made behind everything else that this process does."""
    hasher._argon2 = type("Asked", (), {"hash": lambda self, password: os.getpriority(os.PRIO_PROCESS, 0)})()
    # The calling thread's own value: that of thread 0 is its caller's, in Linux.
    assert await hasher.hash("x") > os.getpriority(os.PRIO_PROCESS, 0)


@pytest_twisted.ensureDeferred
async def test_bounded(hasher: ThreadHasher) -> None:
    """Two are made at once and 48 wait; more are refused at once, and there is room again when these are done."""
    gate = threading.Event()
    hasher._argon2 = type("Slow", (), {"hash": lambda self, password: gate.wait(30) and "phc"})()
    running = [hasher.hash("x") for _ in range(50)]
    with pytest.raises(HasherBusy) as caught:
        await hasher.hash("x")
    assert caught.value.retry_after >= 1
    assert hasher.in_flight == 50
    gate.set()
    assert await gatherResults(running) == ["phc"] * 50
    assert await hasher.hash("x") == "phc"
    assert hasher.in_flight == 0
