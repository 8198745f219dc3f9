"""Whether calls should come here: what the probe of the store last found, until the daemon begins to stop."""

from __future__ import annotations

from collections.abc import Callable


class Readiness:
    """Asked by load balancers, by `check()` and by whoever starts the daemon. Never waits.

    @param health: gives (whether what is behind the service works, a sentence), at once.
    """

    def __init__(self, health: Callable[[], tuple[bool, str]]) -> None:
        self._health = health
        self.stopping = False

    def health(self) -> tuple[bool, str]:
        """Return whether calls should come here, and a sentence that says why not."""
        if self.stopping:
            return False, "the service is stopping"
        return self._health()
