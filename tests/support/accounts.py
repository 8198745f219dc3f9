"""Accounts for tests: clocks that are set by hand, and hashes that cost nothing."""

from __future__ import annotations

import hashlib

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from twisted_tasks.gateway.accounts.errors import HasherBusy
from twisted_tasks.gateway.accounts.model import AccountSettings
from twisted_tasks.gateway.accounts.policy import PasswordPolicy
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

HOME = "192.0.2.1"
ELSEWHERE = "198.51.100.7"
PASSWORD = "wide open spaces"
BROWSER = "Mozilla/5.0"


class QuickHasher:
    """A `Hasher` for tests: at once, and worthless as a protection.

    @ivar busy: whether hashing is refused.
    @ivar checked: how many passwords were checked.
    """

    def __init__(self, strength: int = 2) -> None:
        self.strength = strength
        self.busy = False
        self.checked = 0

    def start(self) -> None:
        """See Hasher."""

    def stop(self) -> None:
        """See Hasher."""

    def hash(self, password: str) -> Deferred[str]:
        """See Hasher."""
        return fail(HasherBusy(1)) if self.busy else succeed(f"{self.strength}${_digest(password)}")

    def verify(self, phc: str, password: str) -> Deferred[bool]:
        """See Hasher."""
        if self.busy:
            return fail(HasherBusy(1))
        self.checked += 1
        return succeed(phc.partition("$")[2] == _digest(password))

    def is_weak(self, phc: str) -> bool:
        """See Hasher."""
        return phc.partition("$")[0] < str(self.strength)


class Wall:
    """The time of day on one machine: that of a clock, and wrong by so many seconds."""

    def __init__(self, clock: Clock, wrong: float = 0.0) -> None:
        self._clock = clock
        self.wrong = wrong

    def __call__(self) -> float:
        return 1_800_000_000.0 + self._clock.seconds() + self.wrong


def make_accounts(
    store: IAccountStore | None = None,
    clock: Clock | None = None,
    wall: Wall | None = None,
    hasher: QuickHasher | None = None,
    settings: AccountSettings | None = None,
) -> Accounts:
    """Return the accounts of one gateway, not opened; all that is not given is made."""
    clock = clock or Clock()
    return Accounts(
        store or MemoryAccountStore(),
        clock,
        wall or Wall(clock),
        hasher or QuickHasher(),
        PasswordPolicy(),
        settings or AccountSettings(),
    )


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
