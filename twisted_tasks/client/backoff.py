"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.application.internet import backoffPolicy


def backoff(base: float, cap: float) -> Callable[[int], float]:
    """Return what gives the seconds to wait after so many failures in a row; none after none.

    They double from `base` to `cap`, and a random part of up to half is cut off. So many clients that failed at one
    moment do not come back at one moment: Twisted's own jitter adds up to a second, which is much beside a first pause
    and little beside a long one.
    """
    grows = backoffPolicy(base, cap, factor=2.0, jitter=lambda: 0.0)
    return lambda failures: grows(failures - 1) * random.uniform(0.5, 1.0) if failures > 0 else 0.0
