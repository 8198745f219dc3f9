"""Passwords' hashes: argon2id, in threads of their own.

A hash costs 35 ms of CPU and 19 MiB. So all workers together make as many at once as there are processors, and what
waits for them is bounded: beyond that a login is refused at once rather than answered when nobody waits any more.
"""

from __future__ import annotations

import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from twisted_tasks.gateway.accounts.errors import HasherBusy

_T = TypeVar("_T")

# What OWASP's Password Storage Cheat Sheet asks for at least, which is what a login can cost here.
TIME_COST = 2
MEMORY_KIB = 19_456
LANES = 1

_WAITING_FOR_EACH = 24
"""Hashes that may wait for each thread: the last of them waits somewhat less than a second."""
_RETRY_AFTER = 1
_NICE = 10


class _Thread(threading.Thread):
    """A thread that lets the others go first: the reactor answers requests while passwords are checked."""

    def run(self) -> None:
        # On Linux each thread has a nice value of its own. Elsewhere it is the process's, which must not change.
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        super().run()


class _Pool(ThreadPool):
    threadFactory = _Thread


class Hasher(Protocol):
    """Makes and checks the hashes of passwords."""

    def start(self) -> None:
        """Start. Called once, in the process that hashes."""

    def stop(self) -> None:
        """Stop; what still waits is done first."""

    def hash(self, password: str) -> Deferred[str]:
        """Fire with a PHC string; fail with HasherBusy."""

    def verify(self, phc: str, password: str) -> Deferred[bool]:
        """Fire with whether the password is the hash's; fail with HasherBusy."""

    def is_weak(self, phc: str) -> bool:
        """Return whether a hash was made with less effort than this one makes them."""


class ThreadHasher:
    """A `Hasher` with argon2id.

    @param reactor: takes results from threads.
    @param threads: hashes made at once.
    """

    def __init__(
        self,
        reactor: IReactorFromThreads,
        threads: int,
        time_cost: int = TIME_COST,
        memory_kib: int = MEMORY_KIB,
    ) -> None:
        self._reactor = reactor
        self._argon2 = argon2.PasswordHasher(time_cost, memory_kib, LANES)
        self._pool = _Pool(0, threads, "passwords")
        self._most = threads * (1 + _WAITING_FOR_EACH)
        self.in_flight = 0
        """Hashes that are made or wait, for metrics."""

    def start(self) -> None:
        """See Hasher."""
        self._pool.start()

    def stop(self) -> None:
        """See Hasher."""
        self._pool.stop()

    def hash(self, password: str) -> Deferred[str]:
        """See Hasher."""
        return self._run(self._argon2.hash, _bytes(password))

    def verify(self, phc: str, password: str) -> Deferred[bool]:
        """See Hasher."""
        return self._run(self._verify, phc, _bytes(password))

    def is_weak(self, phc: str) -> bool:
        """See Hasher."""
        try:
            made = argon2.extract_parameters(phc)
        except InvalidHashError:
            return True
        return (
            made.type is not argon2.Type.ID
            or made.time_cost < self._argon2.time_cost
            or made.memory_cost < self._argon2.memory_cost
        )

    def _verify(self, phc: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(phc, password)
        except (VerificationError, InvalidHashError):
            return False

    def _run(self, function: Callable[..., _T], *args: Any) -> Deferred[_T]:
        if self.in_flight >= self._most:
            return fail(HasherBusy(_RETRY_AFTER))
        self.in_flight += 1
        done: Deferred[_T] = deferToThreadPool(self._reactor, self._pool, function, *args)

        def over(result: _T) -> _T:
            self.in_flight -= 1
            return result

        return done.addBoth(over)


def _bytes(password: str) -> bytes:
    """Return what is hashed: the same for every way to type the same characters."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
