"""What a process that serves many connections changes about itself: the limit of open files, garbage collection."""

from __future__ import annotations

import gc
import resource

from twisted.logger import Logger

_log = Logger()

_YOUNG = 10_000
"""Objects made since the last collection after which the next one is due. Calls in flight hold thousands of objects,
and collecting more often would find nothing among them."""


def raise_open_files_limit() -> None:
    """Raise the soft limit of open files to the hard one. Most systems have a soft one of 1024, for select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            _log.warn("up to {soft} open files; no more: {error}", soft=soft, error=str(error))
            return
    _log.info("up to {hard} open files (the limit was {soft})", hard=hard, soft=soft)


def spare_garbage_collector() -> None:
    """Exempt from garbage collection what is there now: modules, classes, settings, which never become garbage.

    They are about 100,000 objects. A collection of them takes 40 ms, in which nobody is answered. Under load there were
    two a second, and they were the 99th percentile of latency.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
