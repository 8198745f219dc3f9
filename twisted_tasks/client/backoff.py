"""How long to wait before trying again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Pauses that double from `base` to `cap` seconds, each cut by a random part of up to half.

    The random part keeps many clients that failed at one moment from coming back at one moment.
    """

    base: float
    cap: float

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row; none after none."""
        if failures < 1:
            return 0.0
        whole = min(self.cap, self.base * 2.0 ** min(failures - 1, 62))
        return whole * random.uniform(0.5, 1.0)
