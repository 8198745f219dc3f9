"""How many connections the process's limit of file descriptors leaves room for.

Without this, a flood of connections takes every descriptor there is: the store cannot open its files then, and the port
of Twisted accepts each further connection only to close it, with three log lines. Stopping short of that costs nothing.
"""

from __future__ import annotations

import os

SPARE = 32
"""Descriptors kept free for what the process opens besides what it has open when it starts to listen: connections to a
database, files of a log or an embedded store, a name looked up."""

_OPEN = "/proc/self/fd"


def room_for_connections() -> int | None:
    """Return how many connections there is room for, at least one; None where the system does not say."""
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or not os.path.isdir(_OPEN):
        return None
    return max(1, limit - len(os.listdir(_OPEN)) - SPARE)
