"""Tokens of `changes` and `changed_users`: what they say, and when they can no longer be continued. Pure.

All moments are milliseconds of the servers' clock.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted_tasks.model import InvalidArgument, Position, read_sync, write_sync

_KIND = "m"
LOOK_BACK_MS = 60_000
"""How far a listing begins before its predecessor did. What is written has a date of the server or of a daemon, and is
seen up to a call's deadline later: this covers both, with daemons whose clocks are seconds apart."""
_DAY_MS = 24 * 3600 * 1000
"""How long a token is good for after its last whole listing. A write that a frozen server does later than LOOK_BACK_MS
covers is told of by the next whole one."""
_WHOLE, _SINCE, _PAGE, _TALLY = range(4)


class Whole(NamedTuple):
    """In the middle of a listing of everything, which began at `began`; told up to `after`."""

    began: int
    after: Position


class Since(NamedTuple):
    """Everything before `since` was told; the last listing of everything began at `whole`."""

    whole: int
    since: int


class WithinPages(NamedTuple):
    """In the middle of a listing, begun at `began`, of what is not older than `since`. Told up to a moment and id."""

    whole: int
    since: int
    began: int
    moment: int
    id: str


class Counted(NamedTuple):
    """Of `changed_users`: how much there was that is not older than `since`. Any change makes it another tally."""

    since: int
    tasks: int
    versions: int
    removals: int
    removal_versions: int


Sync = Whole | Since | WithinPages | Counted


def write(store: int, user_id: str, sync: Sync) -> str:
    """Return the token.

    @param store: a number that tells the tokens of this database from those of others.
    """
    numbers: tuple[int, ...]
    if isinstance(sync, Whole):
        numbers = (_WHOLE, sync.began, sync.after.created_ms, int(sync.after.id, 16))
    elif isinstance(sync, Since):
        numbers = (_SINCE, *sync)
    elif isinstance(sync, WithinPages):
        numbers = (_PAGE, *sync[:-1], int(sync.id, 16))
    else:
        numbers = (_TALLY, *sync)
    return write_sync(_KIND, user_id, (store, *numbers))


def read(store: int, user_id: str, token: str) -> Sync | None:
    """Return what a token says; None when it is another store's or user's. Raises InvalidArgument when it is none."""
    numbers = read_sync(_KIND, user_id, token)
    if numbers is None or numbers[0] != store:
        return None
    match numbers[1:]:
        case (0, began, created_ms, task_id) if 0 <= task_id < 16**24:
            return Whole(began, Position(created_ms, f"{task_id:024x}"))
        case (1, whole, since):
            return Since(whole, since)
        case (2, whole, since, began, moment, task_id) if 0 <= task_id < 16**24:
            return WithinPages(whole, since, began, moment, f"{task_id:024x}")
        case (3, since, tasks, versions, removals, removal_versions):
            return Counted(since, tasks, versions, removals, removal_versions)
    raise InvalidArgument("sync is not a token that changes answered")


def began(sync: Sync) -> int:
    """Return when what a token continues began to be whole."""
    return sync.began if isinstance(sync, Whole) else sync.since if isinstance(sync, Counted) else sync.whole


def is_good(sync: Sync, now: int, emptied: int | None) -> bool:
    """Return whether a token can be continued.

    @param now: the time.
    @param emptied: when everything of the user was last removed; None: not lately.
    """
    first = began(sync)
    if emptied is not None and first <= emptied + (0 if isinstance(sync, Whole) else LOOK_BACK_MS):
        # What was removed may be seen for a while. A listing that is under way goes on, or one of several pages would
        # never end in that time; what follows it begins anew.
        return False
    return now - _DAY_MS <= first <= now + LOOK_BACK_MS
